# Put a new database in place, if the old one is still the one that was compared.
cd -- "$ps_calc" || exit
ps_old=$ps_folder/old/$ps_name

end() { # WORD
    rm -rf "$ps_folder"
    echo "$1"
    exit
}

[ -e "$ps_folder/$ps_name" ] || end excluded
# As psweep does before it locks; and so that psweep knows there how the database is called
case $ps_name in
database.*) [ -e "$ps_old" ] ;;
esac && { mkdir -p -- ".psweep/$ps_name" || exit; }
take_lock || end locked
if [ -e "$ps_old" ]; then
    cmp -s -- "$ps_name" "$ps_old" || end changed
else
    [ ! -e "$ps_name" ] || end changed
fi
mv -f -- "$ps_folder/$ps_name" "$ps_name" || exit
end replaced

# Put a new database in place, if the old one is still the one that was compared.
cd -- "$ps_calc" || exit
ps_old=$ps_folder/old/$ps_name

end() { # WORD
    rm -rf "$ps_folder"
    echo "$1"
    exit
}

[ -e "$ps_folder/$ps_name" ] || end excluded
[ ! -e "$ps_old" ] || mkdir -p -- ".psweep/$ps_name" || exit # as psweep does before it locks
take_lock || end locked
if [ -e "$ps_old" ]; then
    cmp -s -- "$ps_name" "$ps_old" || end changed
else
    [ ! -e "$ps_name" ] || end changed
fi
mv -f -- "$ps_folder/$ps_name" "$ps_name" || exit
end replaced

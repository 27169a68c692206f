# Put a new database in place, if the old one is still the one that was compared.
cd -- "$ps_calc" || exit
ps_private=.psweep/$ps_name
ps_old=$ps_folder/old/$ps_name

end() { # WORD
    rm -rf "$ps_folder"
    echo "$1"
    exit
}

try_lock() { # of open file 9; 1: another has it, others: no, as the file system gives no locks
    if command -v flock >/dev/null; then
        flock -n 9 2>/dev/null
    elif command -v perl >/dev/null; then
        perl -e 'open(FILE, ">>&=9"); exit(!flock(FILE, 6) && $!{EAGAIN} ? 1 : 0)'
    fi
}

[ -e "$ps_folder/$ps_name" ] || end excluded
# The lock that psweep takes when it changes the database; it makes this folder before
[ ! -e "$ps_old" ] || mkdir -p -- "$ps_private" || exit
if [ -d "$ps_private" ]; then
    exec 9>>"$ps_private/lock" || exit
    ps_tries=0
    while
        try_lock
        [ $? = 1 ]
    do
        ps_tries=$((ps_tries + 1))
        [ "$ps_tries" -lt "$ps_patience" ] || end locked
        sleep 0.1
    done
fi
if [ -e "$ps_old" ]; then
    cmp -s -- "$ps_name" "$ps_old" || end changed
else
    [ ! -e "$ps_name" ] || end changed
fi
mv -f -- "$ps_folder/$ps_name" "$ps_name" || exit
end replaced

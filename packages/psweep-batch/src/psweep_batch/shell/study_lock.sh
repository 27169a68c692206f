# take_lock: take the lock of a study, which psweep takes when it changes the study; a process that
# ends gives it back. The ps_ variables are set above; the working folder is the study's.

try_lock() { # of open file 9; 1: another has it, others: no, as the file system gives no locks
    if command -v flock >/dev/null; then
        flock -n 9 2>/dev/null
    elif command -v perl >/dev/null; then
        perl -e 'open(FILE, ">>&=9"); exit(!flock(FILE, 6) && $!{EAGAIN} ? 1 : 0)'
    fi
}

take_lock() { # 1: another process keeps it
    [ -d ".psweep/$ps_name" ] || return 0
    exec 9>>".psweep/$ps_name/lock" || exit
    ps_tries=0
    while
        try_lock
        [ $? = 1 ]
    do
        ps_tries=$((ps_tries + 1))
        [ "$ps_tries" -lt "$ps_patience" ] || return 1
        sleep 0.1
    done
}

run() { # FOLDER COMMAND...: run the jobscript in it by the command, here and now
    pset=$1
    shift
    command -v "$1" >/dev/null || stop "there is no command $1 here"
    claim "$pset" || return 0
    echo here >"$pset/.submitted_$machine.$attempt"
    submitted=$((submitted + 1))
    cd -- "$pset" || exit
    find_log
    note_start "$log"
    env "$@" "jobscript_$machine" </dev/null >>"$log" 2>&1
    status=$?
    note_exit "$status"
    cd -- "$calc" || exit
    [ "$status" = 0 ] || say "$pset: exit status $status, see $calc/$pset/$log"
    [ -z "$interrupted" ] || stop interrupted
}

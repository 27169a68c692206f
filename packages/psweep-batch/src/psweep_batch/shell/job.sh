# What a job does. calc, machine, attempt and own_log are set above.

stopped=
code=0

send() { # SIGNAL: on to the jobscript, which has set its traps as if it were the job itself
    caught=yes
    [ -z "$child" ] || kill -s "$1" "$child" 2>/dev/null
}
trap 'send USR1' USR1
trap 'send USR2' USR2
trap 'stopped=yes; send TERM' TERM
trap 'stopped=yes; send HUP' HUP
child=

run_pset() { # FOLDER: run its jobscript there, by what its first line names
    cd -- "$calc/$1" || return
    if [ "$own_log" ]; then
        find_log
    else
        log=$(readlink "/proc/$$/fd/1" 2>/dev/null)
        log=${log#"$(pwd -P)/"}
    fi
    read -r first <"jobscript_$machine"
    case $first in
    '#!'*) with=${first#??} ;;
    *) with=${BASH:-/bin/sh} ;;
    esac
    note_start "$log"
    if [ "$own_log" ]; then
        $with "./jobscript_$machine" >>"$log" 2>&1 &
    else
        $with "./jobscript_$machine" &
    fi
    child=$!
    code=
    while :; do
        caught=
        wait "$child"
        status=$?
        # A signal ends the waiting, not the jobscript. 127: the shell has told before how that ended.
        if [ -z "$code" ] || [ "$status" != 127 ]; then code=$status; fi
        [ -n "$caught" ] || kill -0 "$child" 2>/dev/null || break
    done
    child=
    note_exit "$code"
}

run_task() { # LIST PACK: run the psets of this task of an array, one after another
    own_log=yes
    worst=0
    first=$((SLURM_ARRAY_TASK_ID * $2 + 1))
    for pset in $(sed -n "$first,$((first + $2 - 1))p" "$calc/$1"); do
        # after a requeue, not those that were done before
        grep -qs '^exit 0 ' "$calc/$pset/.job_$machine.$attempt" && continue
        export SLURM_SUBMIT_DIR="$calc/$pset"
        run_pset "$pset"
        [ "$code" = 0 ] || worst=$code
        [ -z "$stopped" ] || break
    done
    code=$worst
    # What SLURM itself has to say of a task comes to a file of its own; mostly there is nothing.
    log=$(readlink "/proc/$$/fd/1" 2>/dev/null)
    case $log in
    */"arrays_$machine"/*.out) [ -s "$log" ] || rm -f "$log" ;;
    esac
}


# What a job does. The ps_ variables are set above; these names keep clear of those of others.

ps_stopped=
ps_code=1
ps_child=
exec 3<&0 # for the jobscript: the shell takes stdin from what runs in the background

send() { # SIGNAL: on to the jobscript, which has set its traps as if it were the job itself
    ps_caught=yes
    [ -z "$ps_child" ] || kill -s "$1" "$ps_child" 2>/dev/null
}
trap 'send USR1' USR1
trap 'send USR2' USR2
trap 'ps_stopped=yes; send TERM' TERM
trap 'ps_stopped=yes; send HUP' HUP

run_pset() { # FOLDER: run its jobscript there, by what its first line names
    cd -- "$ps_calc/$1" || return
    if [ "$ps_own_log" ]; then
        find_log
    else
        ps_log=$(readlink "/proc/$$/fd/1" 2>/dev/null)
        ps_log=${ps_log#"$(pwd -P)/"}
    fi
    read -r ps_first <"jobscript_$ps_machine"
    case $ps_first in
    '#!'*) ps_with=${ps_first#??} ;;
    *) ps_with=${BASH:-/bin/sh} ;;
    esac
    note_start "$ps_log"
    if [ "$ps_own_log" ]; then
        $ps_with "./jobscript_$ps_machine" <&3 3<&- >>"$ps_log" 2>&1 &
    else
        $ps_with "./jobscript_$ps_machine" <&3 3<&- &
    fi
    ps_child=$!
    ps_code=
    while :; do
        ps_caught=
        wait "$ps_child"
        ps_status=$?
        # A signal ends the waiting, not the jobscript. 127: the shell has told before how that ended.
        if [ -z "$ps_code" ] || [ "$ps_status" != 127 ]; then ps_code=$ps_status; fi
        [ -n "$ps_caught" ] || kill -0 "$ps_child" 2>/dev/null || break
    done
    ps_child=
    note_exit "$ps_code"
}

run_task() { # LIST PACK: run the psets of this task of an array, one after another
    ps_own_log=yes
    ps_worst=0
    ps_first=$((SLURM_ARRAY_TASK_ID * $2 + 1))
    for ps_pset in $(sed -n "$ps_first,$((ps_first + $2 - 1))p" "$ps_calc/$1"); do
        # after a requeue, not those that were done before
        grep -qs '^exit 0 ' "$ps_calc/$ps_pset/.job_$ps_machine.$ps_attempt" && continue
        export SLURM_SUBMIT_DIR="$ps_calc/$ps_pset"
        run_pset "$ps_pset"
        [ "$ps_code" = 0 ] || ps_worst=$ps_code
        [ -z "$ps_stopped" ] || break
    done
    ps_code=$ps_worst
    # What SLURM itself has to say of a task comes to a file of its own; mostly there is nothing.
    ps_log=$(readlink "/proc/$$/fd/1" 2>/dev/null)
    case $ps_log in
    */"arrays_$ps_machine"/*.out) [ -s "$ps_log" ] || rm -f "$ps_log" ;;
    esac
}

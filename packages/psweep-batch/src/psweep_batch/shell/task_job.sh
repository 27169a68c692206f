
# What a job of prep_batch(func=...) does: it runs the jobscript, and hands signals on to psweep-task.

ps_began=$(date +%s)
exec 3<&0 # for the jobscript: the shell takes stdin from what runs in the background
ps_run=$(mktemp -d "${TMPDIR:-/tmp}/psweep.XXXXXX") || ps_run=$(mktemp -d "$ps_calc/.psweep.XXXXXX") || exit

ps_send() { # SIGNAL: to psweep-task; before that runs, to the jobscript
    if [ -s "$ps_run/task" ]; then
        kill -s "$1" "$(cat "$ps_run/task")" 2>/dev/null
    elif [ "$1" = "$ps_warns" ]; then
        : # psweep has asked for it, and the jobscript does not expect it
    elif [ -s "$ps_run/jobscript" ]; then
        kill -s "$1" "$(cat "$ps_run/jobscript")" 2>/dev/null
    fi
}
trap 'ps_send TERM' TERM
trap 'ps_send INT' INT
trap 'ps_send HUP' HUP
trap 'ps_send USR1' USR1
trap 'ps_send USR2' USR2
trap 'ps_send XCPU' XCPU
trap 'ps_send TERM' QUIT ABRT ALRM VTALRM PROF # of which psweep-task knows nothing

ps_kills() { # how many processes of this job the system has killed for want of memory, if it says so
    while IFS=: read -r _ ps_kind ps_group; do
        case $ps_kind in
        memory) ps_file=/sys/fs/cgroup/memory$ps_group/memory.oom_control ;;
        '') ps_file=/sys/fs/cgroup$ps_group/memory.events ;;
        *) continue ;;
        esac
        sed -n 's/^oom_kill //p' "$ps_file" 2>/dev/null
    done </proc/self/cgroup 2>/dev/null
}

ps_inside() { # COMMAND...: run it, and note how it ends
    # Traps that do nothing: what is run does not inherit them, and this shell stays.
    trap : TERM INT HUP USR1 USR2 XCPU QUIT ABRT ALRM VTALRM PROF
    sh -c 'echo $$ >"$0/jobscript"; exec env "$@"' "$ps_run" "$@"
    echo $? >"$ps_run/code"
}

run_chunk() { # CHUNK:ATTEMPT [COMMAND...]: run the jobscript for it, by the command or what its first line names
    ps_chunk=${1%:*}
    ps_attempt=${1#*:}
    shift
    if [ $# = 0 ]; then
        read -r ps_first <"$ps_calc/jobscript_$ps_machine"
        case $ps_first in
        '#!'*) set -- ${ps_first#??} ;;
        *) set -- "${BASH:-/bin/sh}" ;;
        esac
    fi
    cd -- "$ps_calc/$ps_cwd" 2>/dev/null || cd -- "$ps_calc/.." || exit
    for ps_name in SLURM_SUBMIT_DIR PBS_O_WORKDIR SGE_O_WORKDIR LS_SUBCWD; do
        eval "[ -z \"\${$ps_name}\" ] || { $ps_name=\$PWD; export $ps_name; }"
    done
    PSWEEP_SPOOL=$ps_calc/$ps_spool
    PSWEEP_CHUNK=$ps_chunk
    PSWEEP_ATTEMPT=$ps_attempt
    PSWEEP_MACHINE=$ps_machine
    PSWEEP_PARALLEL=$ps_parallel
    PSWEEP_KILL_WAIT=$ps_kill_wait
    PSWEEP_LEVELS=$ps_levels
    PSWEEP_RUN=$ps_run
    PSWEEP_JOB_START=$ps_began # its time limit counts from here, not from where psweep-task begins
    export PSWEEP_JOB_START PSWEEP_SPOOL PSWEEP_CHUNK PSWEEP_ATTEMPT PSWEEP_MACHINE PSWEEP_PARALLEL PSWEEP_KILL_WAIT PSWEEP_LEVELS PSWEEP_RUN
    ps_kills_before=$(ps_kills)
    ps_inside "$@" "$ps_calc/jobscript_$ps_machine" <&3 3<&- >>"$PSWEEP_SPOOL/$ps_chunk.log" 2>&1 &
    ps_pid=$!
    # A signal ends the waiting, and what the shell says afterwards is of no use: it is not read.
    while kill -0 "$ps_pid" 2>/dev/null; do
        wait "$ps_pid"
        if kill -0 "$ps_pid" 2>/dev/null; then sleep 0.1; fi
    done
    # A signal to the whole job may have ended the jobscript, and left psweep-task to tidy up.
    if [ -s "$ps_run/task" ]; then
        while kill -0 "$(cat "$ps_run/task")" 2>/dev/null; do sleep 0.1; done
    fi
    ps_code=1
    if [ -s "$ps_run/code" ]; then ps_code=$(cat "$ps_run/code"); fi
    ps_claim=$PSWEEP_SPOOL/$ps_chunk.claim
    [ "$ps_attempt" = 1 ] || ps_claim=$ps_claim.$ps_attempt
    if [ -s "$ps_run/claim" ]; then
        ps_claim=$(cat "$ps_run/claim")
    elif grep -qs '^start ' "$ps_claim"; then
        ps_claim= # this is of an earlier start of the job, which may still run on another node
    fi
    # If it was killed, was it for memory? psweep-task had no time to note that.
    if [ -e "$ps_claim" ] && [ "$ps_code" = 137 ] && [ "$ps_kills_before" != "$(ps_kills)" ]; then
        echo "end $(date +%s.%N) lost out of memory" >>"$ps_claim"
    fi
    if [ -e "$ps_claim" ]; then echo "exit $ps_code $(date +%s.%N)" >>"$ps_claim"; fi
    rm -rf "$ps_run"
    # What the scheduler itself has to say comes to a file of its own; mostly there is nothing.
    ps_log=$(readlink "/proc/$$/fd/1" 2>/dev/null)
    case $ps_log in
    */"arrays_$ps_machine"/*) [ -s "$ps_log" ] || rm -f "$ps_log" ;;
    esac
}

run_task_of() { # TASK CHUNK:ATTEMPT...: run the chunk of this task of an array, counted from 0
    ps_task=$1
    shift
    [ "$ps_task" -lt $# ] || exit 0
    shift "$ps_task"
    run_chunk "$1"
}


# What a job does. The ps_ variables are set above; these names keep clear of those of others.

exec 3<&0 # for the jobscripts: the shell takes stdin from what runs in the background
ps_run=$(mktemp -d "${TMPDIR:-/tmp}/psweep.XXXXXX") || ps_run=$(mktemp -d "$ps_calc/.psweep.XXXXXX") || exit
ps_workers=

send() { # SIGNAL: on to the jobscripts, which have set their traps as if they were the job itself
    : >"$ps_run/$1"
    for ps_file in "$ps_run"/*.pid; do
        if [ -s "$ps_file" ]; then kill -s "$1" "$(cat "$ps_file")" 2>/dev/null; fi
    done
    [ -z "$ps_workers" ] || kill -s "$1" $ps_workers 2>/dev/null
}
# All that a scheduler or a user may send; each would end this shell, and nobody would note how the
# jobscripts end.
ps_signals='HUP INT QUIT ABRT ALRM TERM USR1 USR2 XCPU VTALRM PROF'
for ps_signal in $ps_signals; do
    # shellcheck disable=SC2064 # the name as it is now
    trap "send $ps_signal" "$ps_signal"
done

run_all() { # N PSET...: run these psets, N of them at once
    ps_n=$1
    shift
    while [ "$ps_n" -gt 0 ]; do
        (work "$@") &
        ps_workers="$ps_workers $!"
        ps_n=$((ps_n - 1))
    done
    for ps_pid in $ps_workers; do
        # A signal ends the waiting, and what bash says afterwards is of no use: it is not read.
        while kill -0 "$ps_pid" 2>/dev/null; do
            wait "$ps_pid"
            if kill -0 "$ps_pid" 2>/dev/null; then sleep 0.1; fi
        done
    done
    ps_code=0
    if [ -s "$ps_run/code" ]; then ps_code=$(cat "$ps_run/code"); fi
    rm -rf "$ps_run"
}

work() { # PSET...: run one after another those that no other worker has taken
    # A trap that does nothing: the jobscript does not inherit it, and this shell stays to note how
    # the jobscript ends.
    for ps_signal in $ps_signals; do
        # shellcheck disable=SC2064 # the name as it is now
        trap "ps_caught=$ps_signal" "$ps_signal"
    done
    for ps_pset; do
        for ps_signal in TERM HUP INT QUIT; do
            if [ -e "$ps_run/$ps_signal" ]; then return; fi
        done
        mkdir "$ps_run/$ps_pset" 2>/dev/null || continue
        run_pset "$ps_pset"
        case $ps_caught in
        TERM | HUP | INT | QUIT) return ;;
        esac
    done
}

start() { # WORD...: run it as if it were not in the background, where sh ignores INT and QUIT for good
    if env --default-signal=INT,QUIT true 2>/dev/null; then
        env --default-signal=INT,QUIT "$@"
    elif [ -z "$BASH_VERSION" ] && command -v perl >/dev/null; then
        perl -e '$SIG{INT} = $SIG{QUIT} = "DEFAULT"; exec @ARGV' "$@"
    else
        "$@" # bash does not ignore what has a trap
    fi
}

# After it has lost sight of a node, a scheduler may start a job again whose processes still run. The
# first line of the note is of the start that goes on; all others stop when they see that.

begun() { # print the line of a start of this job that has noted no end, if there is one
    [ -e "$ps_note" ] || return
    state_of "./$ps_note"
    case $ps_state in
    -*) sed -n '/^start /p' "$ps_note" | tail -n 1 ;;
    esac
}

take_over() { # LINE: wait until the processes of that start are gone, 10 s at most
    read -r _ ps_time ps_host ps_pid _ <<END_OF_LINE
$1
END_OF_LINE
    ps_tries=0
    until [ "$ps_tries" = 100 ] || grep -qxF "gone $ps_time" "$ps_note"; do
        if [ "$ps_host" = "$(uname -n)" ] && ! kill -0 "$ps_pid" 2>/dev/null; then break; fi
        sleep 0.1
        ps_tries=$((ps_tries + 1))
    done
    keep_results
}

is_started_again() {
    ps_line=
    read -r ps_line <"$ps_note"
    case $ps_line in
    "$ps_started") return 1 ;;
    start\ *) return 0 ;;
    *) return 1 ;; # it is just being written, or cannot be read
    esac
}

watch() { # FOLDER: end this whole job, with what its jobscripts have started, when it was started again
    while kill -0 $$ && sleep 2; do
        is_started_again || continue
        : >"$ps_run/TERM" # workers begin nothing
        ps_group=$(ps -o pgid= -p $$ | tr -d ' ')
        ps_pid=$(cat "$ps_run/$1.pid")
        ps_time=${ps_started#start }
        # Now, as nothing may come between it and the end
        echo "gone ${ps_time%% *}" >>"$ps_note"
        if [ "$ps_group" = $$ ]; then kill -s KILL -- -$$; else kill -s KILL "$ps_pid"; fi
        return
    done
}

run_pset() { # FOLDER: run its jobscript there, by what its first line names
    ps_caught=
    cd -- "$ps_calc/$1" || return
    if finished; then return; fi
    if [ -n "$ps_own_log" ]; then # in an array; of single jobs, schedulers set these
        export SLURM_SUBMIT_DIR="$PWD"
        [ -z "$PBS_O_WORKDIR" ] || export PBS_O_WORKDIR="$PWD"
        [ -z "$SGE_O_WORKDIR" ] || export SGE_O_WORKDIR="$PWD"
        [ -z "$LS_SUBCWD" ] || export LS_SUBCWD="$PWD"
    fi
    find_output
    read -r ps_first <"jobscript_$ps_machine"
    case $ps_first in
    '#!'*) ps_with=${ps_first#??} ;;
    *) ps_with=${BASH:-/bin/sh} ;;
    esac
    ps_note=.job_$ps_machine.$ps_attempt
    ps_before=$(begun)
    note_start "$ps_log" "$ps_err"
    [ -z "$ps_before" ] || take_over "$ps_before"
    watch "$1" </dev/null >/dev/null 2>&1 3<&- &
    ps_watch=$!
    # The number of the process that becomes the jobscript, for `send`
    ps_start='echo $$ >"$0"; if [ -e "${0%/*}/TERM" ]; then exit 143; fi; exec "$@"'
    if [ -n "$ps_own" ]; then
        start sh -c "$ps_start" "$ps_run/$1.pid" $ps_with "./jobscript_$ps_machine" <&3 3<&- >>"$ps_log" 2>&1
    else
        start sh -c "$ps_start" "$ps_run/$1.pid" $ps_with "./jobscript_$ps_machine" <&3 3<&-
    fi
    ps_code=$?
    { kill -s KILL "$ps_watch" && wait "$ps_watch"; } 2>/dev/null
    rm -f "$ps_run/$1.pid"
    for ps_signal in QUIT INT; do # which this shell may ignore
        if [ -z "$ps_caught" ] && [ -e "$ps_run/$ps_signal" ]; then ps_caught=$ps_signal; fi
    done
    # (Not into the notes of a later start)
    if ! is_started_again; then note_exit "$ps_code" "$ps_caught"; fi
    [ "$ps_code" = 0 ] || echo "$ps_code" >"$ps_run/code"
}

find_output() { # ps_log, ps_err: the files of the scheduler, if they are here; else a log of our own
    ps_own=yes
    ps_err=
    if [ -z "$ps_own_log" ]; then
        ps_here=$(pwd -P)/
        ps_log=$(readlink "/proc/$$/fd/1" 2>/dev/null)
        case $ps_scheduler:$ps_log in
        *:"$ps_here"*) ps_own= ;;
        slurm:/dev/*) ;;
        slurm:/*) ps_own= ;;
        esac
    fi
    if [ -n "$ps_own" ]; then
        find_log
    else
        ps_log=${ps_log#"$ps_here"}
        ps_err=$(readlink "/proc/$$/fd/2" 2>/dev/null)
        ps_err=${ps_err#"$ps_here"}
        if [ ! -f "$ps_err" ]; then ps_err=; fi
    fi
}

run_task() { # LIST PACK PARALLEL TASK: run the psets of this task of an array
    ps_own_log=yes
    ps_n=$3
    ps_first=$(($4 * $2 + 1))
    ps_list=$(sed -n "$ps_first,$((ps_first + $2 - 1))p" "$ps_calc/$1")
    set -- # one word each; the names have no spaces
    for ps_pset in $ps_list; do
        set -- "$@" "$ps_pset"
    done
    run_all "$ps_n" "$@"
    # What SLURM itself has to say of a task comes to a file of its own; mostly there is nothing.
    ps_log=$(readlink "/proc/$$/fd/1" 2>/dev/null)
    case $ps_log in
    */"arrays_$ps_machine"/*) [ -s "$ps_log" ] || rm -f "$ps_log" ;;
    esac
}

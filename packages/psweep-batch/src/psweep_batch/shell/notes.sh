# What is noted of a job in the folder of its pset: .job_<machine>.<attempt>

keep_results() { # what an earlier attempt has left is not a result of this one
    for ps_file in result.pk result.json; do
        [ ! -e "$ps_file" ] || mv -f "$ps_file" "$ps_file.old"
    done
}

note_start() { # LOG STDERR: where the output goes
    if [ -n "$SLURM_ARRAY_JOB_ID" ]; then
        ps_job=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID
    elif [ -n "$SLURM_JOB_ID$PBS_JOBID" ]; then
        ps_job=${SLURM_JOB_ID:-$PBS_JOBID}
    elif [ -n "$LSB_JOBID" ]; then
        ps_job=$LSB_JOBID
        [ "${LSB_JOBINDEX:-0}" = 0 ] || ps_job=${LSB_JOBID}_$LSB_JOBINDEX
    else
        ps_job=${JOB_ID:--}
        [ "${SGE_TASK_ID:-undefined}" = undefined ] || ps_job=${JOB_ID}_$SGE_TASK_ID
    fi
    keep_results
    ps_started="start $(date +%s.%N) $(uname -n) $$ $ps_job $1"
    {
        printf '%s\n' "$ps_started"
        [ -z "$2" ] || [ "$2" = "$1" ] || echo "stderr $2"
    } >".job_$ps_machine.$ps_attempt"
}

note_exit() { # STATUS SIGNAL: the signal that the job got, if any
    echo "exit $1 $(date +%s.%N)${2:+ $2}" >>".job_$ps_machine.$ps_attempt"
}

state_of() { # NOTE: ps_state is the exit code in it, or -, and r if there is a result
    ps_state=-
    if [ -e "$1" ]; then
        while read -r ps_word ps_value _; do
            case $ps_word in
            start) ps_state=- ;;
            exit) ps_state=$ps_value ;;
            esac
        done <"$1"
    fi
    if [ -e "${1%/*}/result.pk" ] || [ -e "${1%/*}/result.json" ]; then ps_state=${ps_state}r; fi
}

finished() { # is there nothing to do for this job: the pset has finished, or a later job has it
    # by this job, before it was started again; after a signal only a result counts
    if [ -e ".job_$ps_machine.$ps_attempt" ]; then
        ps_last=$(tail -n 1 ".job_$ps_machine.$ps_attempt")
        state_of "./.job_$ps_machine.$ps_attempt"
        case $ps_last/$ps_state in
        exit\ 0\ *\ *\ */*r) return 0 ;;
        exit\ 0\ *\ *\ */*) ;;
        exit\ 0\ */*) return 0 ;;
        esac
    fi
    for ps_file in .submitted_*; do
        case ${ps_file##*.} in
        *[!0-9]*) ;; # a temporary file of rsync, or there is none
        *) [ "${ps_file##*.}" -le "$ps_attempt" ] || return 0 ;;
        esac
    done
    # by an earlier job that counted as lost when this one was submitted
    ps_seen=$(sed -n -e '2s/^by [^ ]* [^ ]* //p' ".submitted_$ps_machine.$ps_attempt" 2>/dev/null)
    if [ -n "$ps_seen" ]; then
        state_of "./.job_${ps_seen% *}"
        case ${ps_seen#* }/$ps_state in
        0*/*) ;;
        */0*)
            echo "start $(date +%s.%N) $(uname -n) $$ - " >".job_$ps_machine.$ps_attempt"
            note_exit 0
            return 0
            ;;
        esac
    fi
    return 1
}

find_log() { # ps_log: the name that the jobscript gives to its output, if it is a plain one
    ps_log=$(sed -n -e '/^[[:space:]]*$/d' -e '/^#/!q' \
        -e 's/^#SBATCH  *-o  *//p' -e 's/^#SBATCH  *--output[= ] *//p' "jobscript_$ps_machine" |
        sed -n -e 's/[[:space:]]*$//' -e '$p')
    case $ps_log in
    '' | *[!A-Za-z0-9._+-]* | -*) ps_log=jobscript_$ps_machine.log ;;
    esac
    [ "$ps_attempt" = 1 ] || [ ! -e "$ps_log" ] || mv -f "$ps_log" "$ps_log.$((ps_attempt - 1))"
}

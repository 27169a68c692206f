# What is noted of a job in the folder of its pset: .job_<machine>.<attempt>

note_start() { # LOG: where the output goes
    ps_job=${SLURM_ARRAY_JOB_ID:+${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID}
    ps_job=${ps_job:-${SLURM_JOB_ID:-${PBS_JOBID:-${LSB_JOBID:-${JOB_ID:--}}}}}
    # what an earlier attempt has left is no result of this one
    for ps_file in result.pk result.json; do
        [ ! -e "$ps_file" ] || mv -f "$ps_file" "$ps_file.old"
    done
    echo "start $(date +%s.%N) $(uname -n) $$ $ps_job $1" >".job_$ps_machine.$ps_attempt"
}

note_exit() { # STATUS
    echo "exit $1 $(date +%s.%N)" >>".job_$ps_machine.$ps_attempt"
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

# What is noted of a job in the folder of its pset: .job_<machine>.<attempt>

note_start() { # LOG: where the output goes
    job=${SLURM_ARRAY_JOB_ID:+${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID}
    job=${job:-${SLURM_JOB_ID:-${PBS_JOBID:-${LSB_JOBID:-${JOB_ID:--}}}}}
    echo "start $(date +%s.%N) $(uname -n) $$ $job $1" >".job_$machine.$attempt"
}

note_exit() { # STATUS
    echo "exit $1 $(date +%s.%N)" >>".job_$machine.$attempt"
}

find_log() { # log: the name that the jobscript gives to its output, if it is a plain one
    log=$(sed -n -e '/^[[:space:]]*$/d' -e '/^#/!q' \
        -e 's/^#SBATCH  *-o  *//p' -e 's/^#SBATCH  *--output[= ] *//p' "jobscript_$machine" |
        sed -n -e 's/[[:space:]]*$//' -e '$p')
    case $log in
    '' | *[!A-Za-z0-9._+-]* | -*) log=jobscript_$machine.log ;;
    esac
    [ "$attempt" = 1 ] || [ ! -e "$log" ] || mv -f "$log" "$log.$((attempt - 1))"
}

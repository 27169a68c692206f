# The scheduler is here, so what psweep-pull has brought of its queue is outdated.
rm -f ".psweep/queue_$ps_machine"

config() { # NAME: how SLURM is set up; nothing where there is none
    printf '%s\n' "$slurm_config" | sed -n "s/^$1 *= *//p"
}
slurm_config=$(scontrol show config 2>/dev/null)
cluster=$(config ClusterName)

call() { # FILE COMMAND...: submit the file; Ctrl-C waits until it is known which number the job has
    file=$1
    shift
    said=$(
        trap '' INT HUP TERM
        if [ -n "$ps_stdin" ]; then exec env "$@" 2>&1 <"$file"; else exec env "$@" "$file" 2>&1; fi
    )
    code=$?
    other=$(printf '%s\n' "$said" | sed -n -e 's/^Submitted batch job [0-9]* on cluster //p' -e 's/^[0-9][0-9]*;//p')
    if [ -n "$other" ] && ! grep -qsxF -e "$other" "$ps_calc/.clusters_$ps_machine"; then
        printf '%s\n' "$other" >>"$ps_calc/.clusters_$ps_machine"
    fi
    return "$code"
}

number_lines() { # the lines of its answer that look like those with the number of a job
    printf '%s\n' "$said" | grep -E \
        -e '^Submitted batch job [0-9]|^Your job(-array)? [0-9]+.*has been submitted|^Job <[0-9]+> is submitted' \
        -e '^[0-9]+(;[^ ]*)?$|^[0-9]+(\[\])?\.[^ ]+$'
}

answer() { # the line with the number of the job; a site may add others, so the last one only if none looks like it
    number_lines | tail -n 1 | grep . || printf '%s\n' "${said:-nothing}" | tail -n 1
}

numbered() { # has it said which number the job has, before it failed?
    number_lines >/dev/null && return
    # of one that psweep does not know: also what looks like it, in a line that refuses nothing
    [ "$ps_scheduler" = other ] && printf '%s\n' "$said" | grep -Ev -e "$ps_refusals" |
        grep -Eiq 'job[^a-z].*[0-9]|submitted.*[0-9]|[0-9].*submitted'
}

refused() { # is it certain that there is no job? Only if this is known to be what a refusal looks like
    # (sbatch exits with 255 if it cannot read its options; other numbers above 128 are signals.)
    ! numbered && { [ "$code" -le 128 ] || [ "$code" = 255 ]; } && printf '%s\n' "$said" | grep -Eq -e "$ps_refusals"
}

place_output() { # DIRECTIVES: sets ps_output to another --output, if SLURM would not find it in this folder
    # It replaces %x in the whole path of that file. After a backslash, it replaces nothing at all.
    case $ps_scheduler:$PWD in
    slurm:*\\*) ps_output='s/\\/&&/g' ;;
    slurm:*%*) ps_output='s/%/&&/g' ;;
    *) ps_output= ;;
    esac
    [ -z "$ps_output" ] ||
        ps_output=--output=$(printf '%s/' "$PWD" | sed "$ps_output")$(printf '%s\n' "$1" | sed -n 's/^#SBATCH --output=//p' | tail -n 1)
}

job() { # what the job file holds after the directives
    printf 'ps_calc=%s\nps_machine=%s\nps_attempt=%s\nps_scheduler=%s\nps_own_log=\n' \
        "$(quote "$ps_calc")" "$ps_machine" "$ps_attempt" "$ps_scheduler"
    job_text
}

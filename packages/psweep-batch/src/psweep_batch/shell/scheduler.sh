# the scheduler is here, what psweep-pull has heard of it elsewhere is of no use
rm -f ".psweep/queue_$ps_machine"

config() { # NAME: how SLURM is set up; nothing where there is none
    printf '%s\n' "$slurm_config" | sed -n "s/^$1 *= *//p"
}
slurm_config=$(scontrol show config 2>/dev/null)
cluster=$(config ClusterName)

call() { # COMMAND...: what submits; Ctrl-C waits until it has said which number the job has
    said=$(
        trap '' INT HUP TERM
        exec env "$@" 2>&1
    )
}

refused() { # STATUS: is it certain that there is no job?
    case $said in
    *[Tt]imed\ out*) return 1 ;; # the scheduler may have taken it all the same
    esac
}

quote() { # TEXT: as a word for the shell
    printf "%s'" "$1" | sed -e "s/'/'\\\\''/g" -e "1s/^/'/" -e "\$s/'\\\\''\$/'/"
}

job() { # what the job file holds after the directives
    printf 'ps_calc=%s\nps_machine=%s\nps_attempt=%s\nps_own_log=\n' \
        "$(quote "$ps_calc")" "$ps_machine" "$ps_attempt"
    job_text
}

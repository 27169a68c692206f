rm -f ".psweep/queue_$machine" # of another machine; the scheduler is here

call() { # COMMAND...: what submits; Ctrl-C waits until it has said which number the job has
    said=$(
        trap '' INT HUP
        exec env "$@" 2>&1
    )
}

quote() { # TEXT: as a word for the shell
    printf "%s'" "$1" | sed -e "s/'/'\\\\''/g" -e "1s/^/'/" -e "\$s/'\\\\''\$/'/"
}

job() { # what the job file holds after the directives
    printf 'calc=%s\nmachine=%s\nattempt=%s\nown_log=\n' \
        "$(quote "$calc")" "$(quote "$machine")" "$attempt"
    job_text
}

# --feed N: keep at most N tasks in the queue until all are finished. All that it knows is in the claims,
# so it may be killed and called again.

ps_most=$ps_feed # tasks of one call of the submit command; less after a refusal
ps_why=
given_up=0
waiting=0

count_chunks() { # those of the line that is read now
    while [ "$chunk" -le "$last" ]; do
        look_at "$chunk"
        case $state in
        done) ;;
        '')
            held=$((held + 1))
            printf '%s\n' "$ps_spool $chunk $attempt" >>"$ps_look/open"
            ;;
        *)
            if ! as_seen "$chunk"; then
                changed=$((changed + 1))
            elif may_feed "$chunk"; then
                waiting=$((waiting + 1))
            else
                given_up=$((given_up + 1))
            fi
            ;;
        esac
        chunk=$((chunk + 1))
    done
}

may_feed() { # CHUNK: after look_at; is it worth another try?
    # What was not submitted here may have had another cause.
    case $ps_mine in
    *" $ps_spool/$1:$attempt "*) ;;
    *) return 0 ;;
    esac
    case $state in
    failed | cancelled) return 1 ;;
    lost) [ "$fails" -lt 3 ] || return 1 ;;
    esac
    run=${ps_spool##*/}
    ! grep -qsxF "${run%%.*}.$1 $attempt" ".cancelled_$ps_machine" # by psweep-cancel
}

fed() { # N: tasks were submitted
    room=$((room - $1))
    ps_most=$((ps_most * 2))
    [ "$ps_most" -le "$ps_feed" ] || ps_most=$ps_feed
    for one in $ps_claimed; do ps_mine="$ps_mine $ps_spool/$one "; done
    ps_pause=1
}

is_later() { # can what was refused just now be submitted later?
    if refused && ! printf '%s\n' "$said" | grep -Eiq "$ps_limits"; then return 1; fi
    ps_most=$(((n + 1) / 2))
    room=0
    if [ "$ps_why" != "$said" ]; then say "later: $said"; fi
    ps_why=$said
}

job_of() { # CLAIM: prints the number of its job, and of its task in an array; nothing if not known
    sed -n -e 's/^task \([0-9]*\) .*/task=\1/p' -e 's/^said [^0-9]*\([0-9]*\).*/said=\1/p' \
        -e 's/^start [^ ]* [^ ]* [^ ]* \([0-9][0-9_]*\)\( .*\)\{0,1\}$/start=\1/p' "$1" | {
        job=
        own= # as the job itself says it
        task=
        while IFS='=' read -r what number; do
            case $what in
            task) task=$number ;;
            said) job=$number${task:+_$task} ;;
            start) own=$number ;;
            esac
        done
        printf '%s\n' "${own:-$job}"
    }
}

cluster_of() { # CLAIM: prints the cluster of its job, as sbatch has named it; - if it is the one here
    on=$(sed -n -e 's/^said Submitted batch job [0-9]* on cluster //p' -e 's/^said [0-9]*;//p' "$1")
    printf '%s\n' "${on:--}"
}

find_lost() { # note which tasks are gone, as psweep-status would; not if a source does not answer
    [ -s "$ps_look/open" ] || return 0
    ps_clusters=$(cat ".clusters_$ps_machine" 2>/dev/null)
    export ps_clusters
    sh -c "$(query_text)" </dev/null >"$ps_look/queue" 2>/dev/null || return 0
    now=$(date +%s)
    : >"$ps_look/gone"
    while read -r ps_spool chunk attempt; do
        claim_file "$chunk:$attempt"
        job=$(job_of "$file")
        known=$job
        [ -n "$job" ] || read -r _ known <"$file"
        known=${known##* }
        key=$ps_look/missing.$(printf '%s' "$ps_spool.$chunk.$attempt" | tr / .)
        if { [ -n "$job" ] && grep -Eq "^$job([^0-9_]|\$)" "$ps_look/queue"; } ||
            { [ -z "$job" ] && [ -n "$known" ] && grep -qF -e "$known" "$ps_look/queue"; }; then
            rm -f "$key"
            continue
        fi
        [ -s "$key" ] || printf '%s\n' "$now" >"$key"
        if [ "$((now - $(cat "$key")))" -ge "$ps_lost_after" ]; then
            printf '%s %s %s %s %s\n' "$ps_spool" "$chunk" "$attempt" "$(cluster_of "$file")" "${job:--}" >>"$ps_look/gone"
        fi
    done <"$ps_look/open"
    [ -s "$ps_look/gone" ] || return 0
    : >"$ps_look/account"
    for on in $(cut -d ' ' -f 4 "$ps_look/gone" | sort -u); do
        grep -F " $on " "$ps_look/gone" | sed 's/.* //' | grep -v '^-$' | sort -u |
            ps_cluster=${on#-} xargs sh -c "$(account_text)" sh 2>/dev/null | sed "s/^/ $on /" >>"$ps_look/account"
    done
    while read -r ps_spool chunk attempt on job; do
        # It may have ended well meanwhile.
        look_at "$chunk"
        [ -z "$state" ] || continue
        state=lost
        reason='submitting it was cut short'
        if [ "$job" != - ]; then
            how=$(grep -F " $on job|$job|" "$ps_look/account" | head -n 1 | cut -d '|' -f 3)
            reason='ended without an exit code'
            case $how in
            '') [ -z "$(account_text)" ] || continue ;;
            PENDING* | RUNNING* | SUSPENDED* | COMPLETING* | CONFIGURING* | REQUEUED*) continue ;;
            PEND | RUN | *SUSP | Q | R | H | E | W | T | S) continue ;;
            OUT_OF_ME*) reason='out of memory' ;;
            TIMEOUT* | 'failed 37'*) reason='time limit' ;;
            CANCELLED*)
                state=cancelled
                reason=cancelled
                ;;
            esac
            if grep -Eiqs 'oom.?kill|out.of.memory|exceeded (job )?memory limit' "arrays_$ps_machine/$job.out"; then
                state=lost
                reason='out of memory'
            fi
        fi
        printf '%s %s\n' "$state" "$reason" >"$ps_spool/$chunk.lost.$attempt.$$"
        mv "$ps_spool/$chunk.lost.$attempt.$$" "$ps_spool/$chunk.lost.$attempt"
    done <"$ps_look/gone"
}

feed() {
    ps_look=$(mktemp -d "${TMPDIR:-/tmp}/psweep.XXXXXX") || exit
    trap 'rm -rf "$ps_look"' EXIT
    ps_pause=1
    before_feed=
    while :; do
        : >"$ps_look/open"
        held=0
        waiting=0
        given_up=0
        changed=0
        counting=yes
        submit_tasks
        counting=
        if [ "$held" = 0 ] && [ "$waiting" = 0 ]; then break; fi
        if [ "$before_feed" != "$held $waiting" ]; then ps_pause=1; fi
        before_feed="$held $waiting"
        room=$((ps_feed - held))
        if [ "$room" -gt 0 ] && [ "$waiting" -gt 0 ]; then
            [ "$room" -le "$ps_most" ] || room=$ps_most
            submit_tasks
        fi
        find_lost
        [ -z "$interrupted" ] || stop interrupted
        # From one second to half a minute, if nothing happens
        sleep "$ps_pause"
        [ -z "$interrupted" ] || stop interrupted
        ps_pause=$((ps_pause * 2))
        [ "$ps_pause" -le 30 ] || ps_pause=30
    done
    held=0
    case $given_up in
    0) ;;
    1) stop "1 task has failed or was cancelled, see psweep-status $ps_machine" ;;
    *) stop "$given_up tasks have failed or were cancelled, see psweep-status $ps_machine" ;;
    esac
}

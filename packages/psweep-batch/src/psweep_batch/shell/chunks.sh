held=0
room=-1   # how many tasks may be submitted now; less than 0: any number
more=     # options of the submit command for tasks that had too little
counting= # if set, only count what there is, see feed.sh
ps_seen=  # in a script of batch_resubmit: CHUNK:ATTEMPT of the last claims that it knows of, else empty
ps_mine=  # the claims that feed.sh has made

claim_file() { # CHUNK:ATTEMPT
    file=$ps_spool/${1%:*}.claim
    [ "${1#*:}" = 1 ] || file=$file.${1#*:}
}

look_at() { # CHUNK: sets attempt and state of its last claim; level: how often it had too little
    attempt=0
    state=free
    level=0
    fails=0 # in a row
    while claim_file "$1:$((attempt + 1))" && [ -e "$file" ]; do
        attempt=$((attempt + 1))
        state=
        reason=
        while read -r word first of rest; do
            case $word in
            start) state= ;;
            end)
                state=$of
                reason=$rest
                ;;
            exit)
                case $state$first in
                129 | 130 | 137 | 138 | 140 | 143 | 152) state=lost ;; # killed from outside
                *) state=${state:-failed} ;;
                esac
                ;;
            esac
        done <"$file"
        if [ -z "$state" ] && [ -s "$ps_spool/$1.lost.$attempt" ]; then
            read -r state reason <"$ps_spool/$1.lost.$attempt"
        fi
        fails=$((fails + 1))
        case $reason in
        'out of memory'*)
            level=$((level + 1))
            fails=0
            ;;
        'time limit'*) [ "$ps_levels" = "${ps_levels% time}" ] || level=$((level + 1)) ;;
        esac
        [ "$state" != stopped ] || fails=0
    done
    [ "$level" -le "${ps_levels%% *}" ] || level=${ps_levels%% *}
}

as_seen() { # CHUNK: after look_at; is its last claim one that this script knows of, or has made?
    case $ps_seen in
    '' | *" $1:$attempt "*) return 0 ;;
    esac
    case $ps_mine in
    *" $ps_spool/$1:$attempt "*) return 0 ;;
    esac
    return 1
}

claim_chunk() { # CHUNK HOW: after look_at; true if it is ours now, then ps_claimed has it
    case $state in
    '')
        held=$((held + 1))
        return 1
        ;;
    done) return 1 ;;
    esac
    if ! as_seen "$1"; then
        [ -n "$ps_feed" ] || changed=$((changed + 1)) # which feed.sh has counted
        return 1
    fi
    attempt=$((attempt + 1))
    claim_file "$1:$attempt"
    set -C # make no file that exists
    if { printf '%s\nby %s %s %s\n' "$2" "$ps_machine" "$user" "$cluster" >"$file"; } 2>/dev/null; then
        set +C
        ps_claimed="$ps_claimed $1:$attempt"
        return 0
    fi
    set +C
    # Somebody else was faster, or the disk is full.
    if ! { echo >"$ps_spool/.probe.$$"; } 2>/dev/null; then
        rm -f "$ps_spool/.probe.$$"
        [ -s "$file" ] || rm -f "$file"
        stop "cannot write into $ps_calc/$ps_spool"
    fi
    rm -f "$ps_spool/.probe.$$"
    held=$((held + 1))
    return 1
}

for_claims() { # [TEXT]: add a line to each claim; without a text, withdraw them
    for one in $ps_claimed; do
        claim_file "$one"
        if [ -n "$1" ]; then printf '%s\n' "$1" >>"$file"; else rm -f "$file"; fi
    done
}

task_head() { # what the job of a task holds after the directives
    printf "ps_calc=%s\nps_machine=%s\nps_spool=%s\nps_cwd=%s\nps_parallel=%s\nps_kill_wait=%s\nps_levels='%s'\nps_warns=%s\n" \
        "$(quote "$ps_calc")" "$ps_machine" "$ps_spool" "$(quote "$ps_cwd")" "$ps_parallel" \
        "$ps_kill_wait" "$ps_levels" "$ps_warns"
    task_text
}

use_spool() { # FOLDER PARALLEL
    ps_spool=.psweep/batch/$1
    ps_parallel=$2
    [ -f "$ps_spool/work.pk" ] || stop "there is no $ps_calc/$ps_spool/work.pk: is this script in the study's folder?"
    [ -f "jobscript_$ps_machine" ] || stop "there is no $ps_calc/jobscript_$ps_machine"
    parts=arrays_$ps_machine
    mkdir -p "$parts" || exit
    part_stamp=$(date +%Y%m%dT%H%M%S).$$.${1%%-*}
}

chunks_here() { # FOLDER FIRST LAST PARALLEL COMMAND...: run them by the command, here and now
    use_spool "$1" "$4"
    chunk=$2
    last=$3
    shift 4
    while [ "$chunk" -le "$last" ]; do
        ps_claimed=
        look_at "$chunk"
        if claim_chunk "$chunk" here; then
            submitted=$((submitted + 1))
            part=$parts/$part_stamp.$chunk.sh
            {
                task_head
                echo 'run_chunk "$@"'
                echo 'exit "$ps_code"'
            } >"$part" || {
                for_claims
                stop "cannot write into $ps_calc/$parts"
            }
            sh "$part" ${ps_claimed# } "$@" || say "chunk $chunk: exit status $?, see $ps_calc/$ps_spool/$chunk.log"
            rm -f "$part"
            [ -z "$interrupted" ] || stop interrupted
        fi
        chunk=$((chunk + 1))
    done
}

chunks() { # FOLDER FIRST LAST PARALLEL LIMIT SIZE COMMAND... <DIRECTIVES: submit them, SIZE to a job
    use_spool "$1" "$4"
    chunk=$2
    last=$3
    limit=$5
    size=$6
    shift 6
    directives=$(cat)
    place_output "$directives"
    if [ -n "$counting" ]; then
        count_chunks
        return
    fi
    ps_kill_wait=$(config KillWait)
    ps_kill_wait=${ps_kill_wait%% *}
    if [ "$size" = - ]; then # the highest index there may be is one less
        size=$(config MaxArraySize)
        size=${size:-1000000}
    fi
    while [ "$chunk" -le "$last" ] && [ "$room" != 0 ]; do
        ps_claimed=
        n=0
        group=
        part=$parts/$part_stamp.$chunk.sh
        while [ "$chunk" -le "$last" ] && [ "$n" -lt "$size" ] && [ "$n" != "$room" ]; do
            look_at "$chunk"
            # Those that ask for the same share an array.
            [ "${group:-$level}" = "$level" ] || break
            how="task $((n + ps_first_task)) $part"
            [ -n "$ps_task" ] || how="job $part"
            if may_feed "$chunk" && claim_chunk "$chunk" "$how"; then
                n=$((n + 1))
                group=$level
            fi
            chunk=$((chunk + 1))
        done
        [ "$n" = 0 ] || submit_chunks "$@"
    done
}

submit_chunks() { # COMMAND...: submit what was claimed
    ps_array=
    {
        printf '%s\n' "$directives"
        task_head
        if [ -n "$ps_task" ]; then
            printf 'run_task_of %s%s\n' "$ps_task" "$ps_claimed"
        else
            printf 'run_chunk %s\n' "${ps_claimed# }"
        fi
        echo 'exit "$ps_code"'
    } >"$part" || {
        for_claims
        stop "cannot write into $ps_calc/$parts"
    }
    [ -z "$ps_task" ] || array_options "$n" "$limit"
    more_at "$group"
    if call "$part" "$@" ${ps_output:+"$ps_output"} $more $ps_array; then
        for_claims "said $(answer)"
        printf '%s: %s\n' "$said" "$(counted "$n" task)"
        submitted=$((submitted + n))
        fed "$n"
    else
        status=$?
        if refused; then
            for_claims
            rm -f "$part"
            if is_later; then return; fi
            stop "$1 refused $(counted "$n" task) (exit status $status): $said"
        fi
        if numbered; then for_claims "said $(answer)"; fi
        if is_later; then return; fi # the queue shows what there is
        unclear=$((unclear + n))
        stop "it is not known whether $1 has taken $(counted "$n" task) (exit status $status): $said"
    fi
    [ -z "$interrupted" ] || stop interrupted
}

# What feed.sh does otherwise
may_feed() { :; }
fed() { :; }
is_later() { false; }

report_held() {
    case $held in
    0) ;;
    1) say "1 task is queued or running" ;;
    *) say "$held tasks are queued or running" ;;
    esac
}

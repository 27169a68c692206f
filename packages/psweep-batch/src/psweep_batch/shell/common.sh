unset CDPATH
ps_feed=
case $# in
0) ;;
*)
    if [ $# = 2 ] && [ "$1" = --feed ] && [ "$2" -gt 0 ] 2>/dev/null; then
        ps_feed=$2
    else
        echo "usage: sh $0 [--feed N]    keep at most N tasks in the queue until all are finished" >&2
        exit 2
    fi
    ;;
esac
case $0 in
*/*) cd -- "${0%/*}/" || exit ;;
esac
ps_calc=$PWD
ps_attempt=1
ps_earlier=
submitted=0
before=0
elsewhere=0
changed=0
unclear=0
interrupted=
trap 'interrupted=yes' INT HUP TERM

say() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
}

counted() { # N THING: 1 task, 2 tasks
    if [ "$1" = 1 ]; then echo "1 $2"; else echo "$1 $2s"; fi
}

stop() { # MESSAGE
    say "$*"
    report
    say "stopped; run it again to continue from here"
    exit 1
}

report() {
    say "$submitted submitted now, $before earlier"
    [ "$elsewhere" = 0 ] || say "$elsewhere were submitted on another machine"
    [ "$changed" = 0 ] ||
        say "$changed left alone: their jobs have changed since this script was written, see psweep-status"
    [ "$unclear" = 0 ] ||
        say "$unclear may have been submitted by a call that was cut short: see psweep-status $ps_machine"
}

quote() { # TEXT: as a word for the shell
    printf "%s'" "$1" | sed -e "s/'/'\\\\''/g" -e "1s/^/'/" -e "\$s/'\\\\''\$/'/"
}

check_pset() { # FOLDER
    [ -f "$1/jobscript_$ps_machine" ] ||
        stop "there is no $ps_calc/$1/jobscript_$ps_machine: is this script in the study's folder? If the pset was removed, comment out its line"
}

again() { # ATTEMPT JOB STATE [NUMBER [CLUSTER]]: of the next pset, see `claim`
    ps_attempt=$1
    ps_earlier=${2:+"$2 $3"}
    ps_number=$4
    ps_there=$5
}

shows() { # NUMBER <QUEUE: is this job in it, the number first in each line, as 12, 12_3, 12[3].host, 12_[3-9]?
    awk -v id="$1" '
        function base(text) {sub(/[^0-9].*/, "", text); return text}
        function task(text) {
            return text ~ /^[0-9]+(_[0-9]|\[[0-9]+\])/ ? base(substr(text, length(base(text)) + 2)) : ""
        }
        {sub(/[|].*/, "", $1)}
        base($1) != base(id) || base(id) == "" {next}
        task($1) != "" {tasks = 1; if (task($1) == task(id)) found = 1; next}
        $1 ~ /^[0-9]+_?\[[^]]/ {found = 1; next} # these of its tasks, however they are written
        {whole = 1}
        END {exit !(found || (whole && (!tasks || task(id) == "")))}'
}

as_before() { # FOLDER: is the earlier job of a pset as it was when this script was written?
    [ -n "$ps_earlier" ] || return 0
    state_of "$1/.job_${ps_earlier% *}"
    [ "$ps_state" = "${ps_earlier#* }" ] || return 1
    ps_cluster=$ps_there
    [ "$ps_cluster" != "$cluster" ] || ps_cluster= # it needs no name
    [ -z "$ps_number" ] || ! alive "$ps_number"
}

claim() { # FOLDER HOW: true for the one call that may submit it, on any machine
    claim=$1/.submitted_$ps_machine.$ps_attempt
    if [ ! -e "$claim" ]; then
        for other in "$1"/.submitted_*."$ps_attempt"; do
            [ ! -e "$other" ] || {
                elsewhere=$((elsewhere + 1))
                return 1
            }
        done
        as_before "$1" || {
            changed=$((changed + 1))
            return 1
        }
        set -C # make no file that exists
        # Of several machines, one has it; no file for that if there is only one.
        set -- "$1" "$2" "$1"/jobscript_*
        owner=
        for name in "$@"; do
            case $name in
            */"jobscript_$ps_machine" | *.log | *.log.[0-9]*) ;;
            */jobscript_*) owner=$1/.claim.$ps_attempt ;;
            esac
        done
        if [ -n "$owner" ] && ! { printf '%s\n' "$ps_machine" >"$owner"; } 2>/dev/null; then
            by=
            ps_try=0
            while [ "$ps_try" -lt 5 ]; do # it may be just being written
                read -r by 2>/dev/null <"$owner"
                if [ -n "$by" ] || [ ! -e "$owner" ]; then break; fi
                sleep 1
                ps_try=$((ps_try + 1))
            done
            if [ -n "$by" ] && [ "$by" != "$ps_machine" ]; then
                set +C
                elsewhere=$((elsewhere + 1))
                return 1
            fi
        fi
        if { printf '%s\nby %s %s %s\n' "$2" "$user" "$cluster" "$ps_earlier" >"$claim"; } 2>/dev/null; then
            set +C
            # so that psweep looks at a pset again whose results it has
            [ "$ps_attempt" = 1 ] || printf '%s %s\n' "$1" "$ps_attempt" >>".again_$ps_machine"
            return 0
        fi
        set +C
        # Somebody else was faster, or the disk is full.
        if ! { echo >"$1/.probe_$ps_machine.$$"; } 2>/dev/null; then
            rm -f "$1/.probe_$ps_machine.$$" "$claim" ${owner:+"$owner"}
            stop "cannot write into $ps_calc/$1"
        fi
        rm -f "$1/.probe_$ps_machine.$$"
    fi
    how=
    said=
    { read -r how && read -r said && said= && read -r said; } <"$claim" # how, by whom, the answer
    case $how in
    task*) [ -s "${how#task * }.said" ] && said=yes ;;
    here) said=yes ;;
    esac
    if [ -n "$said" ]; then before=$((before + 1)); else unclear=$((unclear + 1)); fi
    return 1
}

release() { # FOLDER: it was not submitted after all
    rm -f "$1/.submitted_$ps_machine.$ps_attempt" "$1/.claim.$ps_attempt"
}

user=$(id -un)
cluster=

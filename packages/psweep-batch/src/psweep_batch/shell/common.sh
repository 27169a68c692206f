unset CDPATH
case $0 in
*/*) cd -- "${0%/*}/" || exit ;;
esac
ps_calc=$PWD
ps_attempt=1
submitted=0
before=0
unclear=0
interrupted=
trap 'interrupted=yes' INT HUP TERM

say() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
}

stop() { # MESSAGE
    say "$*"
    report
    say "stopped; run it again, and it goes on from here"
    exit 1
}

report() {
    say "$submitted submitted now, $before earlier"
    [ "$unclear" = 0 ] ||
        say "$unclear may have been submitted by a call that was cut short: see psweep-status $ps_machine"
}

check_pset() { # FOLDER
    [ -f "$1/jobscript_$ps_machine" ] ||
        stop "there is no $ps_calc/$1/jobscript_$ps_machine: is this script in the study's folder? If the pset was removed, comment out its line"
}

claim() { # FOLDER HOW: true for the one call that is to submit it, whoever else tries
    claim=$1/.submitted_$ps_machine.$ps_attempt
    if [ ! -e "$claim" ]; then
        set -C # make no file that exists
        if { printf '%s\nby %s %s\n' "$2" "$user" "$cluster" >"$claim"; } 2>/dev/null; then
            set +C
            return 0
        fi
        set +C
        # Somebody else was faster, or the disk is full.
        if ! { echo >"$1/.probe_$ps_machine.$$"; } 2>/dev/null; then
            rm -f "$1/.probe_$ps_machine.$$" "$claim"
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
    rm -f "$1/.submitted_$ps_machine.$ps_attempt"
}

user=$(id -un)
cluster=

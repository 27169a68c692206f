unset CDPATH
case $0 in
*/*) cd -- "${0%/*}/" || exit ;;
esac
calc=$PWD
attempt=1
submitted=0
before=0
unclear=0
interrupted=
trap 'interrupted=yes' INT HUP

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
        say "$unclear may have been submitted by a call that was cut short: see psweep-status $machine"
}

claim() { # FOLDER: true for the one call that is to submit it, whoever else tries
    [ -f "$1/jobscript_$machine" ] || stop "there is no $calc/$1/jobscript_$machine; comment out its line"
    set -C # make no file that exists
    if { echo >"$1/.submitted_$machine.$attempt"; } 2>/dev/null; then
        set +C
        return 0
    fi
    set +C
    [ -e "$1/.submitted_$machine.$attempt" ] || stop "cannot write into $calc/$1"
    if grep -qs . "$1/.submitted_$machine.$attempt"; then
        before=$((before + 1))
    else
        unclear=$((unclear + 1))
    fi
    return 1
}

release() { # FOLDER: it was not submitted after all
    rm -f "$1/.submitted_$machine.$attempt"
}

submit() { # FOLDER COMMAND...: submit the jobscript in it by the command
    pset=$1
    shift
    claim "$pset" || return 0
    {
        first=$(head -n 1 "$pset/jobscript_$machine")
        case $first in
        '#!'*bash | '#!'*'bash '*) echo "${first%bash*}bash" ;; # which keeps exported functions
        *) echo '#!/bin/sh' ;;
        esac
        # the directives: the comments above the first command
        sed -n -e '/^[[:space:]]*$/d' -e '/^#/!q' -e '/^#!/d' -e p "$pset/jobscript_$machine"
        job
        printf 'run_pset %s\nexit "$code"\n' "$pset"
    } >"$pset/.jobscript_$machine" || {
        release "$pset"
        stop "cannot write into $calc/$pset"
    }
    cd -- "$pset" || exit
    if call "$@" ".jobscript_$machine"; then
        cd -- "$calc" || exit
        printf 'task\n%s\n' "$said" >"$pset/.submitted_$machine.$attempt"
        printf '%s\n' "$said"
        submitted=$((submitted + 1))
    else
        status=$?
        cd -- "$calc" || exit
        release "$pset"
        stop "$1 refused $pset (exit status $status): $said"
    fi
    [ -z "$interrupted" ] || stop interrupted
}

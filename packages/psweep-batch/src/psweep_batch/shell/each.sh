submit() { # FOLDER COMMAND...: submit the jobscript in it by the command
    pset=$1
    shift
    check_pset "$pset"
    claim "$pset" each || return 0
    {
        first=$(head -n 1 "$pset/jobscript_$ps_machine")
        case $first in
        '#!'*bash | '#!'*'bash '*) shell="${first%bash*}bash" ;; # which keeps exported functions
        *) shell='#!/bin/sh' ;;
        esac
        echo "$shell"
        # the directives: the comments above the first command
        directives=$(sed -n -e '/^[[:space:]]*$/d' -e '/^#/!q' -e '/^#!/d' -e p "$pset/jobscript_$ps_machine")
        job_head "${shell#??}"
        printf '%s\n' "$directives"
        job
        printf 'run_all 1 %s\nexit "$ps_code"\n' "$pset"
    } >"$pset/.jobscript_$ps_machine" || {
        release "$pset"
        stop "cannot write into $ps_calc/$pset"
    }
    cd -- "$pset" || exit
    if call ".jobscript_$ps_machine" "$@"; then
        cd -- "$ps_calc" || exit
        printf '%s\n' "${said:-nothing}" >>"$pset/.submitted_$ps_machine.$ps_attempt"
        printf '%s\n' "$said"
        submitted=$((submitted + 1))
    else
        status=$?
        cd -- "$ps_calc" || exit
        if refused; then
            release "$pset"
            stop "$1 refused $pset (exit status $status): $said"
        fi
        if numbered; then printf '%s\n' "$said" >>"$pset/.submitted_$ps_machine.$ps_attempt"; fi
        unclear=$((unclear + 1))
        stop "it is not known whether $1 has taken $pset (exit status $status): $said"
    fi
    [ -z "$interrupted" ] || stop interrupted
}

wants() { # OPTIONS: is one of these among the directives? A pattern as grep -E has it
    printf '%s\n' "$directives" | grep -F -e "$ps_prefix" | grep -Eq -e "(^|[[:space:]])($1)"
}

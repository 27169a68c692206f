submit() { # FOLDER COMMAND...: submit the jobscript in it by the command
    pset=$1
    shift
    check_pset "$pset"
    claim "$pset" each || return 0
    {
        first=$(head -n 1 "$pset/jobscript_$ps_machine")
        case $first in
        '#!'*bash | '#!'*'bash '*) echo "${first%bash*}bash" ;; # which keeps exported functions
        *) echo '#!/bin/sh' ;;
        esac
        echo "#SBATCH --job-name=jobscript_$ps_machine" # unless the next lines name it
        # the directives: the comments above the first command
        sed -n -e '/^[[:space:]]*$/d' -e '/^#/!q' -e '/^#!/d' -e p "$pset/jobscript_$ps_machine"
        job
        printf 'run_pset %s\nexit "$ps_code"\n' "$pset"
    } >"$pset/.jobscript_$ps_machine" || {
        release "$pset"
        stop "cannot write into $ps_calc/$pset"
    }
    cd -- "$pset" || exit
    if call "$@" ".jobscript_$ps_machine"; then
        cd -- "$ps_calc" || exit
        printf '%s\n' "${said:-nothing}" >>"$pset/.submitted_$ps_machine.$ps_attempt"
        printf '%s\n' "$said"
        submitted=$((submitted + 1))
    else
        status=$?
        cd -- "$ps_calc" || exit
        if refused; then release "$pset"; else unclear=$((unclear + 1)); fi
        stop "$1 refused $pset (exit status $status): $said"
    fi
    [ -z "$interrupted" ] || stop interrupted
}

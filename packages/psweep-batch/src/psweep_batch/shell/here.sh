run() { # FOLDER COMMAND...: run the jobscript in it by the command, here and now
    pset=$1
    shift
    check_pset "$pset"
    for word in "$@"; do
        case $word in
        *=*) ;;
        *) break ;;
        esac
    done
    command -v "$word" >/dev/null || stop "there is no command $word here"
    claim "$pset" here || return 0
    submitted=$((submitted + 1))
    {
        printf 'ps_machine=%s\nps_attempt=%s\n' "$ps_machine" "$ps_attempt"
        job_text
    } >"$pset/.jobscript_$ps_machine" || {
        release "$pset"
        stop "cannot write into $ps_calc/$pset"
    }
    cd -- "$pset" || exit
    # by a process of its own, which notes how it ends also if this script is killed
    sh ".jobscript_$ps_machine" "$@" || say "$pset: exit status $?, see psweep-status $ps_machine"
    cd -- "$ps_calc" || exit
    [ -z "$interrupted" ] || {
        say "interrupted; $pset counts as lost, ps.batch_resubmit submits it again"
        stop interrupted
    }
}

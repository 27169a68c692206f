command -v scontrol >/dev/null || return 1
if ps_said=$(LC_ALL=C scontrol ${ps_cluster:+-M "$ps_cluster"} -o show job "$1" 2>&1 </dev/null); then
    printf '%s\n' "$ps_said" | grep -Eq 'JobState=(PENDING|RUNNING|SUSPENDED|COMPLETING|CONFIGURING|REQUEUED)'
else
    case $ps_said in
    *'Invalid job id'* | *' not found'*) return 1 ;;
    esac # what does not answer says nothing: it may live
fi

export SLURM_TIME_FORMAT=%s
unset SACCT_FORMAT SLURM_CLUSTERS
ps_said=$(printf '%s\n' "$@" | sed 's/_.*//' | sort -u | xargs -n 2000 | tr ' ' , | while read -r ps_ids; do
    sacct ${ps_cluster:+-M "$ps_cluster"} -n -P -j "$ps_ids" -o JobID,State,End,Elapsed,MaxRSS,ExitCode 2>/dev/null
done | grep '^[0-9]')
printf '%s\n' "$ps_said" | sed 's/^./job|&/'
ps_rest=$({
    printf '%s\n' "$ps_said" ==
    printf '%s\n' "$@"
} | awk -F'|' '
    $1 == "==" {rest = 1; next}
    !rest {state[$1] = $2; next}
    state[$1] !~ /^(CANCELLED|TIMEOUT|FAILED|OUT_OF_MEMORY|COMPLETED|DEADLINE|BOOT_FAIL)/ {print $1}')
set -- $ps_rest
[ $# -gt 0 ] || exit 0
# One call for all; of one job only that
if [ $# = 1 ]; then ps_one=$1; else ps_one=; fi
if ps_said=$(LC_ALL=C scontrol ${ps_cluster:+-M "$ps_cluster"} -o show job ${ps_one:+"$ps_one"} </dev/null 2>&1); then
    {
        printf '%s\n' "$ps_said"
        echo ==
        printf '%s\n' "$@"
    } | awk -v one="$ps_one" '
        $1 == "==" {rest = 1; next}
        !rest {
            split("", said)
            for (i = 1; i <= NF; i++) {
                key = $i; sub(/=.*/, "", key)
                if (!(key in said)) said[key] = substr($i, length(key) + 2)
            }
            if (!("JobState" in said)) next
            id = said["JobId"]
            # the tasks that wait share a record, as ArrayTaskId=3-9%2
            if ("ArrayTaskId" in said) id = said["ArrayJobId"] (said["ArrayTaskId"] ~ /^[0-9]+$/ ? "_" said["ArrayTaskId"] : "")
            if (one != "") id = one
            known[id] = said["JobState"] "|" said["EndTime"] "|" said["RunTime"] "||" said["ExitCode"]
            next
        }
        {
            id = $1
            if (!(id in known)) sub(/_.*/, "", id)
            print "job|" $1 "|" (id in known ? known[id] : "UNKNOWN||||")
        }'
else
    case $ps_said in
    *'Invalid job id'* | *' not found'*) echo "job|$ps_one|UNKNOWN||||" ;;
    esac
fi

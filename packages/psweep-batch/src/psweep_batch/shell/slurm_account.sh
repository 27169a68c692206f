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
if ps_said=$(LC_ALL=C SLURM_BITSTR_LEN=0 scontrol ${ps_cluster:+-M "$ps_cluster"} -o show job ${ps_one:+"$ps_one"} </dev/null 2>&1); then
    {
        printf '%s\n' "$ps_said"
        echo ==
        printf '%s\n' "$@"
    } | awk -v one="$ps_one" '
        # is this task in a list such as 1,3-9,20-30:2%4? An older SLURM may cut it short, with ...
        function waits_in(list, task, parts, ends, i, n, step) {
            if (index(list, "...")) return 1
            sub(/%.*/, "", list)
            n = split(list, parts, ",")
            for (i = 1; i <= n; i++) {
                step = split(parts[i], ends, /[-:]/) > 2 ? ends[3] : 1
                if (parts[i] !~ /-/) ends[2] = ends[1]
                if (task >= ends[1] + 0 && task <= ends[2] + 0 && (task - ends[1]) % step == 0) return 1
            }
            return 0
        }
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
            if (id == said["ArrayJobId"]) waiting[id] = said["ArrayTaskId"]
            if (one != "") id = one
            known[id] = said["JobState"] "|" said["EndTime"] "|" said["RunTime"] "||" said["ExitCode"]
            next
        }
        {
            id = $1
            if (!(id in known)) {
                task = id
                sub(/.*_/, "", task)
                sub(/_.*/, "", id)
                # of one that was cancelled while it waited, nothing is left
                if ($1 ~ /_/ && id in waiting && !waits_in(waiting[id], task + 0)) id = ""
            }
            print "job|" $1 "|" (id in known ? known[id] : "UNKNOWN||||")
        }'
else
    case $ps_said in
    *'Invalid job id'* | *' not found'*) echo "job|$ps_one|UNKNOWN||||" ;;
    esac
fi

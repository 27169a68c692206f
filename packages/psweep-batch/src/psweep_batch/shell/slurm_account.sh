export SLURM_TIME_FORMAT=%s
unset SACCT_FORMAT SLURM_CLUSTERS
ps_said=$(printf '%s\n' "$@" | sed 's/_.*//' | sort -u | xargs -n 2000 | tr ' ' , | while read -r ps_ids; do
    sacct ${ps_cluster:+-M "$ps_cluster"} -n -P -j "$ps_ids" -o JobID,State,End,Elapsed,MaxRSS,ExitCode 2>/dev/null
done | grep '^[0-9]')
printf '%s\n' "$ps_said" | sed 's/^./job|&/'
{
    printf '%s\n' "$ps_said" ==
    printf '%s\n' "$@"
} | awk -F'|' '
    $1 == "==" {rest = 1; next}
    !rest {state[$1] = $2; next}
    state[$1] !~ /^(CANCELLED|TIMEOUT|FAILED|OUT_OF_MEMORY|COMPLETED|DEADLINE|BOOT_FAIL)/ {print $1}' |
    while read -r ps_id; do
        if ps_job=$(scontrol ${ps_cluster:+-M "$ps_cluster"} -o show job "$ps_id" </dev/null 2>&1); then
            printf '%s\n' "$ps_job" | tr ' ' '\n' | awk -F= -v id="$ps_id" '
                !($1 in said) {said[$1] = $2}
                END {if ("JobState" in said) print "job|" id "|" said["JobState"] "|" \
                    said["EndTime"] "|" said["RunTime"] "||" said["ExitCode"]}'
        else
            case $ps_job in
            *'Invalid job id'* | *' not found'*) echo "job|$ps_id|UNKNOWN||||" ;;
            esac
        fi
    done

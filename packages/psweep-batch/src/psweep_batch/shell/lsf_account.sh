ps_names=
for ps_id; do
    case $ps_id in
    *_*) ps_names="$ps_names ${ps_id%_*}[${ps_id#*_}]" ;;
    *) ps_names="$ps_names $ps_id" ;;
    esac
done
set -f # brackets are taken literally
LC_ALL=C bjobs -a -noheader -o "jobid jobindex stat finish_time run_time max_mem exit_code exit_reason delimiter='|'" $ps_names 2>&1 |
    awk -F'|' '
    /^Job <.*(is not found|No matching job found)/ {
        id = $0; sub(/^[^<]*</, "", id); sub(/>.*/, "", id); sub(/\[/, "_", id); sub(/\]/, "", id)
        print "job|" id "|UNKNOWN||||"
        next
    }
    $1 ~ /^[0-9]+$/ {
        state = $3
        if (state == "DONE") state = "COMPLETED"
        if (state == "EXIT") state = $8 ~ /RUNLIMIT/ ? "TIMEOUT" : $8 ~ /MEMLIMIT/ ? "OUT_OF_MEMORY" : \
            $8 ~ /owner|admin/ ? "CANCELLED" : "FAILED"
        sub(/ [LEX]$/, "", $4)
        print "job|" $1 ($2 > 0 ? "_" $2 : "") "|" state "|" ($4 == "-" ? "" : $4) "|" $5 "|" ($6 == "-" ? "" : $6) "|" $7
    }'

for ps_id; do
    ps_name=$ps_id
    case $ps_id in *_*) ps_name="${ps_id%_*}[${ps_id#*_}]" ;; esac
    if ps_said=$(LC_ALL=C bjobs -a -noheader -o "stat finish_time run_time max_mem exit_code exit_reason delimiter='|'" "$ps_name" 2>&1)
    then
        printf '%s\n' "$ps_said" | awk -F'|' -v id="$ps_id" '{
            state = $1
            if (state == "DONE") state = "COMPLETED"
            if (state == "EXIT") state = $6 ~ /RUNLIMIT/ ? "TIMEOUT" : $6 ~ /MEMLIMIT/ ? "OUT_OF_MEMORY" : \
                $6 ~ /owner|admin/ ? "CANCELLED" : "FAILED"
            sub(/ [LEX]$/, "", $2)
            print "job|" id "|" state "|" ($2 == "-" ? "" : $2) "|" $3 "|" ($4 == "-" ? "" : $4) "|" $5}'
    else
        case $ps_said in
        *'is not found'*) echo "job|$ps_id|UNKNOWN||||" ;;
        esac
    fi
done

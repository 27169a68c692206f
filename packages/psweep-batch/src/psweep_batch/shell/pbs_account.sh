for ps_id; do
    ps_name=$ps_id
    case $ps_id in *_*) ps_name="${ps_id%_*}[${ps_id#*_}]" ;; esac
    if ps_said=$(qstat -x -f "$ps_name" 2>&1); then
        printf '%s\n' "$ps_said" | awk -v id="$ps_id" '
            $1 == "job_state" {state = $3}
            $1 == "Exit_status" {code = $3}
            $1 == "obittime" || $1 == "mtime" {sub(/^[^=]*= /, ""); if (!end) end = $0}
            $1 == "resources_used.mem" {memory = $3}
            $1 == "resources_used.walltime" {elapsed = $3}
            END {
                if (state == "F" || state == "X" || state == "C")
                    # 271 is 256 + SIGTERM: by qdel, or by a limit
                    state = code == "" ? "CANCELLED" : code == 271 ? "KILLED" : \
                        code == -29 ? "TIMEOUT" : code == 0 ? "COMPLETED" : "FAILED"
                print "job|" id "|" state "|" end "|" elapsed "|" memory "|" code
            }'
    else
        case $ps_said in
        *[Uu]nknown\ [Jj]ob*) echo "job|$ps_id|UNKNOWN||||" ;;
        esac
    fi
done

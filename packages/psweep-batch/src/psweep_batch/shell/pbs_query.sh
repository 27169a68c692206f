command -v qselect >/dev/null || { echo "there is no qselect here" >&2; exit 127; }
echo "user $(id -un)"
ps_ids=$(qselect -u "$(id -un)") || exit
[ -n "$ps_ids" ] || exit 0
ps_said=$(qstat -t -f $ps_ids 2>/dev/null)
[ -n "$ps_said" ] || ps_said=$(qstat -f $ps_ids) || exit
printf '%s\n' "$ps_said" | awk '
    function flush() {gsub(/[|]/, "/", why); if (id) print id "|" state "|" why "|" text}
    /^\t/ { # the rest of a long line
        if (last == "Variable_List" || last == "Submit_arguments") text = text substr($0, 2)
        if (last == "comment") why = why substr($0, 2)
        next
    }
    /^Job Id: / {
        flush(); id = $3; sub(/\..*/, "", id); state = why = text = ""
        if (id ~ /\[[0-9]+\]/) {sub(/\[/, "_", id); sub(/\]/, "", id)} else sub(/\[\]/, "", id)
    }
    $2 == "=" {last = $1}
    $1 == "job_state" {state = $3}
    $1 == "comment" {why = $0; sub(/^[^=]*= /, "", why)}
    $1 == "Job_Name" || last == "Variable_List" || last == "Submit_arguments" {text = text $0}
    END {flush()}'

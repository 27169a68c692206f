ps_names=
for ps_id; do
    case $ps_id in
    *_*) ps_names="$ps_names ${ps_id%_*}[${ps_id#*_}]" ;;
    *) ps_names="$ps_names $ps_id" ;;
    esac
done
set -f # brackets are taken literally
LC_ALL=C qstat -x -f $ps_names 2>&1 | awk '
    function plain(text) {
        sub(/[.].*/, "", text)
        if (text ~ /\[[0-9]+\]/) sub(/\[/, "_", text)
        gsub(/[][]/, "", text)
        return text
    }
    function flush() {
        if (id == "") return
        if (state == "F" || state == "X" || state == "C")
            # 271 is 256 + SIGTERM: by qdel, or by a limit
            state = code == "" ? "CANCELLED" : code == 271 ? "KILLED" : \
                code == -29 ? "TIMEOUT" : code == 0 ? "COMPLETED" : "FAILED"
        print "job|" id "|" state "|" end "|" elapsed "|" memory "|" code
        id = ""
    }
    /^Job Id: / {flush(); id = plain($3); state = code = end = memory = elapsed = ""; next}
    /[Uu]nknown [Jj]ob/ {flush(); print "job|" plain($NF) "|UNKNOWN||||"; next}
    $1 == "job_state" {state = $3}
    $1 == "Exit_status" {code = $3}
    $1 == "obittime" || $1 == "mtime" {sub(/^[^=]*= /, ""); if (!end) end = $0}
    $1 == "resources_used.mem" {memory = $3}
    $1 == "resources_used.walltime" {elapsed = $3}
    END {flush()}'

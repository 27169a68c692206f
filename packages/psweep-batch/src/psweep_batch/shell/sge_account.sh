for ps_job in $(printf '%s\n' "$@" | sed 's/_.*//' | sort -u); do
    ps_there=
    if qstat -j "$ps_job" >/dev/null 2>&1; then ps_there=yes; fi
    if ps_said=$(qacct -j "$ps_job" 2>&1); then
        printf '%s\n=====\n' "$ps_said"
    elif [ -n "$ps_there" ]; then
        echo "job|$ps_job|RUNNING||||"
    else
        case $ps_said in
        *'not found'*) ;;
        *) continue ;;
        esac
    fi
    # nowhere: it was deleted before it started
    if [ -z "$ps_there" ]; then
        for ps_id; do
            case $ps_id in
            "$ps_job" | "${ps_job}_"*) echo "gone|$ps_id" ;;
            esac
        done
    fi
done | LC_ALL=C awk -F'|' '
    function flush() {
        if (id) print "job|" id "|" state "|" end "|" elapsed "|" memory "|" code
        known[id] = 1
        id = ""
    }
    /^job\|/ {print; next}
    /^gone\|/ {gone[$2] = 1; next}
    /^=====/ {flush(); next}
    {
        split($0, word, " ")
        rest = $0
        sub(/^[^ ]+ +/, "", rest)
        sub(/ +$/, "", rest)
    }
    word[1] == "jobnumber" {id = word[2]}
    word[1] == "taskid" && word[2] != "undefined" {id = id "_" word[2]}
    word[1] == "end_time" {end = rest}
    word[1] == "failed" {failed = rest}
    word[1] == "exit_status" {code = word[2]; state = failed ~ /^0/ ? "COMPLETED" : "failed " failed}
    word[1] == "ru_wallclock" {elapsed = word[2]}
    word[1] == "maxvmem" {memory = word[2]}
    END {
        flush()
        for (id in gone) if (!(id in known)) print "job|" id "|UNKNOWN||||"
    }'

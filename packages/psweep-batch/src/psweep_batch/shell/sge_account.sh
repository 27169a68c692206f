# One call each for all jobs; qstat first: what ends in between is in the accounting.
{
    printf '%s\n' "$@" | sed 's/^/asked|/'
    printf '%s\n' "$@" | sed 's/_.*//' | sort -un | xargs -n 2000 | tr ' ' , | while read -r ps_ids; do
        qstat -j "$ps_ids" 2>/dev/null </dev/null
    done | awk '$1 == "job_number:" {print "there|" $2}'
    qacct -o "$(id -un)" -j 2>&1
    echo "status|$?"
    echo =====
} | LC_ALL=C awk -F'|' '
    function base(text) {sub(/_.*/, "", text); return text}
    function flush() {
        if (base(id) in wanted) print "job|" id "|" state "|" end "|" elapsed "|" memory "|" code
        known[id] = 1
        known[base(id)] = 1
        id = ""
    }
    /^asked\|/ {asked[$2] = 1; wanted[base($2)] = 1; next}
    /^there\|/ {there[$2] = 1; next}
    # It must say that it found nothing. If it does not answer, a job may still have ended.
    / not found/ {found_nothing = 1; next}
    /^status\|/ {fails = $2 != 0 && !found_nothing; next}
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
        for (id in asked) {
            if (id in known) continue
            if (!(base(id) in there) && !fails) print "job|" id "|UNKNOWN||||"
            else if (base(id) in there && !(base(id) in known)) print "job|" base(id) "|RUNNING||||"
        }
    }'

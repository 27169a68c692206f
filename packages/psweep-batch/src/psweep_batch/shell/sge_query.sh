command -v qstat >/dev/null || { echo "there is no qstat here" >&2; exit 127; }
echo "user $(id -un)"
ps_said=$(qstat -u "$(id -un)" -g d) || exit
[ -n "$ps_said" ] || exit 0
ps_ids=$(printf '%s\n' "$ps_said" | awk 'NR > 2 {print $1}' | sort -u)
ps_more=$(qstat -j "$(echo $ps_ids | tr ' ' ,)" 2>/dev/null)
{
    printf '%s\n' "$ps_more" | sed 's/^/more /'
    printf '%s\n' "$ps_said"
} | awk '
    function add() {sub(/ +$/, ""); gsub(/[|]/, "/"); why[job] = why[job] (why[job] == "" ? "" : "; ") $0}
    /^more job_number:/ {job = $3}
    /^more (script_file|cwd|sge_o_workdir|job_args):/ {text[job] = text[job] " " $3}
    /^more (error reason|scheduling info)/ {
        sub(/^more (error reason *[0-9]*|scheduling info): */, ""); add(); reason = 1; next}
    /^more  / && reason {sub(/^more +/, ""); add(); next} # more of the same
    /^more / {reason = 0}
    /^more / || $1 !~ /^[0-9]/ {next}
    {
        task = $NF; n = split($0, words, " "); state = words[5]
        id = $1; if (n >= 10 || (n == 9 && words[n - 1] ~ /^[0-9]+$/ && state ~ /[qw]/)) id = id "_" task
        print id "|" state "|" (state ~ /[qwE]/ ? why[$1] : "") "|" text[$1]
    }'

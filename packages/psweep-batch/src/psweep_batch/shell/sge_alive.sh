command -v qstat >/dev/null || return 1
ps_said=$(qstat -u "$(id -un)" -g d 2>/dev/null </dev/null) || return 0
printf '%s\n' "$ps_said" | awk 'NR > 2 && $1 ~ /^[0-9]/ {
    n = split($0, words, " ")
    has_task = n >= 10 || (n == 9 && words[8] ~ /^[0-9]+$/ && words[5] ~ /[qw]/)
    print $1 (has_task ? "_" $NF : "")}' | shows "$1"

command -v bjobs >/dev/null || { echo "there is no bjobs here" >&2; exit 127; }
echo "user $(id -un)"
if ! ps_said=$(bjobs -u "$(id -un)" -noheader -o "jobid jobindex stat pend_reason command sub_cwd delimiter='|'" 2>&1); then
    case $ps_said in
    *'No unfinished job found'*) exit 0 ;;
    *) printf '%s\n' "$ps_said" >&2; exit 1 ;;
    esac
fi
printf '%s\n' "$ps_said" | awk -F'|' '
    $1 ~ /^[0-9]+$/ {print $1 ($2 > 0 ? "_" $2 : "") "|" $3 "|" ($4 == "-" ? "" : $4) "|" $5 " " $6}'

command -v bjobs >/dev/null || return 1
ps_name=$1
case $1 in *_*) ps_name="${1%_*}[${1#*_}]" ;; esac
if ps_said=$(LC_ALL=C bjobs -noheader -o stat "$ps_name" 2>&1 </dev/null); then
    printf '%s\n' "$ps_said" | grep -Eq 'PEND|RUN|SUSP|WAIT|UNKWN|PROV'
else
    case $ps_said in
    *' not found'*) return 1 ;;
    esac # what does not answer says nothing: it may live
fi

command -v qstat >/dev/null || return 1
ps_name=$1
case $1 in *_*) ps_name="${1%_*}[${1#*_}]" ;; esac
if ps_said=$(LC_ALL=C qstat -f "$ps_name" 2>&1 </dev/null); then
    printf '%s\n' "$ps_said" | grep -Eq 'job_state = [QRHSETWBMU]'
else
    case $ps_said in
    *[Uu]nknown\ [Jj]ob* | *' has finished'*) return 1 ;;
    esac # what does not answer says nothing: it may live
fi

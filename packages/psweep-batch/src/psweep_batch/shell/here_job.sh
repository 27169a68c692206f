
# The jobscript gets Ctrl-C, too; how it ends is noted.
ps_caught=
trap 'ps_caught=INT' INT
trap 'ps_caught=HUP' HUP
trap 'ps_caught=TERM' TERM
if finished; then exit; fi
find_log
note_start "$ps_log"
env "$@" "jobscript_$ps_machine" </dev/null >>"$ps_log" 2>&1
ps_code=$?
note_exit "$ps_code" "$ps_caught"
exit "$ps_code"


# The jobscript gets Ctrl-C, too; how it ends is noted.
trap : INT HUP TERM
find_log
note_start "$ps_log"
env "$@" "jobscript_$ps_machine" </dev/null >>"$ps_log" 2>&1
ps_code=$?
note_exit "$ps_code"
exit "$ps_code"

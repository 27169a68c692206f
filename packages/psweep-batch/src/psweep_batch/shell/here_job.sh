
# The jobscript gets Ctrl-C, too; how it ends is noted.
ps_caught=
for ps_signal in HUP INT QUIT ABRT ALRM TERM USR1 USR2 XCPU VTALRM PROF; do
    # shellcheck disable=SC2064 # the name as it is now
    trap "ps_caught=$ps_signal" "$ps_signal"
done
if finished; then exit; fi
find_log
note_start "$ps_log"
env "$@" "jobscript_$ps_machine" </dev/null >>"$ps_log" 2>&1
ps_code=$?
note_exit "$ps_code" "$ps_caught"
exit "$ps_code"

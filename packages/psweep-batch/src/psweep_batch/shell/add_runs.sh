# Add the lines that only the other table of runs has.
cd -- "$ps_calc" || exit
ps_new=$ps_folder/runs.jsonl
[ -e "$ps_new" ] || exit 0 # excluded
take_lock || { echo locked && exit; }
if [ -s runs.jsonl ]; then
    [ -z "$(tail -c 1 runs.jsonl)" ] || echo >>runs.jsonl # its last line was cut short
    awk 'NR == FNR { known[$0]; next } !($0 in known)' runs.jsonl "$ps_new" >>runs.jsonl
else
    cat -- "$ps_new" >>runs.jsonl
fi

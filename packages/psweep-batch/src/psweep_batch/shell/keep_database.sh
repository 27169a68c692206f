# Keep the database under a second name, to compare it with later. The ps_ variables are set above.
mkdir -p -- "$ps_calc/$ps_folder/old" && cd -- "$ps_calc" || exit
find . -maxdepth 1 -name '.transfer_*' -mtime +0 -exec rm -rf {} + # of transfers that were killed
# Of several databases psweep knows by these folders which are databases.
[ -z "$ps_several" ] || mkdir -p -- ".psweep/$ps_name" || exit
[ -e "$ps_name" ] || exit 0
# It is never edited, only replaced, so a hard link keeps what it contains now.
ln -L -- "$ps_name" "$ps_folder/old/" 2>/dev/null || cp -p -- "$ps_name" "$ps_folder/old/" || exit

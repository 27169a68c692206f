command -v squeue >/dev/null || { echo "there is no squeue here" >&2; exit 127; }
unset SQUEUE_PARTITION SQUEUE_STATES SQUEUE_ACCOUNT SQUEUE_QOS SQUEUE_LICENSES SQUEUE_NAMES SQUEUE_USERS
unset SQUEUE_CLUSTERS SLURM_CLUSTERS SQUEUE_FORMAT SQUEUE_FORMAT2
scontrol show config 2>/dev/null | grep -E '^(ClusterName|MinJobAge)'
echo "user $(id -un)"
squeue -h -r -u "$(id -un)" -o '%i|%T|%r|%o|%Z' || exit
for ps_cluster in $ps_clusters; do
    if ps_said=$(squeue -h -r -M "$ps_cluster" -u "$(id -un)" -o '%i|%T|%r|%o|%Z'); then
        printf 'CLUSTER: %s\n%s\n' "$ps_cluster" "$ps_said"
    fi
done

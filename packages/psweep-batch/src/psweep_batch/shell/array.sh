arrays=arrays_$machine
stamp=$(date +%Y%m%dT%H%M%S).$$
group=0
list=$arrays/$stamp.$group

add() { # FOLDER: to the next array
    [ -f "$1/jobscript_$machine" ] || stop "there is no $calc/$1/jobscript_$machine; comment out its line"
    [ -w "$1" ] || stop "cannot write into $calc/$1"
    mkdir -p "$arrays" && printf '%s\n' "$1" >>"$list" || stop "cannot write into $calc/$arrays"
}

submit_array() { # LIMIT MAX_SIZE PACK COMMAND... <DIRECTIVES: submit what was added
    limit=$1 size=$2 pack=$3
    shift 3
    directives=$(cat)
    if [ "$size" = - ]; then # the highest index there may be is one less
        size=$(scontrol show config 2>/dev/null | sed -n 's/^MaxArraySize *= *//p')
    fi
    split -a 4 -l "$((${size:-1000000} * pack))" "$list" "$list." && rm "$list" ||
        stop "cannot write into $calc/$arrays"
    for part in "$list".????; do
        while read -r pset; do
            claim "$pset" && printf '%s\n' "$pset"
        done <"$part" >"$part.psets"
        rm "$part"
        n=$(($(wc -l <"$part.psets")))
        if [ "$n" = 0 ]; then
            rm "$part.psets"
            continue
        fi
        {
            printf '%s\n' "$directives"
            job
            printf 'run_task %s %s\nexit "$code"\n' "$(quote "$part.psets")" "$pack"
        } >"$part.sh"
        range=0-$(((n - 1) / pack))
        [ "$limit" = - ] || range=$range%$limit
        if call "$@" "--array=$range" "$part.sh"; then
            i=0
            while read -r pset; do
                printf 'task %s\n%s\n' "$((i / pack))" "$said" >"$pset/.submitted_$machine.$attempt"
                i=$((i + 1))
            done <"$part.psets"
            printf '%s: %s psets\n' "$said" "$n"
            submitted=$((submitted + n))
        else
            status=$?
            while read -r pset; do
                release "$pset"
            done <"$part.psets"
            rm -f "$part.psets" "$part.sh" "$list".????
            stop "$1 refused --array=$range (exit status $status): $said"
        fi
        [ -z "$interrupted" ] || stop interrupted
    done
    group=$((group + 1))
    list=$arrays/$stamp.$group
}

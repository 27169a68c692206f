arrays=arrays_$ps_machine
mkdir -p "$arrays" || exit
stamp=$(date +%Y%m%dT%H%M%S).$$
group=0
list=$arrays/$stamp.$group

add() { # FOLDER: to the next array
    check_pset "$1"
    [ -w "$1" ] || stop "cannot write into $ps_calc/$1"
    printf '%s\n' "$1 $ps_earlier $ps_number $ps_there" >>"$list" || stop "cannot write into $ps_calc/$arrays"
}

submit_array() { # LIMIT MAX_SIZE PACK PARALLEL COMMAND... <DIRECTIVES: submit what was added
    limit=$1 size=$2 pack=$3 parallel=$4
    shift 4
    directives=$(cat)
    place_output "$directives"
    [ -e "$list" ] || return 0
    if [ "$size" = - ]; then # the highest index there may be is one less
        size=$(config MaxArraySize)
    fi
    split -a 4 -l "$((${size:-1000000} * pack))" "$list" "$list." || stop "cannot write into $ps_calc/$arrays"
    rm "$list"
    for part in "$list".????; do
        submit_part "$@"
    done
    group=$((group + 1))
    list=$arrays/$stamp.$group
}

submit_part() { # COMMAND...
    n=0
    while read -r pset earlier state ps_number ps_there; do
        ps_earlier=${earlier:+"$earlier $state"}
        claim "$pset" "task $((n / pack + ps_first_task)) $part" || continue
        printf '%s\n' "$pset"
        n=$((n + 1))
    done <"$part" >"$part.psets"
    rm "$part"
    if [ "$n" = 0 ]; then
        rm "$part.psets"
        return
    fi
    {
        printf '%s\n' "$directives"
        job
        printf 'run_task %s %s %s %s\nexit "$ps_code"\n' "$part.psets" "$pack" "$parallel" "$ps_task"
    } >"$part.sh"
    array_options "$(((n - 1) / pack + 1))" "$limit"
    if call "$part.sh" "$@" ${ps_output:+"$ps_output"} $ps_array; then
        printf '%s\n' "${said:-nothing}" >"$part.said"
        printf '%s: %s\n' "$said" "$(counted "$n" pset)"
        submitted=$((submitted + n))
    else
        status=$?
        if refused; then
            while read -r pset; do
                release "$pset"
            done <"$part.psets"
            rm -f "$part.psets" "$part.sh" "$list".????
            stop "$1 refused $ps_array (exit status $status): $said"
        fi
        if numbered; then printf '%s\n' "$said" >"$part.said"; fi
        unclear=$((unclear + n))
        rm -f "$list".????
        stop "it is not known whether $1 has taken $ps_array (exit status $status): $said"
    fi
    [ -z "$interrupted" ] || {
        rm -f "$list".????
        stop interrupted
    }
}

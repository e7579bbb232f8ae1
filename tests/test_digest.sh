#!/bin/sh
# An int8 model has the same bits everywhere: the digests of all traced tensors, of every case, equal data/int8.sha256 on every tier, with
# 1, 2 and 7 threads, frames in groups of 1 to 4 and rows in blocks for caches of 1 KiB to 4 MiB.   sh test_digest.sh REFATOM [quick | write]
#   quick   only the fastest tier and two threads, as under emulation: REFATOM may be a command with arguments
#   write   makes data/int8.sha256 anew, after a deliberate change of the numeric contract (quant/README.md)
set -eu
refatom=$1 mode=${2:-full}
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
want=data/int8.sha256
[ "$mode" != write ] || : >"$want"
runs=0

# The tiers that this machine has and this build knows; they take part.
tiers="" elsewhere=""
[ "$mode" != full ] || for tier in $(sed -n 's/^TIER(\([a-z0-9]*\),.*/\1/p' ../simd/tiers.def); do
    # shellcheck disable=SC2086
    case $($refatom info --cpu --cpu-cap "$tier") in "tier $tier"*) tiers="$tiers $tier" ;; *) elsewhere="$elsewhere $tier" ;; esac
done

# The three cases have too few tokens for int8 attention (INT8_KEYS in src/graph.c). nano197 is data/nano.json with patches so small that a frame
# has 197; weights are random and the inputs nano2's, on which the size of a patch has no influence.
make_nano197() {
    sed 's/"patch": 14/"patch": 2/' data/nano.json >"$work/nano197.json"
    # shellcheck disable=SC2086
    $refatom synth "$work/nano197.json" "$1" --f16 >/dev/null
}

# digest MODEL OPTION...: of the trace
digest() {
    name=$1
    shift
    # shellcheck disable=SC2086
    $refatom run "$work/$name.gguf" --inputs "$inputs" --trace "$work/trace.gguf" "$@" >/dev/null
    sha256sum <"$work/trace.gguf" | cut -d ' ' -f 1
}

check() {
    runs=$((runs + 1))
    got=$(digest "$@")
    grep -qx "$got  $1" "$want" || { echo "test_digest: $*: $got is not the digest in tests/$want" >&2; exit 1; }
}

for name in micro1 nano2 nano3 nano197; do
    float=data/$name.gguf inputs=data/$name.case.gguf
    if [ $name = nano197 ]; then
        float=$work/float.gguf inputs=data/nano2.case.gguf
        make_nano197 "$float"
    fi
    # shellcheck disable=SC2086
    $refatom quantize "$float" "$work/$name.gguf" >/dev/null
    case $mode in
    write) echo "$(digest $name)  $name" >>"$want" ;;
    quick) check $name --threads 2 ;;
    *)
        for tier in $tiers auto; do
            for threads in 1 2 7; do
                check $name --cpu $tier --threads $threads --group 2
            done
            check $name --cpu $tier --threads 2 --group 1
            check $name --cpu $tier --threads 2 --group 4
        done
        for cache in 1 2 128 256 4096; do # KiB; the smallest split even the rows of these small models
            check $name --cache $cache --threads 2 --group 4
        done
        ;;
    esac
done
[ "$mode" = write ] || echo "test_digest: $runs runs on${tiers:- the fastest tier}, not on${elsewhere:- others}: the digests of tests/$want"

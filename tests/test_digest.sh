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

# digest CASE OPTION...: of the trace
digest() {
    name=$1
    shift
    # shellcheck disable=SC2086
    $refatom run "$work/$name.gguf" --inputs "data/$name.case.gguf" --trace "$work/trace.gguf" "$@" >/dev/null
    sha256sum <"$work/trace.gguf" | cut -d ' ' -f 1
}

check() {
    runs=$((runs + 1))
    got=$(digest "$@")
    grep -qx "$got  $1" "$want" || { echo "test_digest: $*: $got is not the digest in tests/$want" >&2; exit 1; }
}

for name in micro1 nano2 nano3; do
    # shellcheck disable=SC2086
    $refatom quantize "data/$name.gguf" "$work/$name.gguf" >/dev/null
    case $mode in
    write) echo "$(digest $name)  $name" >>"$want" ;;
    quick) check $name --threads 2 ;;
    *)
        for tier in c avx2 avx512 avx512vnni auto; do
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
[ "$mode" = write ] || echo "test_digest: $runs runs, the digests of tests/$want"

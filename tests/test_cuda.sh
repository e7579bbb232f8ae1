#!/bin/sh
# Every intermediate tensor on the device has the CPU's bits: sh test_cuda.sh REFATOM [DEVICE-NEEDED]
# With the emulated device (cuda_shim) that is the program refatom_emulated; on a machine with a device it is refatom itself, and where
# no device answers the status is 77.
set -u
refatom=$1
data=$(cd "$(dirname "$0")" && pwd)/data
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0 compared=0

"$refatom" run "$data/nano2.gguf" --inputs "$data/nano2.case.gguf" --device cuda >/dev/null 2>"$work/message" || {
    if grep -q "no device answers" "$work/message"; then
        cat "$work/message"
        exit 77
    fi
}

# compare MODEL CASE OPTIONS...: the traces of both devices are the same file
compare() {
    model=$1 case=$2
    shift 2
    "$refatom" run "$model" --inputs "$case" --threads 1 --trace "$work/cpu.gguf" "$@" >/dev/null &&
        "$refatom" run "$model" --inputs "$case" --threads 1 --trace "$work/cuda.gguf" --device cuda "$@" >/dev/null ||
        { echo "FAILED: $model $*" >&2; failed=1; return; }
    cmp "$work/cpu.gguf" "$work/cuda.gguf" >&2 || { echo "FAILED: $model $*: another trace" >&2; failed=1; }
    # Every step's result.
    "$refatom" compare "$model" --inputs "$case" --threads 1 --devices cpu,cuda $(echo "$*" | grep -o -e '--group [0-9]*') >"$work/steps" ||
        { echo "FAILED: $model $*: another step" >&2; tail -n 30 "$work/steps" >&2; failed=1; }
    # Whole stages as graphs, without a trace, end at the same answer.
    "$refatom" run "$model" --inputs "$case" --threads 1 --json "$@" | sed 's/, "seconds".*//' >"$work/cpu.json"
    "$refatom" run "$model" --inputs "$case" --threads 1 --json --device cuda "$@" | sed 's/, "seconds".*//' >"$work/cuda.json"
    [ -s "$work/cpu.json" ] && cmp "$work/cpu.json" "$work/cuda.json" >&2 || { echo "FAILED: $model $*: another answer" >&2; failed=1; }
    compared=$((compared + 1))
}

for name in nano2 nano3 first4 micro1; do
    "$refatom" quantize "$data/$name.gguf" "$work/$name.int8.gguf" >/dev/null || exit 1
    compare "$data/$name.gguf" "$data/$name.case.gguf"
    compare "$work/$name.int8.gguf" "$data/$name.case.gguf" --group 3
done 2>&1
compare "$work/nano2.int8.gguf" "$data/nano2.case.gguf" --group 1
# Both devices in the benchmark. One session at once: the emulated device serves one thread.
rows=$("$refatom" bench model "$work/nano2.int8.gguf" --devices cpu,cuda --sessions 1 --seconds 0.1 --threads 1 --json | grep -c '"kind"\|"part"\|"sessions"')
[ "$rows" -eq 18 ] || { echo "FAILED: the benchmark of both devices has $rows rows" >&2; failed=1; }
# Its ceilings are the device's own, in both kinds of models.
for name in nano2 nano2.int8; do
    [ -f "$work/$name.gguf" ] || cp "$data/$name.gguf" "$work/"
    "$refatom" bench model "$work/$name.gguf" --devices cuda --seconds 0.1 --threads 1 >"$work/bench" || failed=1
    grep -q 'ceiling [0-9.]* GMAC/s (measured.*memory [0-9.]* GB/s (measured' "$work/bench" ||
        { echo "FAILED: no measured ceilings: $(head -n 1 "$work/bench")" >&2; failed=1; }
done
echo "$compared models and groupings compared"
[ $failed -eq 0 ] && [ $compared -gt 0 ]

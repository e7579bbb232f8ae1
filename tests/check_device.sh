#!/bin/sh
# Everything that a machine with a GPU can tell, cheapest first, on a program that was built with the CUDA backend:
#   sh tests/check_device.sh BUILD-FOLDER [--full] [--program FILE]
# Kernels against plain C; the small models tensor by tensor; compute-sanitizer on both, where it is installed; the bundled
# model on a real clip; the full model's widths with few layers; with --full the full model (4 GB on disk and on the device),
# and its benchmark. A line a check and a sum at the end; logs stay in BUILD-FOLDER/device. Exit status: 0 all passed, 1 not,
# 77 no device answers.
set -u
build=$(cd "$1" && pwd)
shift
program=$build/refatom full=
while [ $# -gt 0 ]; do
    case $1 in
    --full) full=yes ;;
    --program) program=$(cd "$(dirname "$2")" && pwd)/$(basename "$2") && shift ;;
    *) echo "check_device: $1 is not an option" >&2; exit 2 ;;
    esac
    shift
done
tests=$(cd "$(dirname "$0")" && pwd)
top=$(dirname "$tests")
out=$build/device
mkdir -p "$out"
passed=0 failed=0 left_out=0

"$program" run "$tests/data/nano2.gguf" --inputs "$tests/data/nano2.case.gguf" --device cuda >"$out/first" 2>&1 || {
    cat "$out/first"
    grep -q "no device answers" "$out/first" && exit 77
    exit 1
}

# check NAME COMMAND...: its output goes to a log, whose end is shown where it fails
check() {
    name=$1
    shift
    if "$@" >"$out/$name.log" 2>&1; then
        passed=$((passed + 1))
        echo "passed    $name: $(tail -n 1 "$out/$name.log")"
    else
        failed=$((failed + 1))
        echo "FAILED    $name: $*"
        tail -n 15 "$out/$name.log"
    fi
}

leave_out() {
    left_out=$((left_out + 1))
    echo "left out  $*"
}

# on_clip MODEL OPTIONS...: every step's result of both devices, on a real clip
on_clip() {
    model=$1
    shift
    "$program" compare "$model" --video "$top/models/tiny/clips/test-0000.mp4" --caption "a person wearing a green shirt" --devices cpu,cuda "$@"
}

# synth NAME PYTHON: a model of the full one's sizes with these changed
synth() {
    [ -s "$out/$1.gguf" ] && return
    PYTHONPATH=$top/bench/peers python3 -c "import json; from sizes import FULL; print(json.dumps({**FULL, $2}))" >"$out/$1.json" &&
        "$program" synth "$out/$1.json" "$out/$1.gguf"
}

cd "$tests" || exit 1
check kernels "$build/tests/test_cuda_kernels"
check models sh test_cuda.sh "$program"
check quantize "$program" quantize data/micro1.gguf "$out/micro.gguf"
sanitizer=$(command -v compute-sanitizer || ls /usr/local/cuda/bin/compute-sanitizer 2>/dev/null)
for tool in memcheck racecheck synccheck; do
    [ -n "$sanitizer" ] || { leave_out "$tool: no compute-sanitizer"; continue; }
    check "$tool-kernels" "$sanitizer" --tool $tool --error-exitcode 9 "$build/tests/test_cuda_kernels"
    for model in "$out/micro.gguf" data/micro1.gguf; do
        check "$tool-$(basename "$model" .gguf)" "$sanitizer" --tool $tool --error-exitcode 9 "$program" run "$model" --inputs data/micro1.case.gguf --device cuda
    done
done
check tiny on_clip "$top/models/tiny/refatom-tiny.gguf"
if command -v python3 >/dev/null; then
    check synth-wide synth wide '"vit_layers": 2, "opt_layers": 2'
    check wide on_clip "$out/wide.gguf" --group 8
    if [ -n "$full" ]; then
        check synth-full synth full '"name": "full"'
        check full on_clip "$out/full.gguf" --group 8
        check bench "$program" bench model "$out/full.gguf" --devices cpu,cuda --sessions 1,2,4,8 --group 8 --svg "$out/bench.svg"
        cat "$out/bench.log"
    fi
else
    leave_out "wide and full: no python3"
fi
echo "$passed passed, $failed failed, $left_out left out; logs in $out"
[ $failed -eq 0 ]

#!/bin/sh
# refatom bench model --devices: every device has every part, numbers of sessions, a chart; wrong options are told. --steps: what each thread did.
#   sh test_bench_devices.sh REFATOM
set -u
refatom=$1
data=$(cd "$(dirname "$0")" && pwd)/data
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

fail() {
    echo "FAILED: $*" >&2
    failed=1
}

# count PATTERN WANTED: lines of the last output
count() {
    got=$(grep -c -e "$1" "$work/out")
    [ "$got" -eq "$2" ] || fail "$got lines with '$1', not $2"
}

# refused STATUS PATTERN ARGUMENT...
refused() {
    want=$1 pattern=$2
    shift 2
    "$refatom" bench "$@" >"$work/refused" 2>&1
    got=$?
    [ $got -eq "$want" ] && grep -q -e "$pattern" "$work/refused" || fail "bench $*: status $got, $(head -n 1 "$work/refused")"
}

"$refatom" quantize "$data/nano2.gguf" "$work/nano.gguf" >/dev/null || exit 1
"$refatom" bench model "$work/nano.gguf" --devices cpu,cpu:c --sessions 1,3 --seconds 0.1 --threads 2 --svg "$work/chart.svg" --json >"$work/out" || fail "status $?"
count '"kind": "cpu"' 2
count '"device": 1, "kind": "cpu", "name": "c"' 1
for part in vision scene text answer clip "second caption"; do
    count "\"part\": \"$part\"" 2
done
for what in clips captions; do
    count "\"sessions\": 3, \"threads\": 1, \"${what}_per_second\"" 2
    count "\"sessions\": 1, \"threads\": 2, \"${what}_per_second\"" 2
done
count '"op": "total"' 8
if command -v python3 >/dev/null; then
    python3 - "$work/out" "$work/chart.svg" <<'PYTHON' || fail "not JSON, a time that is not positive, or no XML"
import json, sys, xml.dom.minidom
for line in open(sys.argv[1]):
    row = json.loads(line)
    assert all(row[key] > 0 for key in ("median_ns", "clips_per_second", "captions_per_second", "p50_ns", "reads") if key in row), row
svg = xml.dom.minidom.parse(sys.argv[2])
assert len(svg.getElementsByTagName("rect")) == 1 + 2 + 2 * 6 + 2 * 2 * 2
PYTHON
fi

"$refatom" bench model "$work/nano.gguf" --devices cpu --seconds 0.1 >"$work/out" || fail "status $?"
count "^energy of a clip" 1
count "sessions at once" 0
count "step by step" 1

# The one thread did everything; of two each has its line, and their shares are all there is.
for threads in 1 2; do
    "$refatom" bench model "$work/nano.gguf" --steps --seconds 0.2 --answers 2 --threads $threads --json >"$work/out" || fail "status $?"
    count '"thread": ' $threads
    awk -F '[:,]' '/"thread": / { for (i = 1; i < NF; i++) { if ($i ~ /"tasks"/) tasks += $(i + 1); if ($i ~ /"(task|busy)_share"/) shares += $(i + 1) } }
        END { exit !(tasks > 0 && shares > 1.999 && shares < 2.001) }' "$work/out" || fail "shares of $threads threads: $(grep '"thread"' "$work/out")"
done
"$refatom" bench model "$work/nano.gguf" --steps --seconds 0.1 --answers 2 --threads 2 >"$work/out" || fail "status $?"
count "^thread core moves" 1
"$refatom" bench model "$work/nano.gguf" --seconds 0.1 --answers 2 --threads 2 >"$work/out" || fail "status $?"
count "^thread core moves" 0

refused 2 "none of cpu, cpu:TIER, cuda" model "$work/nano.gguf" --devices cpu,npu
refused 2 "numbers from 1 to 64" model "$work/nano.gguf" --devices cpu --sessions 1,x
refused 2 "go with --devices" model "$work/nano.gguf" --svg "$work/a.svg"
refused 1 "cannot be written" model "$work/nano.gguf" --devices cpu --seconds 0.1 --svg "$work/no/folder.svg"
[ $failed -eq 0 ]

#!/bin/sh
# refatom compare: equal tiers are equal, the first tensor that differs is found, tolerances and failures have their status.
#   sh test_compare.sh REFATOM TOOL_ALTER
set -u
refatom=$1 alter=$2
data=$(cd "$(dirname "$0")" && pwd)/data
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

# expect STATUS PATTERN ARGUMENT...: exit status, and a line of the output
expect() {
    want=$1 pattern=$2
    shift 2
    "$refatom" compare "$@" >"$work/out" 2>&1
    got=$?
    [ $got -eq "$want" ] || { echo "FAILED: compare $*: status $got, not $want" >&2; head -n 5 "$work/out" >&2; failed=1; }
    grep -q -e "$pattern" "$work/out" || { echo "FAILED: compare $*: no line like '$pattern'" >&2; tail -n 5 "$work/out" >&2; failed=1; }
}

# The named tensors that differ, in order, from the last JSON output.
different() { tr '{' '\n' <"$work/out" | sed -n '/"steps"/q; s/.*"name": "\([a-z0-9_]*\)".*"different": [1-9].*/\1/p'; }

float=$data/micro1.gguf int8=$work/int8.gguf opt=$work/opt.gguf case=$data/micro1.case.gguf
"$refatom" quantize "$float" "$int8" >/dev/null && "$refatom" quantize "$float" "$opt" --keep 'opt.*' >/dev/null || exit 1

expect 0 "^30 of 30 tensors and [1-9][0-9]* of [1-9][0-9]* results of steps have equal bits" "$float" --inputs "$case" --devices cpu:c,cpu --threads 2
expect 0 "^30 of 30 tensors" "$int8" --inputs "$case" --devices cpu,cpu:c,cpu --group 3
[ "$(grep -c '^left' "$work/out")" -eq 2 ] || { echo "FAILED: three devices are two comparisons" >&2; failed=1; }
expect 0 '"equal": true, "within": true' "$int8" --inputs "$case" --devices cpu:c,cpu --json

# Two files that differ in OPT alone: everything before it is equal, and it is the first that is not.
expect 0 '"equal": false, "within": true' "$opt" --against "$int8" --inputs "$case" --json
[ "$(different | head -n 1)" = keyword_states ] || { echo "FAILED: the first difference is at: $(different | head -n 1)" >&2; failed=1; }
different | grep -q -x -e vision -e visual -e detr_logits -e sentence_states && { echo "FAILED: what comes before OPT differs" >&2; failed=1; }
if command -v python3 >/dev/null; then
    python3 -c 'import json, sys; json.load(sys.stdin)' <"$work/out" || { echo "FAILED: no JSON" >&2; failed=1; }
fi

expect 0 "the first tensor that differs: vision$" "$float" --against "$int8" --inputs "$case"
grep -q "nearest tokens that changed" "$work/out" || { echo "FAILED: no changed tokens" >&2; failed=1; }
expect 1 "not all within the tolerance" "$float" --against "$int8" --inputs "$case" --tolerance 0.001
expect 0 "all within the tolerance" "$float" --against "$float" --inputs "$case" --tolerance 0.001 --devices cpu:c,cpu
expect 1 "differs: vision$" "$float" --against "$int8" --inputs "$case" --tolerance 0

expect 1 "" "$float" --against "$data/nano2.gguf" --inputs "$case"
expect 2 "none of cpu, cpu:TIER, cuda" "$float" --inputs "$case" --devices cpu,gpu
expect 2 "none of c avx2" "$float" --inputs "$case" --devices cpu,cpu:sse9
expect 2 "two devices or more" "$float" --inputs "$case" --devices cpu
expect 2 "wants MODEL" "$float" --devices cpu,cpu:c
expect 2 "from 0 on" "$float" --inputs "$case" --devices cpu,cpu:c --tolerance -1
expect 1 "absent.gguf" "$work/absent.gguf" --inputs "$case" --devices cpu,cpu:c

# One bit of one weight, in the float and in the int8 model: the first tensor that it can reach is the first that differs.
altered() {
    "$alter" "$1" "$2" 1 "$work/altered.gguf" || failed=1
    expect 0 "\"first_tensor\": \"$3\"" "$1" --against "$work/altered.gguf" --inputs "$case" --json
    expect 1 "; the first tensor that differs: $3$" "$1" --against "$work/altered.gguf" --inputs "$case" --tolerance 0
}
for model in "$float" "$int8"; do
    altered "$model" detr.res.4.0.conv2.weight detr_logits
    altered "$model" vit.blk.1.fc2.weight vision
    altered "$model" head.br.1.class.fc2.bias logits1
done

# How near: cosines of a float model with its int8 form.
expect 0 "" "$float" --against "$int8" --inputs "$case" --json
tr '{' '\n' <"$work/out" | sed -n '/"steps"/q; s/.*"name": "\(vision\|visual\|detr_boxes\|logits\)".*"cosine": \([0-9.]*\).*/\1 \2/p' >"$work/cosines"
awk '$2 > 0.99 && $2 < 1 { near++ } END { exit near != 4 }' "$work/cosines" || { echo "FAILED: cosines" $(cat "$work/cosines") >&2; failed=1; }
grep -q '"changed_persons": \[{"detection": ' "$work/out" || { echo "FAILED: no changed persons" >&2; failed=1; }

# Devices that cannot be had. No machine has the tiers of two architectures; refatom itself has no CUDA where this test runs with it.
missing=
for tier in avx2 neon; do
    "$refatom" compare "$float" --inputs "$case" --devices "cpu:c,cpu:$tier" >/dev/null 2>"$work/message" || missing=$tier
done
expect 1 "this machine or build has no $missing" "$float" --inputs "$case" --devices "cpu:c,cpu:${missing:-none}"
expect 1 "no comparison is left" "$float" --inputs "$case" --devices "cpu,cpu:$missing" --fallback
expect 0 "are not compared" "$float" --inputs "$case" --devices "cpu,cpu:$missing,cpu:c" --fallback
expect 2 "this build has cpu" "$float" --inputs "$case" --devices cpu,cuda:1
[ $failed -eq 0 ]

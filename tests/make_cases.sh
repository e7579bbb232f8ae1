#!/bin/sh
# Makes the models and cases of tests/data again: sh tests/make_cases.sh ORACLE [PYTHON]
#
# ORACLE is the folder of the reference implementation in NumPy (oracle.py, synth.py, configs); PYTHON has numpy, scipy and gguf.
# A case holds the inputs and every intermediate tensor of the reference in float64, stored as float32. The checkpoints are rounded to
# float16, so that the model files lose nothing.
#
#   micro1   the reference's smallest configuration, seed 1
#   nano2    data/nano.json (other counts: 5 frames, 17 actions, odd widths), seed 2: boxes without sigmoid, second branch alone
#   nano3    the same, seed 3: logits divided by 3, two Mambas in a row
#   first4   the same, seed 4: RefAtomNet, the 2024 model
set -eu
oracle=$1
python=${2:-python3}
tests=$(cd "$(dirname "$0")" && pwd)
data=$tests/data
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$python" "$oracle/synth.py" micro 1 "$work/micro1.safetensors" --half --case "$data/micro1.case.gguf"
"$python" "$tests/make_variant_case.py" "$oracle" "$data/nano.json" 2 "$work/nano2.safetensors" "$data/nano2.case.gguf" \
    --no-box-sigmoid --branches 2
"$python" "$tests/make_variant_case.py" "$oracle" "$data/nano.json" 3 "$work/nano3.safetensors" "$data/nano3.case.gguf" \
    --logit-divisor 3 --mamba-depth 2
"$python" "$tests/make_first_case.py" "$oracle" "$data/nano.json" 4 "$work/first4.safetensors" "$data/first4.case.gguf"
for name in micro1 nano2 nano3 first4; do
    "$python" "$tests/../models/convert/convert.py" "$work/$name.safetensors" -o "$data/$name.gguf"
done

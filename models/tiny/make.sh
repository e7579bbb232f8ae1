#!/bin/sh
# Everything about refatom-tiny from nothing: clips, training, figures, the float model file and the int8 one. Under two hours on two cores.
#   models/tiny/make.sh [WORK]      default models/tiny/work; needs Python 3.10 or newer, 12 GiB of memory and 6 GiB of disk
# Interrupted, the training continues where it was. RFT_PYTHON names an interpreter that already has requirements.txt; the
# program for the int8 file is build/refatom unless REFATOM names another.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=${1:-$here/work}
data=$work/data
mkdir -p "$data"
export OMP_NUM_THREADS=1

python=${RFT_PYTHON:-$work/venv/bin/python}
if [ ! -x "$python" ]; then
    python3 -m venv "$work/venv"
    "$work/venv/bin/pip" install -q -r "$here/requirements.txt"
fi

train() { stage=$1; shift; "$python" -W ignore "$here/train.py" "$stage" --data "$data" --work "$work" "$@"; }

if [ ! -e "$data/done" ]; then
    for split in "val 300" "test 500" "train 12000"; do
        # shellcheck disable=SC2086
        "$python" "$here/data.py" "$data" $split 0 2 & first=$!
        # shellcheck disable=SC2086
        "$python" "$here/data.py" "$data" $split 1 2
        wait "$first"
    done
    touch "$data/done"
fi

train detector --steps 450 --batch 48 & detector=$!
train vision --steps 2600 --batch 64
wait "$detector"
train head --steps 1200 --batch 24
cp "$work/head.safetensors" "$work/refatom-tiny.safetensors"

# The controls: the same head training on the same visual tokens, with one constant caption, or with videos of other clips.
train head --name caption-blind --blind captions --steps 1200 --batch 24 & control=$!
train head --name video-blind --blind video --steps 1200 --batch 24
wait "$control"

evaluate() { name=$1; shift; "$python" -W ignore "$here/evaluate.py" "$work/$name.pt" --data "$data" "$@"; }
evaluate head --json "$work/test.json"
evaluate caption-blind --blind captions --json "$work/caption-blind.json"
evaluate video-blind --blind video --json "$work/video-blind.json"

# The test split as videos, for `refatom eval`, and once through decoding and resizing here.
[ -e "$work/clips/annotations.jsonl" ] || "$python" "$here/clips.py" "$work/clips" 500
evaluate head --mp4 "$work/clips" --clips 500 --brief --json "$work/mp4.json"

"$python" "$here/../convert/convert.py" "$work/refatom-tiny.safetensors" --vocab "$work/vocab.txt" -o "$work/refatom-tiny-float.gguf"
refatom=${REFATOM:-$here/../../build/refatom}
if [ -x "$refatom" ]; then
    "$refatom" quantize "$work/refatom-tiny-float.gguf" "$work/refatom-tiny.gguf"
    for name in refatom-tiny-float refatom-tiny; do
        "$refatom" eval "$work/$name.gguf" --annotations "$work/clips/annotations.jsonl" --videos "$work/clips" -o "$work/$name.jsonl"
    done
    "$python" "$here/right_person.py" "$work/clips/annotations.jsonl" "$work/refatom-tiny-float.jsonl" "$work/refatom-tiny.jsonl"
    "$python" "$here/agreement.py" "$refatom" "$work/refatom-tiny-float.gguf" "$work/refatom-tiny.gguf" "$work/clips/annotations.jsonl" "$work/clips"
else
    echo "make.sh: no program at $refatom, so no int8 file; build it or name it in REFATOM, then: refatom quantize" >&2
fi

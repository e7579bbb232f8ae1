#!/bin/sh
# synth, quantize and verify as a user calls them: test_quantize.sh REFATOM CONFIG.json CASE.gguf, the case of the same sizes.
set -eu
refatom=$1 config=$2 case=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "FAILED: $1" >&2; exit 1; }
answers() { "$refatom" run "$1" --inputs "$case" --json --threads 1 > "$work/answer.json" || fail "$1 does not run"; }
refused() { if "$@" > "$work/out" 2> "$work/err"; then fail "not refused: $*"; fi; }

for type in int8 f16 f32; do
    "$refatom" synth "$config" "$work/$type.gguf" "--$type" --seed 5 > /dev/null || fail "synth --$type"
    "$refatom" verify "$work/$type.gguf" > "$work/out" || fail "verify of synth --$type"
    grep -q 'digest matches' "$work/out" || fail "synth --$type has no digest"
    answers "$work/$type.gguf"
done
"$refatom" synth "$config" "$work/again.gguf" --int8 --seed 5 > /dev/null
cmp "$work/int8.gguf" "$work/again.gguf" || fail "the same seed gives other bytes"
"$refatom" synth "$config" "$work/again.gguf" --int8 --seed 6 > /dev/null
if cmp -s "$work/int8.gguf" "$work/again.gguf"; then fail "another seed gives the same bytes"; fi

for type in f16 f32; do
    "$refatom" quantize "$work/$type.gguf" "$work/q.gguf" --report > "$work/report" || fail "quantize of $type"
    "$refatom" verify "$work/q.gguf" > "$work/out" || fail "verify of quantize"
    grep -q ' [1-9][0-9]* int8 matrices' "$work/out" || fail "nothing was quantised"
    awk '$3 == "x" && !($5 > 0 && $5 < 0.02) { bad = 1 } END { exit bad }' "$work/report" || fail "a matrix lost more than 2 %"
    answers "$work/q.gguf"
done

# what is kept stays as it was
"$refatom" quantize "$work/f32.gguf" "$work/kept.gguf" --keep 'vit.blk.0.*' --keep=detr.class --report > "$work/report"
if grep -q '^vit\.blk\.0\.\|^detr\.class ' "$work/report"; then fail "--keep did not keep"; fi
grep -q '^vit\.blk\.1\.' "$work/report" || fail "--keep kept too much"
answers "$work/kept.gguf"
"$refatom" verify "$work/kept.gguf" > /dev/null || fail "verify with --keep"

# calibration: no product gets worse, most get better; the file stays good and runs
mkdir "$work/clips"
cp "$case" "$work/clips/one.gguf"
for clips in "$case" "$work/clips"; do
    "$refatom" quantize "$work/f32.gguf" "$work/even.gguf" --calibrate "$clips" --report > "$work/report" || fail "quantize --calibrate $clips"
    awk '/evened out/ && /result/ { n++; b = $4 + 0; a = $7 + 0; if (a > b) bad = 1; if (a < b) better++ }
         END { exit bad || n < 4 || better < n / 2 }' "$work/report" || fail "calibration makes it worse"
    answers "$work/even.gguf"
    "$refatom" verify "$work/even.gguf" > /dev/null || fail "verify with --calibrate"
done
if cmp -s "$work/even.gguf" "$work/q.gguf"; then fail "calibration changes nothing"; fi
refused "$refatom" quantize "$work/f32.gguf" "$work/x.gguf" --calibrate "$work/missing.mp4"

# damage is seen, wherever it is
size=$(wc -c < "$work/q.gguf")
for place in 40 $((size / 2)) $((size / 3)) $((size - 70)) $((size - 1)); do
    cp "$work/q.gguf" "$work/bad.gguf"
    old=$(od -An -tu1 -j "$place" -N1 "$work/q.gguf" | tr -d ' ')
    printf "\\$(printf %03o $(((old + 1) % 256)))" | dd of="$work/bad.gguf" bs=1 seek="$place" conv=notrunc 2> /dev/null
    refused "$refatom" verify "$work/bad.gguf"
    grep -q 'bad.gguf' "$work/err" || fail "the damaged file is not named"
done

refused "$refatom" quantize "$work/q.gguf" "$work/twice.gguf"
refused "$refatom" quantize "$work/f32.gguf" "$work/x.gguf" --keep 'vit.nothing'
refused "$refatom" quantize "$work/f32.gguf"
refused "$refatom" synth "$config" "$work/x.gguf" --int8 --f16
refused "$refatom" synth "$work/missing.json" "$work/x.gguf"
sed 's/"vit_heads": *[0-9]*/"vit_heads": 7/' "$config" > "$work/heads.json"
refused "$refatom" synth "$work/heads.json" "$work/x.gguf"
grep -q vit_heads "$work/err" || fail "the wrong size is not named"
[ ! -e "$work/x.gguf" ] || fail "a refused command left a file"
if ls "$work" | grep -q '\.part$'; then fail "a temporary file was left"; fi
echo "good"

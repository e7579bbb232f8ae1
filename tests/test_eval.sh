#!/bin/sh
# refatom eval and score as a user calls them: test_eval.sh REFATOM MODEL. Exit status 77: ffmpeg is not there to make clips.
# A run that is killed again and again gives the file of an undisturbed one; shards score exactly as one file does; unreadable clips are survived.
set -eu
refatom=$1 model=$2
command -v ffmpeg > /dev/null || { echo "ffmpeg is not installed: no clips can be made"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
videos=$work/videos annotations=$work/annotations.jsonl
mkdir "$videos"
fail() { echo "FAILED: $1" >&2; exit 1; }
eval_to() { out=$1; shift; "$refatom" eval "$model" --annotations "$annotations" --videos "$videos" -o "$out" --threads 1 --json "$@"; }

for i in 1 2 3 4 5; do
    ffmpeg -loglevel error -y -f lavfi -i "testsrc2=s=96x72:r=30:d=3" -vf "hue=h=$((i * 60))" -c:v mpeg4 -threads 1 "$videos/clip$i.mp4"
done
echo "no video" > "$videos/clip6.mp4"
for person in 0 1 2; do
    for i in 4 2 6 1 5 3; do
        printf '{"video": "clip%d", "at": 1.5, "person": %d, "kind": "any", "caption": "the person in \\"stripe %d\\"", "box": [0.1, 0.%d, 0.%d, 0.9], "labels": [%d, %d]}\n' \
            $i $person $person $i $((i + 2)) $((i + person)) $((40 + i))
    done
done > "$annotations"

# undisturbed; the unreadable clip's three samples are left out
eval_to "$work/whole.jsonl" > "$work/whole.json" 2> "$work/whole.err" || fail "eval ends with status $?"
grep -q '"answered": 15, "failed": 3, "repeated": 0' "$work/whole.json" || fail "15 answers and 3 failures expected"
grep -q 'clip6' "$work/whole.err" || fail "the unreadable clip is not named"
[ "$(wc -l < "$work/whole.jsonl")" -eq 19 ] || fail "19 lines expected"

# killed: after ever longer times, and by cutting what it wrote at many places
kills=0
until timeout -s KILL "$(printf '0.%02d' $((3 + kills % 30)))" "$refatom" eval "$model" --annotations "$annotations" --videos "$videos" \
    -o "$work/killed.jsonl" --threads 1 > /dev/null 2>&1; do
    kills=$((kills + 1))
    [ $kills -lt 100 ] || { eval_to "$work/killed.jsonl" > /dev/null 2>&1; break; }
done
cmp "$work/whole.jsonl" "$work/killed.jsonl" || fail "killed $kills times: another file"
bytes=$(wc -c < "$work/whole.jsonl")
for cut in 0 1 500 $((bytes / 4)) $((bytes / 2 + 17)) $((bytes - 400)) $((bytes - 1)) "$bytes"; do
    head -c "$cut" "$work/whole.jsonl" > "$work/cut.jsonl"
    eval_to "$work/cut.jsonl" > /dev/null 2>&1 || fail "cut at $cut: status $?"
    cmp "$work/whole.jsonl" "$work/cut.jsonl" || fail "cut at $cut: another file"
done

# how the clips were read: each answer has it, the scores count it; an older version's results, which do not have it, go on and are merged
mkdir "$work/damaged"
cp "$videos"/clip[1345].mp4 "$work/damaged"
ffmpeg -loglevel error -y -i "$videos/clip2.mp4" -c copy "$work/whole.mkv"
head -c $(($(wc -c < "$work/whole.mkv") * 6 / 10)) "$work/whole.mkv" > "$work/damaged/clip2.mkv"
middle=$(ffprobe -v error -select_streams v -show_entries packet=pos -of csv=p=0 "$videos/clip3.mp4" | sed -n 41p | tr -d ,)
head -c 64 /dev/zero | dd of="$work/damaged/clip3.mp4" bs=1 seek="$middle" conv=notrunc 2> /dev/null
sound=$videos videos=$work/damaged
eval_to "$work/damaged.jsonl" > "$work/damaged.json" 2> /dev/null || fail "damaged clips: status $?"
grep -q '"clips": 5, "clips_cut_short": 1, "clips_damaged": 1, "clips_unknown": 0' "$work/damaged.json" || fail "of five clips one is cut short, one damaged"
[ "$(grep -c '"complete": false, "damaged_packets": 0' "$work/damaged.jsonl")" -eq 3 ] || fail "three answers on the clip that is cut short"
[ "$(grep -c '"complete": true, "damaged_packets": 1' "$work/damaged.jsonl")" -eq 3 ] || fail "three answers on the clip with a damaged packet"
[ "$(grep -c '"complete": true, "damaged_packets": 0' "$work/damaged.jsonl")" -eq 9 ] || fail "nine answers on sound clips"
grep '"error"' "$work/damaged.jsonl" | grep -q '"complete"' && fail "a clip that could not be read is complete or not"
"$refatom" score "$work/damaged.jsonl" --html "$work/damaged.html" | grep -q '^clips  *5   1 cut short, 1 damaged$' ||
    fail "the table does not count clips"
grep -q '5 clips, 1 cut short, 1 damaged' "$work/damaged.html" || fail "the page does not count clips"
forget() { sed 's/, "complete": [a-z]*, "damaged_packets": [0-9]*//' "$work/damaged.jsonl"; }
forget > "$work/old.jsonl"
"$refatom" score "$work/old.jsonl" --json | grep -q '"clips": 5, "clips_cut_short": 0, "clips_damaged": 0, "clips_unknown": 5' ||
    fail "an older version's results say nothing of their clips"
"$refatom" score "$work/old.jsonl" | grep -q '^clips  *5   .*, 5 of results that do not say$' || fail "the table does not count what is not said"
forget | head -9 > "$work/old.jsonl"
eval_to "$work/old.jsonl" > "$work/old.json" 2> /dev/null || fail "an older version's results do not go on: status $?"
grep -q '"answered": 15, "failed": 3' "$work/old.json" || fail "an older version's results: 15 answers and 3 failures expected"
grep -q '"clips_unknown": [12]' "$work/old.json" || fail "an older version's answers are not kept"
videos=$sound

# shards
if command -v parallel > /dev/null; then
    parallel -j2 "$refatom" eval "$model" --annotations "$annotations" --videos "$videos" -o "$work/part{}.jsonl" --threads 1 --shard {}/3 \
        ::: 1 2 3 > /dev/null 2>&1 || fail "a shard fails"
else
    for i in 1 2 3; do
        eval_to "$work/part$i.jsonl" --shard $i/3 > /dev/null 2>&1 || fail "shard $i fails"
    done
fi
"$refatom" score "$work"/part3.jsonl "$work"/part1.jsonl "$work"/part2.jsonl --json > "$work/parts.json"
"$refatom" score "$work/whole.jsonl" --json > "$work/one.json"
cmp "$work/whole.json" "$work/one.json" || fail "eval and score disagree"
cmp "$work/one.json" "$work/parts.json" || fail "three shards score otherwise than one file"
"$refatom" score "$work/whole.jsonl" "$work/part1.jsonl" --json | sed 's/"repeated": [0-9]*/"repeated": 0/' | cmp - "$work/one.json" ||
    fail "samples that come twice count twice"

# pictures: every class with positives has its curve; the page holds its key frames and refers to nothing outside
"$refatom" score "$work/whole.jsonl" --svg "$work/plot.svg" --html "$work/page.html" --videos "$videos" > "$work/table"
classes=$(grep -c '^ *[0-9][0-9]*  [a-z]' "$work/table")
[ "$(grep -c 'AP [0-9.]*, [0-9]* positive' "$work/plot.svg")" -eq "$classes" ] || fail "$classes curves expected"
[ "$(grep -c 'src="data:image/jpeg;base64,/9j/' "$work/page.html")" -eq 15 ] || fail "15 key frames expected"
sed 's#xmlns="http://www.w3.org/2000/svg"##' "$work/page.html" | grep -q 'http' && fail "the page refers to something outside"
[ "$(ls "$work" | grep -c page)" -eq 1 ] || fail "a picture is left over"
if command -v python3 > /dev/null; then
    python3 -c 'import sys, xml.dom.minidom as d; d.parse(sys.argv[1])' "$work/plot.svg" || fail "the plot is no XML"
    sed '1s#"actions": \["#&\\u0001\&#; 1s#", "#\\u0002<", "#g' "$work/whole.jsonl" > "$work/odd.jsonl"
    "$refatom" score "$work/odd.jsonl" --svg "$work/odd.svg" > "$work/table" || fail "odd names of actions: status $?"
    python3 -c 'import sys, xml.dom.minidom as d; d.parse(sys.argv[1])' "$work/odd.svg" || fail "odd names of actions: no XML"
fi

# no room to take the failures out of the results: they stay as they were, and nothing is left beside them (4 blocks, because
# an OpenMP runtime keeps a file of 1 KiB)
mkdir "$work/room"
cp "$work/whole.jsonl" "$work/room/r.jsonl"
(ulimit -f 4; trap '' XFSZ; eval_to "$work/room/r.jsonl" --retry > /dev/null 2> "$work/err") && fail "--retry without room is no failure"
[ "$(grep -c 'room/r.jsonl: cannot be written' "$work/err")" -eq 1 ] || fail "--retry without room: $(cat "$work/err")"
cmp "$work/whole.jsonl" "$work/room/r.jsonl" || fail "--retry without room changed the results"
[ "$(ls "$work/room")" = r.jsonl ] || fail "--retry without room leaves $(ls "$work/room")"

# what had no answer is tried again when asked, and only that
cp "$work/whole.jsonl" "$work/retry.jsonl"
cp "$videos/clip1.mp4" "$videos/clip6.mp4"
eval_to "$work/retry.jsonl" 2> /dev/null | grep -q '"answered": 15, "failed": 3' || fail "failures are tried again without being asked"
eval_to "$work/retry.jsonl" --retry | grep -q '"answered": 18, "failed": 0' || fail "--retry does not try again"
[ "$(wc -l < "$work/retry.jsonl")" -eq 19 ] || fail "--retry leaves other than 19 lines"

# another shard, another sampling, other annotations: refused, nothing changed
cp "$work/retry.jsonl" "$work/same.jsonl"
eval_to "$work/same.jsonl" --shard 1/2 > /dev/null 2> "$work/err" && fail "another shard is accepted"
eval_to "$work/same.jsonl" --still > /dev/null 2> "$work/err" && fail "another sampling is accepted"
grep -q 'sampled otherwise' "$work/err" || fail "the message does not say why"
cmp "$work/retry.jsonl" "$work/same.jsonl" || fail "a refused run changed the file"

# one still picture: all frames alike, so another answer than the moving one
eval_to "$work/still.jsonl" --still > /dev/null || fail "--still ends with status $?"
grep -q '"sampling": "still"' "$work/still.jsonl" || fail "--still is not noted"

# nothing could be answered
mkdir "$work/empty"
"$refatom" eval "$model" --annotations "$annotations" --videos "$work/empty" -o "$work/none.jsonl" > /dev/null 2>&1 && fail "no video, yet status 0"
[ "$(wc -l < "$work/none.jsonl")" -eq 19 ] || fail "missing videos are not written down"
# live: 90 frames, every 8th: 12 sampled, an answer with each from the 8th on; a picture drawn for every frame
"$refatom" live "$model" --video "$videos/clip2.mp4" --caption "the person" --every 8 --json --threads 1 --annotate "$work/live.mp4" > "$work/live.json"
[ "$(grep -c '"actions"' "$work/live.json")" -eq 5 ] || fail "live: 5 answers expected"
head -1 "$work/live.json" | grep -q '"frame": 56,' || fail "live: the first answer comes with frame 56"
[ -s "$work/live.mp4" ] || fail "live: no video"
"$refatom" live "$model" --video "$videos/clip2.mp4" --caption "the person" --every 30 > /dev/null 2>&1 && fail "live: three frames are no clip"
echo "killed $kills times; all files equal"

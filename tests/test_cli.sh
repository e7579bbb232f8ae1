#!/bin/sh
# The program as a user meets it: sh test_cli.sh REFATOM
# Exit status 0, 1, 2; one clear message a failure; nothing half-written. Parts that need FFmpeg's program or Python are left out, and
# said to be, where those are missing.
set -u
refatom=$1
data=$(cd "$(dirname "$0")" && pwd)/data
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failed=0
checks=0

fail() {
    echo "FAILED: $*" >&2
    [ ! -s stderr ] || sed 's/^/    stderr: /' stderr >&2
    failed=1
}

# expect STATUS WORD ARGUMENTS...: runs refatom; STATUS 1 and 2 want WORD in the message, which begins with the program's name
expect() {
    status=$1 word=$2
    shift 2
    "$refatom" "$@" >stdout 2>stderr </dev/null
    got=$?
    checks=$((checks + 1))
    [ $got -eq "$status" ] || { fail "refatom $*: exit status $got, expected $status"; return; }
    if [ "$status" -eq 0 ]; then
        [ -z "$word" ] || grep -q -e "$word" stdout || fail "refatom $*: '$word' is not in the output"
    else
        [ -s stdout ] && fail "refatom $*: failed, but wrote to standard output"
        grep -q -e "$word" stderr || fail "refatom $*: '$word' is not in the message"
    fi
}

# one_message: the failure before wrote one line, from refatom
one_message() {
    [ "$(wc -l <stderr)" -eq 1 ] || fail "$1: not one message"
    grep -q '^refatom: ' stderr || fail "$1: the message does not begin with 'refatom: '"
}

# refused WORD ARGUMENTS...: exit status 1 with one message
refused() {
    expect 1 "$@"
    shift
    one_message "refatom $*"
}

valid_json() {
    if command -v python3 >/dev/null 2>&1; then
        python3 -m json.tool <"$1" >/dev/null 2>stderr || fail "$2: not valid JSON"
    fi
}

only_these_files() {
    left=$(ls -A | grep -v -x -e stdout -e stderr -e model.gguf -e case.gguf -e 'bad-.*' -e clip.mp4 -e clip.mkv -e frames | tr '\n' ' ')
    [ -z "$left" ] || fail "$1: left behind: $left"
}

cp "$data/micro1.gguf" model.gguf
cp "$data/micro1.case.gguf" case.gguf

# ---------------------------------------------------------------- usage
commands=$("$refatom" --help | sed -n 's/^  \([a-z]*\)  *.*/\1/p')
for command in run info plan synth quantize verify; do
    echo "$commands" | grep -q -x "$command" || fail "'refatom --help' does not list $command"
done
for command in $commands; do
    expect 0 "refatom $command" "$command" --help
    expect 0 "refatom $command" "$command" -h
    expect 2 "unknown option --no-such-option" "$command" --no-such-option
    expect 2 "refatom" "$command"
done
expect 0 "^refatom [0-9]" --version
expect 0 "Usage" help
expect 2 "Usage"
expect 2 "unknown command 'dance'" dance
expect 2 "needs a value" run model.gguf --inputs
expect 2 "takes no value" run model.gguf --inputs case.gguf --json=yes
expect 2 "unexpected argument" run model.gguf other.gguf --inputs case.gguf
expect 2 "either" run model.gguf --inputs case.gguf --video clip.mp4
expect 2 "either" run model.gguf --video clip.mp4
expect 2 "threads" run model.gguf --inputs case.gguf --threads 0
expect 2 "threads" run model.gguf --inputs case.gguf --threads 2x
expect 2 "cpu" run model.gguf --inputs case.gguf --cpu i486
expect 2 "at" run model.gguf --video clip.mp4 --caption "a man" --at -1
expect 2 "annotate" run model.gguf --inputs case.gguf --annotate out.jpg
expect 2 "at: 'soon'" run model.gguf --video clip.mp4 --caption "a man" --at soon
one_message "run --at soon"
expect 2 "either" info model.gguf --cpu
expect 2 "either" info --cpu --json
expect 2 "either" info model.gguf --cpu-cap c
expect 2 "video is empty" live model.gguf --video "" --caption "a man"
expect 2 "caption is empty" live model.gguf --video clip.mp4 --caption " "
refused "is empty" run model.gguf --inputs case.gguf --trace ""
if [ -c /dev/full ]; then
    for arguments in --help --version "run --help" "info model.gguf"; do
        # shellcheck disable=SC2086
        "$refatom" $arguments >/dev/full 2>stderr && fail "refatom $arguments: a full disk is no failure"
        grep -q "is the disk full" stderr || fail "refatom $arguments: no message about a full disk"
    done
fi
only_these_files "wrong usage"

# ---------------------------------------------------------------- good runs
expect 0 "million parameters" info model.gguf
expect 0 "variant" info model.gguf --json
valid_json stdout "info --json"
expect 0 "^tier" info --cpu
"$refatom" info --cpu | grep -q '^tier c$' || expect 0 ": capped" info --cpu --cpu-cap c
expect 0 "^tier c" info --cpu --cpu-cap c
expect 0 "not in this build" info --cpu
# OpenMP's own variables bind the first thread to one processor before main, but not the program to it. Not with LLVM's runtime, which sees no
# other processor when OpenBLAS has brought GNU's along: that one has bound the thread before.
if "$refatom" --version | grep -q ', with [^,]*OpenMP' && ! ldd "$refatom" 2>/dev/null | grep -q libomp; then
    cores() { env "$@" "$refatom" info --cpu | sed -n 's/, not used by default//g; s/, used//g; s/^cores *//p'; }
    plain=$(cores -u OMP_PROC_BIND -u OMP_PLACES -u GOMP_CPU_AFFINITY)
    for policy in -uOMP_WAIT_POLICY OMP_WAIT_POLICY=active; do
        bound=$(cores "$policy" OMP_PROC_BIND=true)
        checks=$((checks + 1))
        [ "$bound" = "$plain" ] || fail "with OMP_PROC_BIND=true and $policy the processors are '$bound', not '$plain'"
    done
    export OMP_PROC_BIND=true
    expect 2 "OMP_PROC_BIND" run model.gguf --inputs case.gguf --affinity 0
    unset OMP_PROC_BIND
fi
expect 0 "^refatom [0-9.]*, with" --version
expect 0 "^session" plan model.gguf
expect 0 "linear" plan model.gguf --steps --blocks --threads 3 --group 4 --svg bad-plan.svg
grep -q '</svg>' bad-plan.svg || fail "plan --svg: the picture is not complete"
expect 0 "^box" run model.gguf --inputs case.gguf --threads 1
expect 0 '"box"' run model.gguf --inputs case.gguf --threads 1 --json
valid_json stdout "run --json"
sed 's/"seconds": [0-9.]*//; s/"threads": [0-9]*//; s/"tier": "[a-z0-9]*"//' stdout >bad-one.json
for options in "--threads 2" "--cpu c" "--group 8" "--group 1 --threads 2"; do
    # shellcheck disable=SC2086
    expect 0 '"box"' run model.gguf --inputs case.gguf --json $options
    sed 's/"seconds": [0-9.]*//; s/"threads": [0-9]*//; s/"tier": "[a-z0-9]*"//' stdout >bad-two.json
    cmp -s bad-one.json bad-two.json || fail "run $options: another answer"
done

# A trace holds the inputs under the names of a case: what it says, runs again to the same trace.
expect 0 "" run model.gguf --inputs case.gguf --trace bad-trace.gguf --threads 1
expect 0 "" run model.gguf --inputs bad-trace.gguf --trace bad-again.gguf --threads 2
cmp -s bad-trace.gguf bad-again.gguf || fail "run --inputs TRACE --trace: another trace"

# ---------------------------------------------------------------- bad files
head -c 100000 model.gguf >bad-short.gguf
head -c 10 model.gguf >bad-tiny.gguf
: >bad-empty.gguf
echo "this is a text" >bad-text.gguf
{ head -c 100 model.gguf; printf '\377\377\377\377\377\377\377\377'; tail -c +109 model.gguf; } >bad-damaged.gguf
for file in short tiny empty text damaged; do
    for command in "info" "plan" "run --inputs case.gguf" "verify"; do
        # shellcheck disable=SC2086
        set -- $command
        sub=$1
        shift
        expect 1 "bad-$file.gguf" "$sub" "bad-$file.gguf" "$@"
        [ "$sub" = verify ] || one_message "$sub bad-$file.gguf"
    done
done
refused "absent.gguf" info absent.gguf
refused "absent.gguf" run absent.gguf --inputs case.gguf
refused "absent.gguf" run model.gguf --inputs absent.gguf
refused "case.gguf" info case.gguf
refused "frames" run model.gguf --inputs model.gguf
refused "frames" run model.gguf --inputs "$data/nano3.case.gguf"
refused "bad-short.gguf" run model.gguf --inputs bad-short.gguf
cp case.gguf bad-nan.gguf
printf '\377\377\377\377' | dd of=bad-nan.gguf bs=4 seek=12500 conv=notrunc 2>/dev/null
refused "not finite" run model.gguf --inputs bad-nan.gguf --json
expect 2 "seconds" bench model model.gguf --seconds -1
refused "no such folder" run model.gguf --inputs case.gguf --trace "no such folder/trace.gguf"
refused "no such folder" plan model.gguf --svg "no such folder/plan.svg"
refused "absent.gguf" quantize absent.gguf out.gguf
refused "bad-text.gguf" quantize bad-text.gguf out.gguf
refused "absent.json" synth absent.json out.gguf
refused "bad-text.gguf" synth bad-text.gguf out.gguf
refused "absent.mp4" run model.gguf --video absent.mp4 --caption "a man"
refused "bad-text.gguf" run model.gguf --video bad-text.gguf --caption "a man"
rm -f bad-*
only_these_files "failed commands"

# ---------------------------------------------------------------- outputs
# An input is never written over, a device is never removed, and a file stays as it was until the new one is complete.
expect 2 "is read here" run model.gguf --inputs case.gguf --trace model.gguf
expect 2 "is read here" run model.gguf --inputs case.gguf --trace ./case.gguf
expect 2 "is read here" plan model.gguf --svg model.gguf
expect 2 "is read here" quantize model.gguf model.gguf
cmp -s model.gguf "$data/micro1.gguf" && cmp -s case.gguf "$data/micro1.case.gguf" || fail "outputs: an input was written over"
echo kept >bad-plan.svg
(ulimit -f 8; trap '' XFSZ; "$refatom" plan model.gguf --svg bad-plan.svg >/dev/null 2>stderr) && fail "plan --svg: no room, and no failure"
grep -q "bad-plan.svg: cannot be written" stderr || fail "plan --svg: no room, and no message"
[ "$(cat bad-plan.svg)" = kept ] || fail "plan --svg: a failure changed the old file"
if [ "$(id -u)" = 0 ] && mknod bad-full.svg c 1 7 2>/dev/null; then
    for kind in jpg jsonl mp4; do mknod "bad-full.$kind" c 1 7; done
    refused "bad-full.svg" plan model.gguf --svg bad-full.svg
    echo '{"video": "x", "caption": "a", "box": [0, 0, 1, 1], "labels": [1]}' >bad-a.jsonl
    refused "not a regular file" eval model.gguf --annotations bad-a.jsonl --videos . -o bad-full.jsonl
fi
rm -f bad-plan.svg
only_these_files "outputs"

# ---------------------------------------------------------------- made models
expect 0 "" synth "$data/nano.json" made.gguf --f16 --seed 5
expect 0 "" verify made.gguf
expect 0 "float16" info made.gguf
expect 0 "" synth "$data/nano.json" again.gguf --f16 --seed 5
cmp -s made.gguf again.gguf || fail "synth: the same seed, other bytes"
expect 0 "" quantize made.gguf small.gguf
expect 0 "" verify small.gguf
expect 0 "int8" info small.gguf
cp made.gguf before.gguf
printf 'X' | dd of=made.gguf bs=1 seek=$(($(wc -c <made.gguf) - 200)) conv=notrunc 2>/dev/null
expect 1 "made.gguf" verify made.gguf
cp model.gguf kept.gguf
refused "bad-none" quantize bad-none.gguf kept.gguf
cmp -s model.gguf kept.gguf || fail "quantize: a failure changed the old file"
rm -f made.gguf again.gguf small.gguf before.gguf kept.gguf
only_these_files "synth and quantize"

# ---------------------------------------------------------------- video
if command -v ffmpeg >/dev/null 2>&1 && ffmpeg -v error -f lavfi -i testsrc=size=160x120:rate=25:duration=4 -pix_fmt yuv420p clip.mp4 </dev/null; then
    expect 0 "^pixels" run model.gguf --video clip.mp4 --caption "man in red"
    expect 0 '"key_frame"' run model.gguf --video clip.mp4 --caption "man in red" --json --at 2
    valid_json stdout "run --video --json"
    expect 0 "^pixels" run model.gguf --video clip.mp4 --caption "man in red" --annotate out.jpg
    [ "$(head -c 2 out.jpg | od -An -tx1 | tr -d ' ')" = ffd8 ] || fail "--annotate out.jpg: not a JPEG"
    expect 0 "^pixels" run model.gguf --video clip.mp4 --caption "man in red" --annotate out.mp4
    ffmpeg -v error -i out.mp4 -f null - </dev/null 2>stderr && [ ! -s stderr ] || fail "--annotate out.mp4: FFmpeg cannot read it"
    rm -f out.jpg out.mp4
    mkdir frames
    ffmpeg -v error -i clip.mp4 frames/%03d.jpg </dev/null
    expect 0 "^pixels" run model.gguf --video frames --caption "man in red"
    expect 0 "^pixels" run model.gguf --video 'frames/0*.jpg' --caption "man in red"
    # A file that is cut short is answered from what there is, and says so, also where standard error is no terminal.
    expect 0 '"complete": true, "damaged_packets": 0' run model.gguf --video clip.mp4 --caption "man in red" --json
    [ ! -s stderr ] || fail "run: a message about a sound video"
    ffmpeg -v error -i clip.mp4 -c copy clip.mkv </dev/null
    head -c $(($(wc -c <clip.mkv) * 6 / 10)) clip.mkv >bad-clip.mkv
    expect 0 '"complete": false' run model.gguf --video bad-clip.mkv --caption "man in red" --json
    head -n 1 stderr | grep -q '^refatom: note: bad-clip.mkv: is cut short' || fail "run: no notice of a video that is cut short"
    valid_json stdout "run --json on a video that is cut short"
    expect 0 '"box"' live model.gguf --video bad-clip.mkv --caption "man in red" --json --every 2
    grep -q '^refatom: note: bad-clip.mkv: is cut short' stderr || fail "live: no notice of a video that is cut short"
    if command -v script >/dev/null 2>&1; then # on a terminal a message does not stand behind what it interrupts
        script -qec "'$refatom' run model.gguf --video absent.mp4 --caption man" /dev/null </dev/null >bad-terminal
        grep -q "$(printf '\r\033\\[Krefatom: absent.mp4')" bad-terminal || fail "run: a message behind a line of progress"
    fi
    head -c 3000 clip.mp4 >bad-clip.mp4
    refused "bad-clip.mp4" run model.gguf --video bad-clip.mp4 --caption "a man" --annotate out.mp4
    refused "no such folder" run model.gguf --video clip.mp4 --caption "a man" --annotate "no such folder/out.jpg"
    refused "no such folder" run model.gguf --video clip.mp4 --caption "a man" --annotate "no such folder/out.mp4"
    refused "token" run model.gguf --video clip.mp4 --caption "$(printf 'a %.0s' $(seq 1 100))"
    expect 2 "no video format" run model.gguf --video clip.mp4 --caption "a man" --annotate out.text
    expect 2 "no video format" live model.gguf --video clip.mp4 --caption "a man" --annotate out.text
    expect 2 "or .jpg" run model.gguf --video clip.mp4 --caption "a man" --annotate out.png
    expect 2 "no video format" live model.gguf --video clip.mp4 --caption "a man" --annotate out.jpg
    # A video of 1000 frames a second, and one that grows in the middle, are annotated as well.
    ffmpeg -v error -f lavfi -i testsrc=size=64x48:rate=1000:duration=0.1 -pix_fmt yuv420p bad-fast.mkv </dev/null
    expect 0 "^pixels" run model.gguf --video bad-fast.mkv --caption "a man" --annotate out.mp4
    for size in 64x48 128x96; do
        ffmpeg -v error -y -f lavfi -i testsrc=size=$size:rate=10:duration=1 -pix_fmt yuv420p -f mpegts bad-$size.ts </dev/null
    done
    cat bad-64x48.ts bad-128x96.ts >bad-grows.ts
    expect 0 "^pixels" run model.gguf --video bad-grows.ts --caption "a man" --annotate out.mp4
    expect 0 "box" live model.gguf --video bad-grows.ts --caption "a man" --every 1 --annotate out.mp4
    # With standard files closed their numbers go to other files; nothing may be printed into these.
    "$refatom" live model.gguf --video bad-64x48.ts --caption man --every 1 --json --annotate out.mp4 <&- >&- 2>stderr
    ffmpeg -v error -i out.mp4 -f null - </dev/null 2>stderr && [ ! -s stderr ] || fail "live --json --annotate: printed into the video"
    refused "no folder" score bad-64x48.ts --videos absent
    rm -f out.mp4
    expect 2 "is read here" run model.gguf --video clip.mp4 --caption "a man" --annotate clip.mp4
    expect 2 "is read here" live model.gguf --video clip.mp4 --caption "a man" --annotate ./clip.mp4
    expect 2 "caption is empty" run model.gguf --video clip.mp4 --caption " "
    expect 2 "video is empty" run model.gguf --video "" --caption "a man"
    refused "caption: byte 2 (0xff)" run model.gguf --video clip.mp4 --caption "$(printf 'a \377')"
    refused "shorten it" run model.gguf --video clip.mp4 --caption "$(head -c 5000 /dev/zero | tr '\0' a)"
    echo kept >bad-out.mp4
    (ulimit -f 8; trap '' XFSZ; "$refatom" run model.gguf --video clip.mp4 --caption man --annotate bad-out.mp4 >/dev/null 2>stderr) &&
        fail "run --annotate: no room, and no failure"
    grep -q '/bad-out.mp4: ' stderr || fail "run --annotate: the message does not name the file"
    [ "$(cat bad-out.mp4)" = kept ] || fail "run --annotate: a failure changed the old file"
    for kind in jpg mp4; do
        [ -c "bad-full.$kind" ] || continue
        refused "bad-full.$kind: " run model.gguf --video clip.mp4 --caption man --annotate "bad-full.$kind"
        [ -c "bad-full.$kind" ] || fail "run --annotate: removed a device"
    done
    refused "" live model.gguf --video clip.mp4 --caption man --every 50 --annotate left.mp4
    "$refatom" live model.gguf --video clip.mp4 --caption man --every 1 --json --annotate left.mp4 </dev/null 2>stderr | head -n 1 >stdout
    only_these_files "live, whose reader ends"
    # A source that stalls: the first signal waits for a frame, the second does not.
    ffmpeg -v error -i clip.mp4 -c copy clip.mkv </dev/null
    mkfifo bad-pipe
    "$refatom" live model.gguf --video - --caption man --every 1 --annotate left.mp4 <bad-pipe >stdout 2>stderr &
    live=$!
    exec 9>bad-pipe
    cat clip.mkv >&9
    still=0 before=0 seconds=0
    while [ $still -lt 3 ] && [ $seconds -lt 60 ]; do # without an answer: it waits for more
        seconds=$((seconds + 1))
        sleep 1
        lines=$(wc -l <stdout)
        [ "$lines" -gt 0 ] && [ "$lines" -eq "$before" ] && still=$((still + 1)) || still=0
        before=$lines
    done
    kill -TERM $live
    sleep 0.5
    # On a machine so slow that it was not waiting yet, the first one was enough.
    kill -TERM $live 2>/dev/null || { echo "left out: the second signal to live"; rm -f left.mp4; }
    sleep 0.5
    kill -KILL $live 2>/dev/null && fail "live: a second signal does not end it"
    wait $live 2>/dev/null
    exec 9>&-
    only_these_files "live, ended twice"
    rm -f bad-* clip.mkv
    only_these_files "video"
else
    echo "left out: video (no ffmpeg)"
fi

echo "$checks commands checked"
exit $failed

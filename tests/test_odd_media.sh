#!/bin/sh
# Videos as they also come: test_odd_media.sh REFATOM MODEL. Exit status 77: ffmpeg is not there to make them.
# Pixels that are not square, frames that are turned, sizes, pixel formats and names of all kinds, standard input.
set -eu
refatom=$1 model=$(readlink -f "$2")
command -v ffmpeg > /dev/null && command -v ffprobe > /dev/null || { echo "ffmpeg is not installed: no clips can be made"; exit 77; }
ffmpeg -loglevel error -encoders 2> /dev/null | grep -q libx264 || { echo "ffmpeg lacks libx264"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
fail() { echo "FAILED: $1" >&2; exit 1; }
film() { ffmpeg -loglevel error -y "$@" < /dev/null; }
run() { video=$1; shift; "$refatom" run "$model" --video "$video" --caption "the person in red" --json --threads 1 "$@"; }
live() { video=$1; shift; "$refatom" live "$model" --video "$video" --caption "the person in red" --json --every 1 --threads 1 "$@"; }
size() { ffprobe -loglevel error -select_streams v -show_entries stream=width,height,sample_aspect_ratio -of csv=p=0 "$1"; }
exact="-c:v libx264 -qp 0 -pix_fmt yuv420p"

# Wide and high pixels: what is drawn has square ones, in pictures, videos and on the page; the model sees the stored ones.
for shape in 16/15:768 1/1:720 8/9:720 64/45:1024; do
    film -f lavfi -i testsrc2=s=720x576:r=10:d=0.9 -vf "setsar=${shape%:*}" $exact wide.mp4
    run wide.mp4 --annotate a.jpg | sed 's/"seconds".*"width"/"width"/' > "run.${shape#*/}"
    [ "$(size a.jpg | cut -d, -f1)" -eq "${shape#*:}" ] || fail "$shape: the picture is $(size a.jpg)"
    grep -q '"width": 720, "height": 576' "run.${shape#*/}" || fail "$shape: not the stored size"
    cmp "run.${shape#*/}" run.15:768 || fail "$shape: another answer"
done
run wide.mp4 --annotate a.mp4 > /dev/null
live wide.mp4 --annotate b.mp4 > /dev/null
for video in a.mp4 b.mp4; do
    case $(size $video) in 1024,*,1:1) ;; *) fail "$video is $(size $video)" ;; esac
done
film -i wide.mp4 -vf setsar=1 $exact square.mp4
run square.mp4 --annotate a.jpg > /dev/null
frame=$(size a.jpg | cut -d, -f2)
film -i wide.mp4 -vf setsar=1/2 $exact high.mp4
run high.mp4 --annotate a.jpg > /dev/null
[ "$(size a.jpg | cut -d, -f2)" -eq $((frame - 576 + 1152)) ] || fail "1/2: the picture is $(size a.jpg), with square pixels it had $frame rows"
mkdir videos
film -i wide.mp4 -vf setsar=2 $exact videos/wide.mp4
echo '{"video": "wide", "caption": "the man", "box": [0, 0, 1, 1], "labels": [1]}' > a.jsonl
"$refatom" eval "$model" --annotations a.jsonl --videos videos -o r.jsonl --threads 1 > /dev/null
"$refatom" score r.jsonl --html page.html --videos videos > /dev/null
grep -q 'style="aspect-ratio:2.5"' page.html || fail "the page's key frame has pixels that are not square"

# Turned by what the file says, as phones do it: the answers are those of a film that was turned for good.
film -f lavfi -i testsrc2=s=160x120:r=10:d=0.9 -vf setsar=1/2 $exact flat.mp4
mkdir turned upright
for degrees in 90 180 270; do
    film -display_rotation $degrees -i flat.mp4 -c copy turned/a.mp4 2> /dev/null || film -i flat.mp4 -c copy -metadata:s:v rotate=$degrees turned/a.mp4
    film -i turned/a.mp4 $exact upright/a.mp4
    for kind in turned upright; do
        run $kind/a.mp4 --annotate $kind.jpg | sed 's/"seconds".*"width"/"width"/' > $kind.run
        live $kind/a.mp4 --annotate $kind.mp4 | sed 's/"took".*//' > $kind.live
    done
    cmp turned.run upright.run || fail "turned by $degrees: another answer"
    cmp turned.live upright.live || fail "turned by $degrees: other live answers"
    cmp turned.jpg upright.jpg || fail "turned by $degrees: another picture"
    [ "$(size turned.mp4)" = "$(size upright.mp4)" ] || fail "turned by $degrees: a video of another size"
done
run turned/a.mp4 | grep -q '"width": 120, "height": 160' || fail "a film that is turned is not upright"

# Sizes and pixel formats: an answer, a picture, a video.
odd() { # name, ffmpeg's options
    name=$1; shift
    film -f lavfi -i testsrc2=s=96x64:r=10:d=1 "$@" "$name" 2> /dev/null || { echo "$name: cannot be made by this ffmpeg"; return 0; }
    run "$name" --annotate odd.jpg 2> err | grep -q '"complete": true, "damaged_packets": 0' || fail "$name: $(cat err)"
    [ ! -s err ] || fail "$name: $(cat err)"
    run "$name" --annotate odd.mp4 > /dev/null || fail "$name: no video"
    [ -s odd.jpg ] && [ -s odd.mp4 ] || fail "$name: no picture or no video"
    live "$name" | grep -q '"frame": 7,' || fail "$name: no live answer with the eighth frame"
}
odd 1x1.mkv -vf scale=1:1 -pix_fmt rgb24 -c:v ffv1
odd 3x5.mkv -vf scale=3:5 -pix_fmt yuv420p -c:v ffv1
odd ten.mp4 -pix_fmt yuv420p10le -c:v libx264
odd full_chroma.mp4 -pix_fmt yuv444p -c:v libx264
odd alpha.mov -pix_fmt argb -c:v qtrle
odd palette.nut -pix_fmt pal8 -c:v rawvideo
odd one_bit.nut -pix_fmt monow -c:v rawvideo
odd grey.mkv -pix_fmt gray10le -c:v ffv1
odd motion.avi -pix_fmt yuvj444p -c:v mjpeg
odd fields.mpg -vf fps=25,interlace -flags +ilme+ildct -c:v mpeg2video
odd early.ts -output_ts_offset -5 -avoid_negative_ts disabled $exact
odd two_videos.mkv -f lavfi -i color=s=320x240:r=5:d=2 -map 0 -map 1 $exact
odd parts.mpjpeg -f mpjpeg
film -f lavfi -i testsrc2=s=96x64:r=10:d=0.3 -vf scale=16:16384 -c:v ffv1 tall.mkv
run tall.mkv --annotate odd.jpg | grep -q '"height": 16384' || fail "the tallest frame"
[ "$(size odd.jpg | cut -d, -f2)" -gt 14000 ] || fail "the tallest frame's picture is $(size odd.jpg)"
film -f lavfi -i testsrc2=s=96x64:r=10:d=4 $exact -g 20 a.ts
tail -c +$(($(wc -c < a.ts) / 3)) a.ts > begun.ts # in the middle of a group of pictures and of a packet
run begun.ts | grep -q '"frames": \[0, ' || fail "a broadcast that had begun"
film -f lavfi -i testsrc2=s=96x64:r=10:d=2 -c:v libx264 -g 20 clean.mkv
film -i clean.mkv -c copy -bsf:v noise=amount=200 noisy.mkv
run noisy.mkv > noisy.json 2> err
damage=$(sed -n 's/.*is damaged: \([0-9]*\) packets were passed over, \([0-9]*\) frames have errors.*/\1 + \2/p' err)
[ -n "$damage" ] || fail "no notice of noise: $(cat err)"
grep -q "\"damaged_packets\": $(($damage))[^0-9]" noisy.json || fail "damage of $damage is not counted: $(cat noisy.json)"
film -ss 1.3 -i a.ts -c copy edited.mp4
run edited.mp4 | grep -q '"complete": true' || fail "an edit list"
film -f lavfi -i testsrc2=s=96x64:r=10:d=1 -frames:v 1 $exact one.mp4
run one.mp4 | grep -q '"frames": \[0, 0, 0, ' || fail "one frame"

# Formats that know few rates have one that loses no frame, 24000/1001 for 10, and the time is kept: 40 frames, the last at 3.9 s. One that knows few
# sizes is refused before any work.
frames() { ffprobe -loglevel error -count_frames -select_streams v -show_entries stream=nb_read_frames -of csv=p=0 "$1" | tr -d ,; }
for ending in mpg mpeg m1v mxf; do
    run a.ts --annotate "few.$ending" > /dev/null || fail "no .$ending of 10 frames a second"
    [ "$(frames "few.$ending")" -eq 95 ] || fail "few.$ending has $(frames "few.$ending") frames"
    live a.ts --annotate "few.$ending" > /dev/null || fail "no live .$ending of 10 frames a second"
    [ "$(frames "few.$ending")" -eq 95 ] || fail "the live few.$ending has $(frames "few.$ending") frames"
done
status=0
"$refatom" run no-model --video a.ts --caption man --annotate few.gxf 2> err || status=$?
[ $status -eq 2 ] && grep -q "no video format .*'few.gxf'; use .mp4" err || fail "GXF: status $status, $(cat err)"

# Names: each is a file, whatever ffmpeg or the shell would make of it.
for name in 'sp ace.ts' '100%d.ts' '-dash.ts' 'ünï.ts' 'a:b.ts' 'x[1]*?.ts' "quo'te\".ts" 'pipe:0.ts'; do
    cp -- a.ts "$name"
    run "$name" | grep -q '"frames": \[0, 5, 11' || fail "$name"
    live "$name" | grep -q '"frame": 7,' || fail "live $name"
done
for name in 'a b.mp4' '100%d.mp4' 'a:b.mp4' 'pipe:1.mp4' '-dash.mp4' 'x[1].mp4'; do
    run one.mp4 --annotate "$name" > /dev/null || fail "to $name"
    [ -s "./$name" ] || fail "$name is not written"
done
run 'gone [1].ts' > /dev/null 2> err && fail "a file that is not there"
grep -q 'no such file' err || fail "a name with brackets: $(cat err)"

# Standard input, live and for a window; the whole of it has no end that could be known.
live - < a.ts | grep -q '"frame": 7,' || fail "live from standard input"
run - --at 1 < a.ts | grep -q '"complete": true' || fail "a window of standard input"
run - < a.ts > /dev/null 2>&1 && fail "all of standard input"
echo "all answered"

#!/bin/sh
# The main job on a bundled clip with the bundled model: one video, two captions, two different people. Pictures go to out/.
set -eu
build=${1:-build}
model=models/tiny/refatom-tiny.gguf
clip=models/tiny/clips/test-0007.mp4

[ -x "$build/refatom" ] || { echo "demo: $build/refatom is missing; run 'make' first" >&2; exit 1; }
mkdir -p out
ask() {
    printf '\n"%s"\n' "$1"
    "$build/refatom" run "$model" --video "$clip" --caption "$1" --annotate "$2"
    echo "picture  $2"
}
echo "refatom on $clip: three people, and each caption means one of them"
ask "the person on the far left" out/demo-left.jpg
ask "the person in the white jacket" out/demo-white.jpg

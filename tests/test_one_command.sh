#!/bin/sh
# The core is plain C11: one compiler command builds it with README.md's example, with libm alone:  sh test_one_command.sh CC
# The command is the one that toolchains/README.md gives.
set -eu
cc=$1
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

command=$(sed -n 's/^cc \(.*-DRFA_NO_SIMD.*\)$/\1/p' toolchains/README.md)
[ "$(echo "$command" | wc -l)" -eq 1 ] && [ -n "$command" ] || { echo "toolchains/README.md gives no single command" >&2; exit 1; }
# The files are the shell's to find; the output goes elsewhere, and without optimisation it is quick.
# shellcheck disable=SC2086
eval "$cc" $(echo "$command" | sed "s#-o [^ ]*#-o $work/example#; s#-O2#-O1#")
head -c 230400 tests/data/micro1.gguf >"$work/frames"
"$work/example" tests/data/micro1.gguf "man in red" 120 80 <"$work/frames" >"$work/answer"
[ "$(grep -c '^action ' "$work/answer")" -eq 80 ] || { echo "not 80 actions" >&2; exit 1; }
readelf -d "$work/example" | grep NEEDED | grep -v -e libm.so -e libc.so && { echo "it needs more than libm" >&2; exit 1; }
echo "one command: the core in plain C"

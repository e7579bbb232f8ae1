#!/bin/sh
# README.md's C is tests/example.c's, and it runs: sh test_example.sh EXAMPLE
set -eu
tests=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

sed -n '/^\/\* ---- README.md \*\/$/,/^\/\* ---- README.md \*\/$/p' "$tests/example.c" | grep -v -e '---- README.md' >"$work/example"
# The block of C that holds the function; README.md may show others.
awk '/^```/ { if (inside && text ~ /^static int answer\(/) printf "%s", text; inside = $0 == "```c"; text = ""; next } inside { text = text $0 "\n" }' \
    "$tests/../README.md" >"$work/readme"
[ -s "$work/example" ] || { echo "example.c has no part for README.md" >&2; exit 1; }
diff "$work/example" "$work/readme" || { echo "README.md and tests/example.c differ" >&2; exit 1; }

head -c 230400 "$tests/data/micro1.gguf" >"$work/frames" # 8 pictures of 120 x 80 with some content
"$1" "$tests/data/micro1.gguf" "man in red" 120 80 <"$work/frames" >"$work/answer"
[ "$(grep -c '^action ' "$work/answer")" -eq 80 ] || { echo "not 80 actions" >&2; cat "$work/answer" >&2; exit 1; }
if "$1" "$work/no such model" "man in red" 120 80 <"$work/frames" 2>"$work/message"; then
    echo "a missing model was not refused" >&2
    exit 1
fi
grep -q 'no such model' "$work/message" || { echo "the message does not name the model" >&2; exit 1; }

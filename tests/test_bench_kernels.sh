#!/bin/sh
# refatom bench kernels: every row of a kernel equals plain C, has a time, and on one thread the clock it ran at; products have their share in cycles.
#   sh test_bench_kernels.sh REFATOM
set -u
refatom=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

fail() {
    echo "FAILED: $*" >&2
    failed=1
}

# with PATTERN FILE: how many of its lines have it
with() {
    grep -c -e "$1" "$2"
}

"$refatom" bench kernels --filter 32x3072x768 --threads 2 --seconds 0.01 --json >"$work/all" || fail "status $?"
grep -v '"kernel": "ceiling' "$work/all" | grep -v '"tier": "c"' >"$work/rows"
[ "$(with '"tier": "c"' "$work/all")" -ge 1 ] || fail "no row of plain C"
[ "$(with '"equal": true' "$work/all")" -eq "$(with . "$work/all")" ] || fail "a row that differs"
[ "$(with '"median_ns": 0\.0' "$work/all")" -eq 0 ] || fail "a row without time"
case $(uname -m) in
x86_64 | aarch64)
    grep '"threads": 1,' "$work/rows" >"$work/one"
    [ "$(with '"clock_hz": [1-9]' "$work/one")" -eq "$(with . "$work/one")" ] || fail "one thread without a clock"
    [ "$(with '"share_at_clock": 0\.0000' "$work/one")" -eq 0 ] || fail "a product without its share in cycles"
    ;;
esac

"$refatom" bench kernels --filter 32x3072x768 --threads 1 --seconds 0.01 >"$work/text" || fail "status $?"
[ "$(with '^gemm_s8 .* 32x3072x768' "$work/text")" -eq "$(($(with '"threads": 1,' "$work/rows") + 1))" ] || fail "rows as text"
exit $failed

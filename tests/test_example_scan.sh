#!/bin/sh
# README.md's scan program is tests/example_scan.c, and its answer is the formula's: sh test_example_scan.sh PROGRAM
set -eu
tests=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The block of C that calls the scan.
awk '/^```/ { if (inside && text ~ /rfa_selective_scan\(/) printf "%s", text; inside = $0 == "```c"; text = ""; next } inside { text = text $0 "\n" }' \
    "$tests/../README.md" >"$work/readme"
diff "$tests/example_scan.c" "$work/readme" || { echo "README.md and tests/example_scan.c differ" >&2; exit 1; }

# h[n] decays by exp(-(n+1) dt) a step from dt on; y is their sum, gated by silu(4).
"$1" >"$work/answer"
awk 'BEGIN { dt = log(1 + exp(-2)); gate = 4 / (1 + exp(-4)) }
     { sum = 0; for (n = 1; n <= 16; n++) sum += dt * exp(-n * dt * (NR - 1))
       want = sum * gate; if ($1 - want > 2e-6 || want - $1 > 2e-6) { print "step " NR ": " $1 ", the formula gives " want; wrong = 1 } }
     END { if (NR != 20) print NR " steps, not 20"; exit wrong || NR != 20 }' "$work/answer"

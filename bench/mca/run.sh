#!/bin/sh
# The inner loops of the Arm kernels, and of the x86 one that no machine at hand could run, on llvm-mca's pipeline models: cycles, work a cycle,
# and share of what the pipes can do.
#   bench/mca/run.sh [ARM-COMPILER [X86-COMPILER]]
# Default aarch64-linux-gnu-gcc and x86_64-linux-gnu-gcc; installs them and llvm-19 on Debian and Ubuntu.
# Memory is taken to answer from L1. Exit status 1 when a goal of the last table is missed.
set -eu
cd "$(dirname "$0")/../.."
arm=${1:-aarch64-linux-gnu-gcc} x86=${2:-x86_64-linux-gnu-gcc}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

. toolchains/apt.sh
command -v "$arm" >/dev/null || apt_install gcc-aarch64-linux-gnu libc6-dev-arm64-cross
command -v "$x86" >/dev/null || apt_install gcc-x86-64-linux-gnu libc6-dev-amd64-cross
mca=$(command -v llvm-mca-19 llvm-mca-20 llvm-mca-18 | head -n 1 || true)
[ -n "$mca" ] || { apt_install llvm-19; mca=llvm-mca-19; }

# assemble COMPILER KERNEL FLAGS PATTERN LEAST: the hot loop, with at least LEAST instructions like PATTERN, into $work/KERNEL.loop
assemble() {
    # shellcheck disable=SC2086
    "$1" -std=c11 -O3 -DNDEBUG -fPIC -ffp-contract=off -fvisibility=hidden $3 -Isimd -Iquant -S -o "$work/$2.s" "simd/$2.c"
    awk -v pattern="$4" -v least="$5" -f bench/mca/loop.awk "$work/$2.s" >"$work/$2.loop"
}
assemble "$arm" gemm_s8_neon "" '\t(smull|smlal)2?\t' 32
assemble "$arm" gemm_s8_dotprod -march=armv8.2-a+dotprod '\tsdot\t' 64
assemble "$arm" gemm_s8_i8mm -march=armv8.2-a+dotprod+i8mm '\tsmmla\t' 24
assemble "$arm" scan_f32_neon "" '\tfmla\t' 16
assemble "$x86" gemm_s8_avxvnni "-mavx2 -mfma -mf16c -mavxvnni" 'vpdpbusd\t' 48

# Work of a pass through the loop: 8 MACs for each SMULL or SMLAL, 16 for SDOT, 32 for SMMLA and VPDPBUSD; 4 state updates for each decay, of which
# each has one FCVTZS.
work_of() {
    case $1 in
    gemm_s8_neon) grep -cE '\b(smull|smlal)2?\b' "$work/$1.loop" | awk '{ print 8 * $1 }' ;;
    gemm_s8_dotprod) grep -cw sdot "$work/$1.loop" | awk '{ print 16 * $1 }' ;;
    gemm_s8_i8mm) grep -cw smmla "$work/$1.loop" | awk '{ print 32 * $1 }' ;;
    gemm_s8_avxvnni) grep -cw vpdpbusd "$work/$1.loop" | awk '{ print 32 * $1 }' ;;
    scan_f32_neon) grep -cw fcvtzs "$work/$1.loop" | awk '{ print 4 * $1 }' ;;
    esac
}

# Instructions of 128 bits, on x86 of 256, that the core starts a cycle: Arm's software optimization guides of the cores. a53 and a55 have two pipes of
# 64 bits; a72 multiplies integers in one of its two pipes; a76 and a78 have two pipes, x1 four. Alder Lake's large cores multiply in two ports.
# model: whose pipelines llvm-mca takes; where it has none of the core's own, the nearest.
cores='
cortex-a53  cortex-a53   gemm_s8_neon:1 scan_f32_neon:-
cortex-a55  cortex-a55   gemm_s8_neon:1 gemm_s8_dotprod:1 scan_f32_neon:-
cortex-a72  cortex-a72   gemm_s8_neon:1 scan_f32_neon:-
cortex-a76  neoverse-n1  gemm_s8_neon:1 gemm_s8_dotprod:2 scan_f32_neon:-
cortex-a78  neoverse-n1  gemm_s8_neon:1 gemm_s8_dotprod:2 scan_f32_neon:-
cortex-x1   neoverse-v1  gemm_s8_neon:2 gemm_s8_dotprod:4 scan_f32_neon:-
neoverse-n2 neoverse-n2  gemm_s8_dotprod:2 gemm_s8_i8mm:2 scan_f32_neon:-
alderlake   alderlake    gemm_s8_avxvnni:2
'

cycles() {
    case $1 in *_avxvnni) target=-march=x86-64 ;; *) target="-march=aarch64 -mattr=+dotprod,+i8mm" ;; esac
    # shellcheck disable=SC2086
    "$mca" $target -mcpu="$2" -iterations=200 "$work/$1.loop" 2>/dev/null | awk '/^Total Cycles/ { print $3 / 200 }'
}

# instructions of the kernel that are multiplications, for the peak
report() {
    core=$1 model=$2 kernel=${3%:*} rate=${3#*:}
    awk -v core="$core" -v model="$model" -v kernel="$kernel" -v rate="$rate" -v cycles="$(cycles "$kernel" "$model")" -v work="$(work_of "$kernel")" \
        'BEGIN {
            size["gemm_s8_neon"] = 8; size["gemm_s8_dotprod"] = 16; size["gemm_s8_i8mm"] = size["gemm_s8_avxvnni"] = 32
            if (kernel in size)
                printf "%-12s %-12s %-16s %7.1f cycles, %5.1f MAC a cycle, %4.0f %% of %d\n", core, model, kernel, cycles, work / cycles,
                       100 * work / cycles / (rate * size[kernel]), rate * size[kernel]
            else
                printf "%-12s %-12s %-16s %7.1f cycles, %5.2f cycles a state update\n", core, model, kernel, cycles, cycles / work
        }'
}

echo "core         model        kernel           one pass through the loop"
echo "$cores" | while read -r core model kernels; do
    for kernel in $kernels; do
        report "$core" "$model" "$kernel"
    done
done | tee "$work/table"

echo
awk '
function goal(core, kernel, field, least, sign, text,    held) {
    held = sign * figure[core, kernel, field] >= sign * least
    printf "%-6s %s %s: %s (%s)\n", held ? "holds" : "MISSED", core, kernel, text, figure[core, kernel, field]
    missed += !held
}
{ figure[$1, $3, "rate"] = $6; figure[$1, $3, "share"] = $10 }
END {
    goal("cortex-a76", "gemm_s8_dotprod", "share", 90, 1, "at least 90 % of the SDOT pipes")
    goal("cortex-a72", "gemm_s8_neon", "share", 80, 1, "at least 80 % of the multiply pipe")
    goal("cortex-a76", "scan_f32_neon", "rate", 2.2, -1, "at most 2.2 cycles a state update")
    goal("cortex-a53", "gemm_s8_neon", "share", 40, 1, "at least 40 % of the pipes, which SADALP shares")
    goal("cortex-a55", "gemm_s8_dotprod", "share", 65, 1, "at least 65 % of the pipes")
    goal("cortex-a53", "scan_f32_neon", "rate", 9, -1, "at most 9 cycles a state update")
    goal("cortex-a55", "scan_f32_neon", "rate", 5, -1, "at most 5 cycles a state update")
    goal("alderlake", "gemm_s8_avxvnni", "share", 95, 1, "at least 95 % of two VPDPBUSD a cycle")
    exit missed > 0
}' "$work/table"

#!/bin/sh
# The kernels' PTX has no float operation outside of the numeric contract: every sum and product says how it rounds (one that does not may be
# fused, also by a driver that compiles the PTX for a newer device), nothing flushes denormals, is approximate or in double.
#   sh src/cuda/check_ptx.sh NVCC
set -eu
nvcc=$1
top=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
flags=$(sed -n 's/^ *"-std=c++17;\([^$]*\);-Xcompiler.*/\1/p' "$top/toolchains/cuda.cmake" | tr ';' ' ')
case $flags in
*--fmad=false*) ;;
*) echo "check_ptx: the flags were not found in toolchains/cuda.cmake" >&2; exit 1 ;;
esac
failed=0 files=0
for source in "$top"/src/cuda/*.cu; do
    # shellcheck disable=SC2086
    "$nvcc" -std=c++17 $flags -I"$top/src" -I"$top/simd" -I"$top/quant" -arch=compute_75 -ptx -o "$work/ptx" "$source"
    files=$((files + 1))
    if grep -nE '\.ftz|\.approx|\.full|\.f64|[[:space:]](add|sub|mul|mad|fma|div|sqrt)\.f32' "$work/ptx" >"$work/found"; then
        echo "$source: outside of the numeric contract:" >&2
        head -n 5 "$work/found" >&2
        failed=1
    fi
done
[ $files -gt 0 ] && [ $failed -eq 0 ] || exit 1
echo "$files kernel files, their PTX is within the numeric contract"

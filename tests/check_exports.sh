#!/bin/sh
# The shared library has its versioned name and exports exactly what refatom.h declares: sh check_exports.sh LIBREFATOM.SO
set -eu
library=$1
header=$(dirname "$0")/../src/refatom.h
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Names that a sanitizer makes up begin with two underscores.
nm -D --defined-only "$library" | awk '$NF !~ /^__/ { sub(/@.*/, "", $NF); print $NF }' | sort >"$work/exported"
tr '\n' ' ' <"$header" | grep -oE 'RFA_API (RFA_CHECKED )?[a-z_0-9 *]*rfa_[a-z0-9_]+\(' | grep -oE 'rfa_[a-z0-9_]+\($' | tr -d '(' | sort >"$work/declared"
[ "$(wc -l <"$work/declared")" -eq "$(grep -c '^RFA_API' "$header")" ] || { echo "a declaration in refatom.h was not understood" >&2; exit 1; }
diff "$work/declared" "$work/exported" || { echo "refatom.h declares (<) and $library exports (>) different names" >&2; exit 1; }
readelf -d "$library" | grep -q 'SONAME.*\[librefatom\.so\.[0-9]*\]' || { echo "$library has no versioned soname" >&2; exit 1; }

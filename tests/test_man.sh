#!/bin/sh
# The manual page and the completion know every command and every option that --help names: sh test_man.sh REFATOM
set -eu
refatom=$1
cli=$(cd "$(dirname "$0")/../src/cli" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
sed 's/\\-/-/g' "$cli/refatom.1" >"$work/page"

# section TITLE: its text
section() { awk -v title="$1" '/^\.SH/ { inside = $0 == ".SH " title; next } inside' "$work/page"; }
options() { grep -oE -e '(^|[^A-Za-z-])--?[a-z][a-z0-9-]*' | grep -oE -e '-[a-z0-9-]+' | sort -u; }

commands=$("$refatom" --help | sed -n 's/^  \([a-z][a-z]*\) .*/\1/p')
[ "$(echo "$commands" | wc -l)" -ge 10 ] || { echo "the commands were not understood: $commands" >&2; exit 1; }
for command in $commands; do
    { section "REFATOM $(echo "$command" | tr a-z A-Z)"; section "OPTIONS OF ALL COMMANDS WITH A SESSION"; } | options >"$work/told"
    [ -n "$(section "REFATOM $(echo "$command" | tr a-z A-Z)")" ] || { echo "refatom.1 has no section on '$command'" >&2; failed=1; }
    "$refatom" "$command" --help | options >"$work/help"
    missing=$(comm -13 "$work/told" "$work/help")
    [ -z "$missing" ] || { echo "refatom.1 does not tell of '$command'" $missing >&2; failed=1; }
done

if command -v bash >/dev/null 2>&1; then
    # complete WORD...: what bash offers for the last word
    complete() {
        bash -c '. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _refatom; printf "%s\n" "${COMPREPLY[@]}"' bash "$cli/refatom.bash" "$refatom" "$@"
    }
    complete "" >"$work/offered"
    for command in $commands; do
        grep -qx "$command" "$work/offered" || { echo "the completion does not offer '$command'" >&2; failed=1; }
    done
    complete run --an | grep -qx -e --annotate || { echo "the completion does not offer --annotate" >&2; failed=1; }
    complete run m.gguf --cpu avx51 | grep -qx avx512vnni || { echo "the completion does not offer the tiers" >&2; failed=1; }
    complete run m.gguf --cpu "" >"$work/tiers"
    [ "$(sed -n 's/^TIER(\([a-z0-9]*\),.*/\1/p' "$cli/../../simd/tiers.def"; echo auto)" = "$(cat "$work/tiers")" ] ||
        { echo "the completion does not offer all tiers, but" $(cat "$work/tiers") >&2; failed=1; }
fi
exit $failed

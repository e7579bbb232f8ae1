#!/bin/sh
# Installs a build and makes somebody else's program from what is installed alone, in C and C++, shared and static, through find_package and
# through pkg-config:  sh test_install.sh CMAKE BUILD CC CXX
# CFLAGS, CXXFLAGS and LDFLAGS are those of the build. With PREFIX set nothing is installed: what lies there is tested, BUILD is not read.
set -eu
cmake=$1 build=$2 cc=$3 cxx=$4
tests=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
die() { echo "FAILED: $*" >&2; exit 1; }

prefix=${PREFIX:-$work/prefix}
if [ -z "${PREFIX:-}" ]; then
    "$cmake" --install "$build" --prefix "$work/first" >/dev/null
    mv "$work/first" "$prefix" # what is installed may be moved
fi
lib=$(dirname "$(find "$prefix/lib" -name librefatom.a)")
for file in bin/refatom include/refatom.h share/man/man1/refatom.1* share/bash-completion/completions/refatom; do
    [ -s "$prefix/"$file ] || die "$file is not installed"
done
[ "$(ls "$prefix/include")" = refatom.h ] || [ "$prefix" = /usr ] || die "include/ holds more than refatom.h: $(ls "$prefix/include")"
"$prefix/bin/refatom" --version | grep -q '^refatom [0-9]' || die "the installed program does not run"

# runs PROGRAM WORD: it reads a model, and links the shared library exactly if WORD is shared
runs() {
    LD_LIBRARY_PATH=$lib "$1" "$tests/data/micro1.gguf" | grep -q '80 actions' || die "$1 does not run"
    if readelf -d "$1" | grep -q 'NEEDED.*librefatom.so.0'; then found=shared; else found=static; fi
    [ "$found" = "$2" ] || die "$1 is linked $found"
}

linkages=static
if [ -e "$lib/librefatom.so" ]; then linkages="shared static"; fi
export PKG_CONFIG_PATH="$lib/pkgconfig"
cp "$tests/installed/user.c" "$work/user.cpp"
for linkage in $linkages; do
    "$cmake" -S "$tests/installed" -B "$work/$linkage" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_COMPILER="$cc" -DCMAKE_CXX_COMPILER="$cxx" \
        -DLINKAGE=$linkage >"$work/log" 2>&1 || { cat "$work/log" >&2; die "find_package, $linkage"; }
    "$cmake" --build "$work/$linkage" >"$work/log" 2>&1 || { cat "$work/log" >&2; die "the build with find_package, $linkage"; }
    runs "$work/$linkage/user_c" $linkage
    runs "$work/$linkage/user_cpp" $linkage
    # shellcheck disable=SC2046
    if [ $linkage = static ]; then # librefatom.a by name: -lrefatom takes the shared library where both lie
        set -- $(pkg-config --cflags --static --libs refatom | sed 's/-lrefatom/-l:librefatom.a/')
    else
        set -- $(pkg-config --cflags --libs refatom)
    fi
    # shellcheck disable=SC2086
    "$cc" -std=c11 -Wall -Wextra -Werror ${CFLAGS:-} "$tests/installed/user.c" "$@" ${LDFLAGS:-} -o "$work/$linkage/c"
    # shellcheck disable=SC2086
    "$cxx" -std=c++11 -Wall -Wextra -Werror ${CXXFLAGS:-} "$work/user.cpp" "$@" ${LDFLAGS:-} -o "$work/$linkage/cpp"
    runs "$work/$linkage/c" $linkage
    runs "$work/$linkage/cpp" $linkage
done
echo "installed: C and C++ through find_package and pkg-config, $linkages"

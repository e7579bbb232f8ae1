#!/bin/sh
# Builds for another machine and packs it:  cross.sh TARGET [deb]
#   aarch64  arm          64- and 32-bit Arm, with FFmpeg, libjpeg-turbo and OpenBLAS from Debian's packages for that architecture
#   riscv64               without them: Debian 12 has none for it
#   x86_64  x86_64-clang  with everything
#   aarch64-static  arm-static  riscv64-static  x86_64-static
#                         one file that runs on any Linux: glibc and libjpeg-turbo inside, no FFmpeg, no OpenBLAS
#   x86_64-musl           the same with musl, without libjpeg-turbo and OpenMP
# Leaves build-TARGET/ and dist/refatom-VERSION-TARGET.tar.gz; with deb, build-TARGET-deb/ and Debian packages in dist/.
# Installs what it needs on Debian and Ubuntu: compilers, and libraries of the other architecture beside this one's (dpkg --add-architecture).
# Where those cannot be had it says so and builds without them.
set -eu
cd "$(dirname "$0")/.."
target=${1:?cross.sh TARGET [deb]} format=${2:-tar}
jobs=${JOBS:-$(nproc)}

case $target in
aarch64 | aarch64-static) triple=aarch64-linux-gnu arch=arm64 ;;
arm | arm-static) triple=arm-linux-gnueabihf arch=armhf ;;
riscv64 | riscv64-static) triple=riscv64-linux-gnu arch=riscv64 ;;
x86_64 | x86_64-clang | x86_64-static | x86_64-musl) triple=x86_64-linux-gnu arch=amd64 ;;
*) echo "cross: no target '$target'; there are aarch64 arm riscv64 x86_64, each also with -static, and x86_64-clang x86_64-musl" >&2 && exit 2 ;;
esac
command -v dpkg >/dev/null || { echo "cross: this is not Debian or Ubuntu; use toolchains/$triple.cmake by hand" >&2; exit 1; }
native=$(dpkg --print-architecture)
root=""
[ "$(id -u)" -eq 0 ] || root=sudo
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# ---------------------------------------------------------------- packages

. toolchains/apt.sh

compilers() {
    tools="cmake make pkg-config gcc libc6-dev"
    [ "$format" != deb ] || tools="$tools dpkg-dev file"
    [ "$arch" = "$native" ] || tools="$tools gcc-$(echo $triple | tr _ -) libc6-dev-$arch-cross"
    case $target in
    *-clang) tools="$tools clang libomp-dev" ;;
    *-musl) tools="$tools musl-tools" ;;
    esac
    # shellcheck disable=SC2086
    apt_install $tools
}

# libraries PACKAGE...: of the target's architecture. Ubuntu keeps those of others on a server that its owner must add first.
libraries() {
    if [ "$arch" != "$native" ] && ! dpkg --print-foreign-architectures | grep -qx "$arch"; then
        [ "$arch" != riscv64 ] && grep -qx 'ID=debian' /etc/os-release || return 1
        echo "cross: adding the architecture $arch (dpkg --remove-architecture $arch undoes it)"
        $root dpkg --add-architecture "$arch"
    fi
    all="libc6-dev:$arch"
    for package in "$@"; do
        all="$all $package:$arch"
    done
    # shellcheck disable=SC2086
    apt_install $all
}

# ---------------------------------------------------------------- build

compilers || exit 1
toolchain=$triple options="-DRFA_TESTS=OFF" with_all=ON
case $target in
*-musl)
    toolchain=x86_64-linux-musl with_all=OFF
    options="$options -DRFA_STATIC=ON -DRFA_FFMPEG=OFF -DRFA_OPENBLAS=OFF -DRFA_TURBOJPEG=OFF -DRFA_OPENMP=OFF"
    ;;
*-static)
    libraries libturbojpeg0-dev || with_all=OFF
    options="$options -DRFA_STATIC=ON -DRFA_FFMPEG=OFF -DRFA_OPENBLAS=OFF -DRFA_TURBOJPEG=$with_all"
    ;;
*)
    [ "$target" != x86_64-clang ] || toolchain=x86_64-linux-gnu-clang
    libraries libopenblas-openmp-dev libturbojpeg0-dev libavformat-dev libavcodec-dev libavutil-dev libswscale-dev || with_all=OFF
    options="$options -DRFA_FFMPEG=$with_all -DRFA_OPENBLAS=$with_all -DRFA_TURBOJPEG=$with_all"
    ;;
esac
[ "$with_all" = ON ] || case $target in
*-musl) ;;
*) echo "cross: no packages for $arch can be had here: built without FFmpeg, libjpeg-turbo and OpenBLAS, which leaves --inputs and the library" >&2 ;;
esac

build=build-$target
if [ "$format" = deb ]; then
    build=$build-deb
    options="$options -DCMAKE_INSTALL_PREFIX=/usr -DCMAKE_INSTALL_LIBDIR=lib/$triple -DRFA_DEB_ARCHITECTURE=$arch"
fi
# shellcheck disable=SC2086
cmake -S . -B "$build" -DCMAKE_BUILD_TYPE=Release -DCMAKE_TOOLCHAIN_FILE="$PWD/toolchains/$toolchain.cmake" $options >"$work/log" 2>&1 ||
    { tail -n 30 "$work/log" >&2; exit 1; }
cmake --build "$build" -j "$jobs" >"$work/log" 2>&1 || { grep -E -A 6 'error|Error' "$work/log" | head -n 40 >&2; exit 1; }

# The budget of the core: 400 KiB of text on 64-bit Arm.
text=$(size -t "$build/librefatom.a" | awk 'END { print $1 }')
echo "cross: $build/refatom; librefatom.a has $text bytes of text"
if [ "$arch" = arm64 ] && [ "$text" -gt 409600 ]; then
    echo "cross: that is more than 409600, the budget of librefatom.a on aarch64" >&2
    exit 1
fi

# ---------------------------------------------------------------- pack

mkdir -p dist
version=$(sed -n 's/^project(refatom VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
if [ "$format" = deb ]; then
    (cd "$build" && rm -f ./*.deb && DEB_HOST_ARCH=$arch cpack -G DEB >"$work/log" 2>&1) || { tail -n 30 "$work/log" >&2; exit 1; }
    for package in "$build"/*.deb; do
        cp "$package" dist/
        echo "cross: dist/${package##*/}"
    done
    exit 0
fi

name=refatom-$version-$target
stage=$work/$name
cmake --install "$build" --prefix "$stage" --strip >/dev/null
# What the dynamic program needs on the other machine, as this one's system names it: other releases have other versions of FFmpeg.
system=$(. /etc/os-release && echo "$NAME ${VERSION_ID:-}" | sed 's,GNU/Linux ,,; s,^Debian.*,& (or Raspberry Pi OS of that version),')
needs=""
for library in $(readelf -d "$stage/bin/refatom" 2>/dev/null | sed -n 's/.*NEEDED.*\[\(.*\)\].*/\1/p'); do
    [ "$library" != libopenblas.so.0 ] || { needs="$needs libopenblas0-openmp"; continue; } # an alternative, of no package
    package=$(dpkg -S "/usr/lib/$triple/$library" "/lib/$triple/$library" 2>/dev/null | sed -n 's/:.*//p' | head -n 1)
    case $package in
    "" | libc6) ;;
    *) needs="$needs $package" ;;
    esac
done
{
    echo "refatom $version for $target. Unpack it anywhere; bin/refatom runs from there."
    [ -z "$needs" ] || echo "It needs, on $system:  apt-get install$needs"
    case $options in
    *FFMPEG=OFF*) echo "It reads no video: --video wants a folder of JPEG frames, if bin/refatom --version tells of TurboJPEG." ;;
    *) echo "Try it:  bin/refatom run share/refatom/refatom-tiny.gguf --video share/refatom/demo.mp4 --caption 'the person in the white jacket'" ;;
    esac
} >"$stage/INSTALL"
tar -C "$work" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$(git log -1 --format=%ct 2>/dev/null || echo 0)" -czf "dist/$name.tar.gz" "$name"
echo "cross: dist/$name.tar.gz"
[ -z "$needs" ] || echo "cross: it needs there$needs"

#!/bin/sh
# Makes the Debian packages of the targets, wants lintian to find nothing, and uses what they hold:  package_test.sh [TARGET...]
# Default: x86_64 and aarch64. This machine's are linked by a program of somebody else (tests/test_install.sh); an aarch64 program is run under emulation.
set -eu
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- x86_64 aarch64
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
. toolchains/apt.sh
apt_install lintian dpkg-dev file g++ qemu-user

for target in "$@"; do
    case $target in
    x86_64) arch=amd64 ;;
    aarch64) arch=arm64 ;;
    *) echo "package_test: packages are tested for x86_64 and aarch64, not for $target" >&2 && exit 2 ;;
    esac
    rm -f dist/*_"$arch".deb dist/*_all.deb
    sh toolchains/cross.sh "$target" deb
    lintian --allow-root --fail-on error,warning dist/*_"$arch".deb dist/*_all.deb
    echo "package: lintian finds nothing in the packages of $arch"
    for package in dist/*_"$arch".deb dist/*_all.deb; do
        dpkg-deb -x "$package" "$work/$arch"
    done
    if [ "$arch" = "$(dpkg --print-architecture)" ]; then
        PREFIX=$work/$arch/usr sh tests/test_install.sh cmake "" cc c++
    elif [ "$arch" = arm64 ]; then
        qemu-aarch64 -L /usr/aarch64-linux-gnu "$work/arm64/usr/bin/refatom" --version
    fi
done

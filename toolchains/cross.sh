#!/bin/sh
# Builds the program for another machine, without FFmpeg, TurboJPEG and OpenBLAS:  cross.sh TARGET [test]
#   TARGET  aarch64, arm or riscv64
#   test    runs the bundled int8 model under emulation on every CPU listed below and compares all its tensors with the native ones, byte by byte
# Installs the cross compiler and the emulator on Debian and Ubuntu. The native program is taken from build/.
set -eu
target=${1:?cross.sh TARGET [test]}
case $target in
aarch64) triple=aarch64-linux-gnu libc=libc6-dev-arm64-cross emulator=qemu-aarch64 cpus="cortex-a53 cortex-a72 cortex-a76 max" ;;
arm) triple=arm-linux-gnueabihf libc=libc6-dev-armhf-cross emulator=qemu-arm cpus="cortex-a15 max" ;;
riscv64) triple=riscv64-linux-gnu libc=libc6-dev-riscv64-cross emulator=qemu-riscv64 cpus="rv64" ;;
*) echo "cross: $target is none of aarch64, arm, riscv64" >&2 && exit 2 ;;
esac

if ! command -v "$triple-gcc" >/dev/null || ! command -v "$emulator" >/dev/null; then
    run=""
    [ "$(id -u)" -eq 0 ] || run=sudo
    $run apt-get update -qq
    $run env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "gcc-$triple" "$libc" qemu-user >/dev/null
fi

build=build-$target
cmake -S . -B "$build" -DCMAKE_TOOLCHAIN_FILE="$PWD/toolchains/$triple.cmake" -DRFA_FFMPEG=OFF -DRFA_TURBOJPEG=OFF -DRFA_OPENBLAS=OFF \
    -DRFA_TESTS=OFF >/dev/null
cmake --build "$build" -j "$(nproc)" >/dev/null
echo "cross: $build/refatom, $(size "$build/librefatom.a" -t 2>/dev/null | awk 'END { print $1 }') bytes of text in librefatom.a"
[ "${2:-}" = test ] || exit 0

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
build/refatom quantize tests/data/micro1.gguf "$work/model.gguf" >/dev/null
build/refatom run "$work/model.gguf" --inputs tests/data/micro1.case.gguf --trace "$work/native.gguf" >/dev/null
for cpu in $cpus; do
    OMP_WAIT_POLICY=passive $emulator -cpu "$cpu" -L "/usr/$triple" "$build/refatom" run "$work/model.gguf" --inputs tests/data/micro1.case.gguf \
        --trace "$work/$cpu.gguf" --threads 2 | grep '^time' | sed "s/^/$target $cpu: /"
    cmp "$work/native.gguf" "$work/$cpu.gguf"
done
echo "cross: $target gives the native bits on $cpus"

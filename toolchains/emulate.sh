#!/bin/sh
# The kernel tests and int8 models on emulated CPUs:  emulate.sh [TARGET...]     default: aarch64 arm riscv64 x86_64
#   quick   the part of 'make test': a few kernels and the models on two Arm CPUs, built in BUILD/emulated; installs nothing, exit status 77
#           where compiler or emulator are not there
#   setup   installs what quick needs
# On every CPU below: the tier that must be chosen there, the tests of all kernels and of what the numbers rest on, and the digests of the int8 traces
# (tests/data/int8.sha256). Builds in build-emulate-TARGET; x86_64 takes the native build (BUILD, default build). Installs compilers and emulators on
# Debian and Ubuntu. CMocka for another architecture comes out of Debian's package for it; where there is none (riscv64) only the models run.
# EMULATE_CPUS="cortex-a76 max" picks among the CPUs.
set -eu
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- aarch64 arm riscv64 x86_64
jobs=${JOBS:-$(nproc)}
native=$(cd "${BUILD:-build}" 2>/dev/null && pwd || true)
begin=$(date +%s)
# With a policy given, the program does not start itself again, which would leave the emulator.
export OMP_WAIT_POLICY=passive

. toolchains/apt.sh

# pack_s8 tests pack_rows_s8 and pack_cols_s8.
tests="kernel_rows poly quant gguf text build plan model pack_s8 $(sed -n 's/^KERNEL(\([a-z0-9_]*\), c,.*/\1/p' simd/kernels.def | grep -v '^pack_')"

packages() { apt_install cmake make pkg-config "gcc-$(echo "$1" | tr _ -)" "libc6-dev-$2-cross" qemu-user; } # TRIPLE ARCH

# build TRIPLE ARCH FOLDER
build() {
    with_tests=OFF
    if [ -d "$3/cmocka" ] || apt_unpack "$2" "$3/cmocka" libcmocka0 libcmocka-dev; then
        with_tests=ON
        # Its description says /usr: with the sysroot set pkg-config names the unpacked folder instead.
        export PKG_CONFIG_SYSROOT_DIR="$3/cmocka"
    else
        echo "emulate: no CMocka for $2 can be had: only the models run there"
    fi
    PKG_CONFIG_PATH="$3/cmocka/usr/lib/$1/pkgconfig" cmake -S . -B "$3" \
        -DCMAKE_TOOLCHAIN_FILE="$PWD/toolchains/$1.cmake" -DRFA_FFMPEG=OFF -DRFA_TURBOJPEG=OFF -DRFA_OPENBLAS=OFF -DRFA_TESTS=$with_tests >/dev/null
    targets=refatom_cli
    if [ $with_tests = ON ]; then
        for test in $tests; do
            targets="$targets test_$test"
        done
    fi
    # shellcheck disable=SC2086
    cmake --build "$3" -j "$jobs" --target $targets >/dev/null
}

# on CPU TIER FOLDER EMULATOR...: everything on one CPU
on() {
    cpu=$1 tier=$2 folder=$3
    shift 3
    emulator="$* -cpu $cpu"
    cpu=${cpu%%-noTSX*}
    [ -z "${EMULATE_CPUS:-}" ] || case " $EMULATE_CPUS " in *" $cpu "*) ;; *) return 0 ;; esac
    started=$(date +%s)
    chosen=$($emulator "$folder/refatom" info --cpu | sed -n 's/^tier *//p')
    [ "$chosen" = "$tier" ] || { echo "emulate: $cpu runs '$chosen', not '$tier'" >&2; exit 1; }
    sh tests/test_digest.sh "$emulator $folder/refatom" quick >/dev/null
    passed=0
    for test in $tests; do
        [ -x "$folder/tests/test_$test" ] || continue
        (cd tests && $emulator "$folder/tests/test_$test") >"$folder/emulated.log" 2>&1 ||
            { tail -n 30 "$folder/emulated.log" >&2; echo "emulate: test_$test fails on $cpu" >&2; exit 1; }
        [ "$test" != gemm_s8 ] || rows=$(sed -n 's/^\[ *OK \] gemm_s8\///p' "$folder/emulated.log" | tr '\n' ' ')
        passed=$((passed + 1))
    done
    echo "emulate: $cpu: tier $tier, int8 digests equal, $passed test programs passed (gemm_s8: ${rows:-none}), $(($(date +%s) - started)) s"
}

# under TRIPLE FOLDER: the emulator's options for FOLDER's build. Without the path the loader of the compiler's libc would find another libc of that
# architecture, where one is installed, and threads of the two together hang.
under() { echo "-L /usr/$1 -E LD_LIBRARY_PATH=/usr/$1/lib:$2/cmocka/usr/lib/$1"; }

# arm64 FOLDER CPU:TIER...
arm64() {
    folder=$1
    shift
    build aarch64-linux-gnu arm64 "$folder"
    for pair in "$@"; do
        on "${pair%:*}" "${pair#*:}" "$folder" qemu-aarch64 "$(under aarch64-linux-gnu "$folder")"
    done
}

for target in "$@"; do
    rows=""
    all=$tests
    case $target in
    setup) packages aarch64-linux-gnu arm64 ;;
    quick)
        for program in aarch64-linux-gnu-gcc qemu-aarch64; do
            command -v $program >/dev/null || { echo "emulate: left out: no $program; 'sh toolchains/emulate.sh setup' installs it"; exit 77; }
        done
        tests="kernel_rows gemm_s8 quantize_row scan_f32"
        arm64 "$native/emulated" cortex-a53:neon max:i8mm
        ;;
    aarch64)
        packages aarch64-linux-gnu arm64
        arm64 "$PWD/build-emulate-aarch64" cortex-a53:neon cortex-a72:neon cortex-a76:dotprod max:i8mm
        ;;
    arm)
        folder=$PWD/build-emulate-arm
        packages arm-linux-gnueabihf armhf
        tests=$(echo "$tests" | sed 's/ poly / /') # its references want a long double wider than double
        build arm-linux-gnueabihf armhf "$folder"
        for cpu in cortex-a15 max; do
            on $cpu c "$folder" qemu-arm "$(under arm-linux-gnueabihf "$folder")"
        done
        ;;
    riscv64)
        packages riscv64-linux-gnu riscv64
        build riscv64-linux-gnu riscv64 "$PWD/build-emulate-riscv64"
        on rv64 c "$PWD/build-emulate-riscv64" qemu-riscv64 "$(under riscv64-linux-gnu "$PWD/build-emulate-riscv64")"
        ;;
    x86_64)
        apt_install qemu-user
        [ "$(uname -m)" = x86_64 ] || { echo "emulate: x86_64 wants a build for x86_64" >&2; exit 1; }
        on Nehalem c "$native" qemu-x86_64
        # QEMU 7.2 reads what VPMASKMOV masks out and so runs into guard pages: no tests of kernels here, which run on real AVX2 everywhere.
        tests="kernel_rows poly quant gguf text build plan model"
        on Haswell-noTSX,pcid=off,x2apic=off,tsc-deadline=off,invpcid=off avx2 "$native" qemu-x86_64
        ;;
    *) echo "emulate: no target '$target'; there are aarch64 arm riscv64 x86_64, quick and setup" >&2 && exit 2 ;;
    esac
    tests=$all
done
echo "emulate: $* done in $(($(date +%s) - begin)) s"

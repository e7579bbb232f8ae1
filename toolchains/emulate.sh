#!/bin/sh
# The kernel tests and int8 models on emulated CPUs:  emulate.sh [TARGET...]     default: aarch64 arm riscv64 x86_64
# On every CPU below: the tier that must be chosen there, the tests of all kernels and of what the numbers rest on, and the digests of the int8 traces
# (tests/data/int8.sha256). Builds in build-emulate-TARGET; x86_64 takes the native build (BUILD, default build). Installs compilers and emulators on
# Debian and Ubuntu. CMocka for another architecture comes from Debian's package for it; where there is none (riscv64) only the models run.
# EMULATE_CPUS="cortex-a76 max" picks among the CPUs.
set -eu
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- aarch64 arm riscv64 x86_64
root=""
[ "$(id -u)" -eq 0 ] || root=sudo
jobs=${JOBS:-$(nproc)}
begin=$(date +%s)
# With a policy given, the program does not start itself again, which would leave the emulator.
export OMP_WAIT_POLICY=passive

. toolchains/apt.sh

# cmocka ARCH FOLDER: Debian's library for that architecture, unpacked into FOLDER; false where there is none
cmocka() {
    [ ! -d "$2/usr" ] || return 0
    if ! dpkg --print-foreign-architectures | grep -qx "$1"; then
        [ "$1" != riscv64 ] && grep -qx 'ID=debian' /etc/os-release || return 1
        $root dpkg --add-architecture "$1"
        $root apt-get -o DPkg::Lock::Timeout=300 update -qq || true
    fi
    mkdir -p "$2"
    (cd "$2" && apt-get -qq download "libcmocka0:$1" "libcmocka-dev:$1" 2>/dev/null && for package in *.deb; do dpkg -x "$package" . || exit 1; done)
}

# pack_s8 tests pack_rows_s8 and pack_cols_s8.
tests="kernel_rows poly quant gguf text plan model pack_s8 $(sed -n 's/^KERNEL(\([a-z0-9_]*\), c,.*/\1/p' simd/kernels.def | grep -v '^pack_')"

# build TARGET TRIPLE ARCH
build() {
    apt_install cmake make pkg-config "gcc-$(echo "$2" | tr _ -)" "libc6-dev-$3-cross" qemu-user
    with_tests=OFF
    if cmocka "$3" "$PWD/build-emulate-$1/cmocka"; then
        with_tests=ON
        # Its description says /usr: with the sysroot set pkg-config names the unpacked folder instead.
        export PKG_CONFIG_SYSROOT_DIR="$PWD/build-emulate-$1/cmocka"
    else
        echo "emulate: no CMocka for $3 can be had: $1 runs the models only"
    fi
    PKG_CONFIG_PATH="$PWD/build-emulate-$1/cmocka/usr/lib/$2/pkgconfig" cmake -S . -B "build-emulate-$1" \
        -DCMAKE_TOOLCHAIN_FILE="$PWD/toolchains/$2.cmake" -DRFA_FFMPEG=OFF -DRFA_TURBOJPEG=OFF -DRFA_OPENBLAS=OFF -DRFA_TESTS=$with_tests >/dev/null
    targets=refatom_cli
    if [ $with_tests = ON ]; then
        for test in $tests; do
            targets="$targets test_$test"
        done
    fi
    # shellcheck disable=SC2086
    cmake --build "build-emulate-$1" -j "$jobs" --target $targets >/dev/null
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
    sh tests/test_digest.sh "$emulator $PWD/$folder/refatom" quick >/dev/null
    passed=0
    for test in $tests; do
        [ -x "$folder/tests/test_$test" ] || continue
        (cd tests && $emulator "../$folder/tests/test_$test") >"$folder/emulated.log" 2>&1 ||
            { tail -n 30 "$folder/emulated.log" >&2; echo "emulate: test_$test fails on $cpu" >&2; exit 1; }
        [ "$test" != gemm_s8 ] || rows=$(sed -n 's/^\[ *OK \] gemm_s8\///p' "$folder/emulated.log" | tr '\n' ' ')
        passed=$((passed + 1))
    done
    echo "emulate: $cpu: tier $tier, int8 digests equal, $passed test programs passed (gemm_s8: ${rows:-none}), $(($(date +%s) - started)) s"
}

for target in "$@"; do
    rows=""
    case $target in
    aarch64)
        build aarch64 aarch64-linux-gnu arm64
        libraries="$PWD/build-emulate-aarch64/cmocka/usr/lib/aarch64-linux-gnu"
        for pair in cortex-a53:neon cortex-a72:neon cortex-a76:dotprod max:i8mm; do
            on "${pair%:*}" "${pair#*:}" build-emulate-aarch64 qemu-aarch64 -L /usr/aarch64-linux-gnu -E "LD_LIBRARY_PATH=$libraries"
        done
        ;;
    arm)
        all=$tests
        tests=$(echo "$tests" | sed 's/ poly / /') # its references want a long double wider than double
        build arm arm-linux-gnueabihf armhf
        for cpu in cortex-a15 max; do
            on $cpu c build-emulate-arm qemu-arm -L /usr/arm-linux-gnueabihf -E "LD_LIBRARY_PATH=$PWD/build-emulate-arm/cmocka/usr/lib/arm-linux-gnueabihf"
        done
        tests=$all
        ;;
    riscv64)
        build riscv64 riscv64-linux-gnu riscv64
        on rv64 c build-emulate-riscv64 qemu-riscv64 -L /usr/riscv64-linux-gnu
        ;;
    x86_64)
        apt_install qemu-user
        [ "$(uname -m)" = x86_64 ] || { echo "emulate: x86_64 wants a build for x86_64" >&2; exit 1; }
        on Nehalem c "${BUILD:-build}" qemu-x86_64
        # QEMU 7.2 reads what VPMASKMOV masks out and so runs into guard pages: no tests of kernels here, which run on real AVX2 everywhere.
        all=$tests
        tests="kernel_rows poly quant gguf text plan model"
        on Haswell-noTSX,pcid=off,x2apic=off,tsc-deadline=off,invpcid=off avx2 "${BUILD:-build}" qemu-x86_64
        tests=$all
        ;;
    *) echo "emulate: no target '$target'; there are aarch64 arm riscv64 x86_64" >&2 && exit 2 ;;
    esac
done
echo "emulate: $* done in $(($(date +%s) - begin)) s"

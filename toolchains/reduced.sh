#!/bin/sh
# Builds the program without one optional library at a time, with a compiler that lacks newer instructions, and the core alone by one compiler command,
# and checks that each works and says what it lacks:  reduced.sh [BUILD-FOLDER]
set -eu
cd "$(dirname "$0")/.."
folder=${1:-build-reduced}
jobs=${JOBS:-$(nproc)}
model=models/tiny/refatom-tiny.gguf clip=models/tiny/clips/test-0007.mp4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
die() { echo "reduced: $*" >&2; [ ! -s "$work/stderr" ] || sed 's/^/    /' "$work/stderr" >&2; exit 1; }

# expect STATUS WORD ARGUMENTS...: refatom ends with STATUS and tells WORD, on stdout if it is done and on stderr if not
expect() {
    status=$1 word=$2
    shift 2
    got=0
    "$build/refatom" "$@" >"$work/stdout" 2>"$work/stderr" </dev/null || got=$?
    [ $got -eq "$status" ] || die "$build: refatom $*: exit status $got, expected $status"
    grep -q -e "$word" "$work/stdout" "$work/stderr" || die "$build: refatom $*: does not tell '$word'"
}

# make_program FOLDER CMAKE-OPTION: and runs it
make_program() {
    build=$1
    cmake -S . -B "$build" -DCMAKE_BUILD_TYPE=Release -DRFA_TESTS=OFF "$2" >"$work/log" 2>&1 || { tail -n 20 "$work/log" >&2; exit 1; }
    cmake --build "$build" -j "$jobs" --target refatom_cli >"$work/log" 2>&1 || { grep -A 6 error "$work/log" >&2; exit 1; }
    expect 0 'time' run tests/data/micro1.gguf --inputs tests/data/micro1.case.gguf
}

# build LIBRARY NAME: all but that one
build() {
    make_program "$folder/without-$1" "-DRFA_$1=OFF"
    expect 0 "without .*$2" --version
    echo "reduced: without $2 it builds, runs, and says so"
}

build FFMPEG FFmpeg
expect 1 'needs FFmpeg' run $model --video $clip --caption "the person in the white jacket"
build TURBOJPEG TurboJPEG
expect 1 'needs TurboJPEG' run $model --video $clip --caption "the person in the white jacket" --annotate "$work/out.jpg"
build OPENBLAS OpenBLAS
expect 1 'no OpenBLAS' run tests/data/micro1.gguf --inputs tests/data/micro1.case.gguf --blas
build OPENMP OpenMP
expect 0 'no OpenMP' run tests/data/micro1.gguf --inputs tests/data/micro1.case.gguf --threads 4

# As gcc 10 and clang 11: what their options do not know is left out.
if [ "$(uname -m)" = x86_64 ]; then
    mkdir -p "$folder"
    old=$(cd "$folder" && pwd)/old-cc
    cat >"$old" <<END
#!/bin/sh
for option do
    case \$option in -mavxvnni | -mamx-*) echo "error: unrecognized command-line option '\$option'" >&2; exit 1 ;; esac
done
exec ${CC:-cc} "\$@"
END
    chmod +x "$old"
    make_program "$folder/old-compiler" "-DCMAKE_C_COMPILER=$old"
    expect 0 'avxvnni .*no: not in this build' info --cpu
    expect 0 'amx .*no: not in this build' info --cpu
    echo "reduced: with a compiler that lacks AVX-VNNI and AMX it builds, runs, and says so"
fi
sh tests/test_one_command.sh "${CC:-cc}"
echo "reduced: the core alone builds by one command"

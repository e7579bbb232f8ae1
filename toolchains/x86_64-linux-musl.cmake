# x86-64 Linux with musl, for static programs: package musl-tools. There is no OpenMP and no optional library for it.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR x86_64)
set(CMAKE_C_COMPILER musl-gcc)

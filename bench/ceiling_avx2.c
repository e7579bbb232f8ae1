#ifndef __AVX2__
#error "ceiling_avx2.c needs the flags that CMakeLists.txt gives the avx2 files"
#endif
#include "ceiling_x86.h"

LOOP_X86(multiply_add, "vfmadd231ps %%ymm14, %%ymm15, %%ymm\\i\n\t")

/* A chain of gemm_s8_avx2: three lines added up in 16 bits. 12 and 14 are scratch registers. */
LOOP_X86(chain, "vpmaddubsw %%ymm15, %%ymm13, %%ymm14\n\tvpsubw %%ymm13, %%ymm14, %%ymm14\n\t"
                "vpmaddubsw %%ymm15, %%ymm13, %%ymm12\n\tvpaddw %%ymm12, %%ymm14, %%ymm14\n\t"
                "vpmaddubsw %%ymm15, %%ymm13, %%ymm12\n\tvpaddw %%ymm12, %%ymm14, %%ymm14\n\t"
                "vpmaddwd %%ymm13, %%ymm14, %%ymm14\n\tvpaddd %%ymm14, %%ymm\\i, %%ymm\\i\n\t")

/* A line alone. */
LOOP_X86(alone, "vpmaddubsw %%ymm15, %%ymm13, %%ymm14\n\tvpmaddwd %%ymm13, %%ymm14, %%ymm14\n\t"
                "vpaddd %%ymm14, %%ymm\\i, %%ymm\\i\n\t")

READ_X86("ymm", 32)

const struct rfa_loop rfa_loop_fma_avx2 = {"VFMADD231PS YMM", 12 * 8, multiply_add, NULL};
const struct rfa_loop rfa_loop_int8_avx2 = {"3 VPMADDUBSW+3 VPADDW+VPMADDWD+VPADDD YMM", 12 * 96, chain, NULL};
const struct rfa_loop rfa_loop_int8_other_avx2 = {"VPMADDUBSW+VPMADDWD+VPADDD YMM", 12 * 32, alone, NULL};
const struct rfa_loop rfa_loop_read_avx2 = {"VMOVAPS YMM", 1, NULL, read_all};

#ifndef __AVX2__
#error "ceiling_avx2.c needs the flags that CMakeLists.txt gives the avx2 files"
#endif
#include "ceiling_x86.h"

LOOP_X86(multiply_add, "vfmadd231ps %%ymm14, %%ymm15, %%ymm\\i\n\t")

/* gemm_s8_avx2's narrow lines: 8 to 16 to 32 bits. 14 is the scratch register. */
LOOP_X86(maddubs, "vpmaddubsw %%ymm15, %%ymm13, %%ymm14\n\tvpmaddwd %%ymm13, %%ymm14, %%ymm14\n\t"
                  "vpaddd %%ymm14, %%ymm\\i, %%ymm\\i\n\t")

/* Its wide lines: 16-bit pairs. */
LOOP_X86(madd, "vpmaddwd %%ymm15, %%ymm13, %%ymm14\n\tvpaddd %%ymm14, %%ymm\\i, %%ymm\\i\n\t")

READ_X86("ymm", 32)

const struct rfa_loop rfa_loop_fma_avx2 = {"VFMADD231PS YMM", 12 * 8, multiply_add, NULL};
const struct rfa_loop rfa_loop_int8_avx2 = {"VPMADDUBSW+VPMADDWD+VPADDD YMM", 12 * 32, maddubs, NULL};
const struct rfa_loop rfa_loop_int8_other_avx2 = {"VPMADDWD+VPADDD YMM", 12 * 16, madd, NULL};
const struct rfa_loop rfa_loop_read_avx2 = {"VMOVAPS YMM", 1, NULL, read_all};

#ifndef __AVX512F__
#error "ceiling_avx512.c needs the flags that CMakeLists.txt gives the avx512 files"
#endif
#include "ceiling_x86.h"

LOOP_X86(multiply_add, "vfmadd231ps %%zmm14, %%zmm15, %%zmm\\i\n\t")
LOOP_X86(madd, "vpmaddwd %%zmm15, %%zmm13, %%zmm14\n\tvpaddd %%zmm14, %%zmm\\i, %%zmm\\i\n\t")
READ_X86("zmm", 64)

const struct rfa_loop rfa_loop_fma_avx512 = {"VFMADD231PS ZMM", 12 * 16, multiply_add, NULL};
const struct rfa_loop rfa_loop_int8_avx512 = {"VPMADDWD+VPADDD ZMM", 12 * 32, madd, NULL};
const struct rfa_loop rfa_loop_read_avx512 = {"VMOVAPS ZMM", 1, NULL, read_all};

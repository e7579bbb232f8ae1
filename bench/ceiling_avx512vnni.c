#ifndef __AVX512VNNI__
#error "ceiling_avx512vnni.c needs the flags that CMakeLists.txt gives the avx512vnni files"
#endif
#include "ceiling_x86.h"

LOOP_X86(dot, "vpdpbusd %%zmm14, %%zmm15, %%zmm\\i\n\t")

const struct rfa_loop rfa_loop_int8_avx512vnni = {"VPDPBUSD ZMM", 12 * 64, dot, NULL};

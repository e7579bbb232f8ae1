#ifndef __AVXVNNI__
#error "ceiling_avxvnni.c needs the flags that CMakeLists.txt gives the avxvnni files"
#endif
#include "ceiling_x86.h"

LOOP_X86(dot, "%{vex%} vpdpbusd %%ymm14, %%ymm15, %%ymm\\i\n\t")

const struct rfa_loop rfa_loop_int8_avxvnni = {"VPDPBUSD YMM", 12 * 32, dot, NULL};

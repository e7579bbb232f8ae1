#ifndef __ARM_FEATURE_DOTPROD
#error "ceiling_dotprod.c needs the flags that CMakeLists.txt gives the dotprod files"
#endif
#include "ceiling_arm.h"

LOOP_ARM(dot, "sdot v\\i\\().4s, v30.16b, v31.4b[1]\n\t")

const struct rfa_loop rfa_loop_int8_dotprod = {"SDOT", 16 * 16, dot, NULL};

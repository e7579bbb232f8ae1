#ifndef __ARM_FEATURE_MATMUL_INT8
#error "ceiling_i8mm.c needs the flags that CMakeLists.txt gives the i8mm files"
#endif
#include "ceiling_arm.h"

LOOP_ARM(matrix, "smmla v\\i\\().4s, v30.16b, v31.16b\n\t")

const struct rfa_loop rfa_loop_int8_i8mm = {"SMMLA", 16 * 32, matrix, NULL};

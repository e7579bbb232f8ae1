#ifndef __ARM_NEON
#error "softmax_s8_neon.c needs a compiler for AArch64 with Advanced SIMD"
#endif
#include "vec16_row_neon.h"

#define RFA_SOFTMAX_S8 rfa_softmax_s8_neon
#include "softmax_s8_vec16.h"

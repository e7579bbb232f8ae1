#ifndef __ARM_NEON
#error "softmax_f32_neon.c needs a compiler for AArch64 with Advanced SIMD"
#endif
#include "vec16_row_neon.h"

#define RFA_SOFTMAX_F32 rfa_softmax_f32_neon
#include "softmax_f32_vec16.h"

#ifndef __ARM_NEON
#error "norm_f32_neon.c needs a compiler for AArch64 with Advanced SIMD"
#endif
#include "vec16_row_neon.h"

#define RFA_NORM_F32 rfa_norm_f32_neon
#include "norm_f32_vec16.h"

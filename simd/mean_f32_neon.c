#ifndef __ARM_NEON
#error "mean_f32_neon.c needs a compiler for AArch64 with Advanced SIMD"
#endif
#include "vec16_neon.h"

#define RFA_MEAN_F32 rfa_mean_f32_neon
#include "mean_f32_vec16.h"

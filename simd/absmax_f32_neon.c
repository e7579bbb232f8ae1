#ifndef __ARM_NEON
#error "absmax_f32_neon.c needs a compiler for AArch64 with Advanced SIMD"
#endif
#include "vec16_row_neon.h"

#define RFA_ABSMAX_F32 rfa_absmax_f32_neon
#include "absmax_f32_vec16.h"

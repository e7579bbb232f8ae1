#ifndef __ARM_NEON
#error "act_f32_neon.c needs a compiler for AArch64 with Advanced SIMD"
#endif
#include "vec16_row_neon.h"

#define RFA_ACT_F32 rfa_act_f32_neon
#include "act_f32_vec16.h"

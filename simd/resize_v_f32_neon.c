#ifndef __ARM_NEON
#error "resize_v_f32_neon.c needs a compiler for AArch64 with Advanced SIMD"
#endif
#include "vec16_neon.h"

#define RFA_RESIZE_V_F32 rfa_resize_v_f32_neon
#include "resize_v_f32_vec16.h"

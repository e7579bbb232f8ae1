#ifndef __ARM_NEON
#error "conv1d_silu_f32_neon.c needs a compiler for AArch64 with Advanced SIMD"
#endif
#include "vec16_neon.h"

#define RFA_CONV1D_SILU_F32 rfa_conv1d_silu_f32_neon
#include "conv1d_silu_f32_vec16.h"

#ifndef __ARM_NEON
#error "max_pool_f32_neon.c needs a compiler for AArch64 with Advanced SIMD"
#endif
#include "vec16_neon.h"

#define RFA_MAX_POOL_F32 rfa_max_pool_f32_neon
#include "max_pool_f32_vec16.h"

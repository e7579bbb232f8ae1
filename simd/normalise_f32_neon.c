#ifndef __ARM_NEON
#error "normalise_f32_neon.c needs a compiler for AArch64 with Advanced SIMD"
#endif
#include "vec16_neon.h"

#define RFA_NORMALISE_F32 rfa_normalise_f32_neon
#include "normalise_f32_vec16.h"

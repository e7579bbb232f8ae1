#ifndef __ARM_NEON
#error "unit_f32_neon.c needs a compiler for AArch64 with Advanced SIMD"
#endif
#include "vec16_neon.h"

#define RFA_UNIT_F32 rfa_unit_f32_neon
#include "unit_f32_vec16.h"

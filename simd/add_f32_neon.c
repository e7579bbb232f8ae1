#ifndef __ARM_NEON
#error "add_f32_neon.c needs a compiler for AArch64 with Advanced SIMD"
#endif
#include "vec16_row_neon.h"

#define RFA_ADD_F32 rfa_add_f32_neon
#include "add_f32_vec16.h"

#ifndef __ARM_NEON
#error "quantize_scaled_neon.c needs a compiler for AArch64 with Advanced SIMD"
#endif
#include "vec16_row_neon.h"

#define RFA_QUANTIZE_SCALED rfa_quantize_scaled_neon
#include "quantize_scaled_vec16.h"

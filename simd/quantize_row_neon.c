#ifndef __ARM_NEON
#error "quantize_row_neon.c needs a compiler for AArch64 with Advanced SIMD"
#endif
#include "vec16_row_neon.h"

#define RFA_QUANTIZE_ROW rfa_quantize_row_neon
#include "quantize_row_vec16.h"

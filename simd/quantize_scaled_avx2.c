#if !defined(__AVX2__) || !defined(__FMA__) || !defined(__F16C__)
#error "quantize_scaled_avx2.c needs the flags that rfa_simd() in CMakeLists.txt gives to avx2 files"
#endif
#include "vec16_row_avx2.h"

#define RFA_QUANTIZE_SCALED rfa_quantize_scaled_avx2
#include "quantize_scaled_vec16.h"

#if !defined(__AVX512BW__) || !defined(__AVX512VL__) || !defined(__AVX512DQ__)
#error "quantize_scaled_avx512.c needs the flags that rfa_simd() in CMakeLists.txt gives to avx512 files"
#endif
#include "vec16_row_avx512.h"

#define RFA_QUANTIZE_SCALED rfa_quantize_scaled_avx512
#include "quantize_scaled_vec16.h"

#if !defined(__AVX2__) || !defined(__FMA__) || !defined(__F16C__)
#error "quantize_row_avx2.c needs the flags that rfa_simd() in CMakeLists.txt gives to avx2 files"
#endif
#include "vec16_row_avx2.h"

#define RFA_QUANTIZE_ROW rfa_quantize_row_avx2
#include "quantize_row_vec16.h"

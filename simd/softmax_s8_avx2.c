#if !defined(__AVX2__) || !defined(__FMA__) || !defined(__F16C__)
#error "softmax_s8_avx2.c needs the flags that rfa_simd() in CMakeLists.txt gives to avx2 files"
#endif
#include "vec16_row_avx2.h"

#define RFA_SOFTMAX_S8 rfa_softmax_s8_avx2
#include "softmax_s8_vec16.h"

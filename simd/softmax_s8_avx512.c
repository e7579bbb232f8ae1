#if !defined(__AVX512BW__) || !defined(__AVX512VL__) || !defined(__AVX512DQ__)
#error "softmax_s8_avx512.c needs the flags that rfa_simd() in CMakeLists.txt gives to avx512 files"
#endif
#include "vec16_row_avx512.h"

#define RFA_SOFTMAX_S8 rfa_softmax_s8_avx512
#include "softmax_s8_vec16.h"

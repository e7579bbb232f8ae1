#if !defined(__AVX512BW__) || !defined(__AVX512VL__) || !defined(__AVX512DQ__)
#error "norm_f32_avx512.c needs the flags that rfa_simd() in CMakeLists.txt gives to avx512 files"
#endif
#include "vec16_row_avx512.h"

#define RFA_NORM_F32 rfa_norm_f32_avx512
#include "norm_f32_vec16.h"

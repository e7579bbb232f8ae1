#if !defined(__AVX512BW__) || !defined(__AVX512VL__) || !defined(__AVX512DQ__)
#error "absmax_f32_avx512.c needs the flags that rfa_simd() in CMakeLists.txt gives to avx512 files"
#endif
#include "vec16_row_avx512.h"

#define RFA_ABSMAX_F32 rfa_absmax_f32_avx512
#include "absmax_f32_vec16.h"

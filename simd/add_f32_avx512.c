#if !defined(__AVX512BW__) || !defined(__AVX512VL__) || !defined(__AVX512DQ__)
#error "add_f32_avx512.c needs the flags that rfa_simd() in CMakeLists.txt gives to avx512 files"
#endif
#include "vec16_row_avx512.h"

#define RFA_ADD_F32 rfa_add_f32_avx512
#include "add_f32_vec16.h"

#if !defined(__AVX2__) || !defined(__FMA__) || !defined(__F16C__)
#error "add_f32_avx2.c needs the flags that rfa_simd() in CMakeLists.txt gives to avx2 files"
#endif
#include "vec16_row_avx2.h"

#define RFA_ADD_F32 rfa_add_f32_avx2
#include "add_f32_vec16.h"

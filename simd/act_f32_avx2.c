#if !defined(__AVX2__) || !defined(__FMA__) || !defined(__F16C__)
#error "act_f32_avx2.c needs the flags that rfa_simd() in CMakeLists.txt gives to avx2 files"
#endif
#include "vec16_row_avx2.h"

#define RFA_ACT_F32 rfa_act_f32_avx2
#include "act_f32_vec16.h"

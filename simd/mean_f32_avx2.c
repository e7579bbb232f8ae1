#ifndef __AVX2__
#error "mean_f32_avx2.c needs the flags that rfa_simd() in CMakeLists.txt gives to avx2 files"
#endif
#include "vec16_avx2.h"

#define RFA_MEAN_F32 rfa_mean_f32_avx2
#include "mean_f32_vec16.h"

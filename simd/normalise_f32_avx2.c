#ifndef __AVX2__
#error "normalise_f32_avx2.c needs the flags that rfa_simd() in CMakeLists.txt gives to avx2 files"
#endif
#include "vec16_avx2.h"

#define RFA_NORMALISE_F32 rfa_normalise_f32_avx2
#include "normalise_f32_vec16.h"

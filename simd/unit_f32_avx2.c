#ifndef __AVX2__
#error "unit_f32_avx2.c needs the flags that rfa_simd() in CMakeLists.txt gives to avx2 files"
#endif
#include "vec16_avx2.h"

#define RFA_UNIT_F32 rfa_unit_f32_avx2
#include "unit_f32_vec16.h"

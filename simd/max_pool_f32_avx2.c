#ifndef __AVX2__
#error "max_pool_f32_avx2.c needs the flags that rfa_simd() in CMakeLists.txt gives to avx2 files"
#endif
#include "vec16_avx2.h"

#define RFA_MAX_POOL_F32 rfa_max_pool_f32_avx2
#include "max_pool_f32_vec16.h"

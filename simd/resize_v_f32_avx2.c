#ifndef __AVX2__
#error "resize_v_f32_avx2.c needs the flags that rfa_simd() in CMakeLists.txt gives to avx2 files"
#endif
#include "vec16_avx2.h"

#define RFA_RESIZE_V_F32 rfa_resize_v_f32_avx2
#include "resize_v_f32_vec16.h"

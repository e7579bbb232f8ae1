#ifndef __AVX2__
#error "conv1d_silu_f32_avx2.c needs the flags that rfa_simd() in CMakeLists.txt gives to avx2 files"
#endif
#include "vec16_avx2.h"

#define RFA_CONV1D_SILU_F32 rfa_conv1d_silu_f32_avx2
#include "conv1d_silu_f32_vec16.h"

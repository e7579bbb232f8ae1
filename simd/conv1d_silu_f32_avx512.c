#if !defined(__AVX512BW__) || !defined(__AVX512VL__)
#error "conv1d_silu_f32_avx512.c needs the flags that rfa_simd() in CMakeLists.txt gives to avx512 files"
#endif
#include "vec16_avx512.h"

#define RFA_CONV1D_SILU_F32 rfa_conv1d_silu_f32_avx512
#include "conv1d_silu_f32_vec16.h"

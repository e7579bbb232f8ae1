#if !defined(__AVX512BW__) || !defined(__AVX512VL__)
#error "resize_v_f32_avx512.c needs the flags that rfa_simd() in CMakeLists.txt gives to avx512 files"
#endif
#include "vec16_avx512.h"

#define RFA_RESIZE_V_F32 rfa_resize_v_f32_avx512
#include "resize_v_f32_vec16.h"

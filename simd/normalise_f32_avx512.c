#if !defined(__AVX512BW__) || !defined(__AVX512VL__)
#error "normalise_f32_avx512.c needs the flags that rfa_simd() in CMakeLists.txt gives to avx512 files"
#endif
#include "vec16_avx512.h"

#define RFA_NORMALISE_F32 rfa_normalise_f32_avx512
#include "normalise_f32_vec16.h"

#if !defined(__AVX512BW__) || !defined(__AVX512VL__) || !defined(__AVX512DQ__)
#error "gemm_f32_avx512.c needs the flags that rfa_simd() in CMakeLists.txt gives to avx512 files"
#endif
#include "tile_avx512.h"

#define RFA_GEMM_F32 rfa_gemm_f32_avx512
#include "gemm_f32_tile.h"

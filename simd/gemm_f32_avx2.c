#if !defined(__AVX2__) || !defined(__FMA__) || !defined(__F16C__)
#error "gemm_f32_avx2.c needs the flags that rfa_simd() in CMakeLists.txt gives to avx2 files"
#endif
#include "tile_avx2.h"

#define RFA_GEMM_F32 rfa_gemm_f32_avx2
#include "gemm_f32_chunk.h"

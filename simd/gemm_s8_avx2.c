#if !defined(__AVX2__) || !defined(__FMA__)
#error "gemm_s8_avx2.c needs the flags of rfa_simd(avx2) in CMakeLists.txt"
#endif
#define GEMM_LANES 8
#include "gemm_s8_x86.h"

rfa_gemm_s8_t rfa_gemm_s8_avx2 = {.a_xor = 0, .mr = ROWS, .mc = MC, .scratch_bytes = scratch_bytes, .run = run};

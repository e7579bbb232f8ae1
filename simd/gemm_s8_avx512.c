#if !defined(__AVX512BW__) || !defined(__AVX512VL__) || !defined(__AVX512DQ__)
#error "gemm_s8_avx512.c needs the flags of rfa_simd(avx512) in CMakeLists.txt"
#endif
#define GEMM_LANES 16
#include "gemm_s8_x86.h"

rfa_gemm_s8_t rfa_gemm_s8_avx512 = {.a_xor = 0, .mr = ROWS, .mc = MC, .scratch_bytes = scratch_bytes, .run = run};

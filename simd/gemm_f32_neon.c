#ifndef __ARM_NEON
#error "gemm_f32_neon.c needs a compiler for AArch64 with Advanced SIMD"
#endif
#include "tile_neon.h"

#define RFA_GEMM_F32 rfa_gemm_f32_neon
#include "gemm_f32_chunk.h"

/* gemm_s8_amx.c on emulated tiles, as a further row of test_gemm_s8.c: it needs AVX-512 alone. */
#include "amx_emulated.h"

#define rfa_gemm_s8_amx rfa_gemm_s8_amx_emulated
#include "../simd/gemm_s8_amx.c"

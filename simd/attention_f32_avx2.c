#if !defined(__AVX2__) || !defined(__FMA__) || !defined(__F16C__)
#error "attention_f32_avx2.c needs the flags that rfa_simd() in CMakeLists.txt gives to avx2 files"
#endif
#include "tile_avx2.h"
#include "vec16_row_avx2.h"

#define RFA_ATTENTION_F32 rfa_attention_f32_avx2
#define ATTENTION_COLUMNS 1
#include "attention_f32_tile.h"

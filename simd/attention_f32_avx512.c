#if !defined(__AVX512BW__) || !defined(__AVX512VL__) || !defined(__AVX512DQ__)
#error "attention_f32_avx512.c needs the flags that rfa_simd() in CMakeLists.txt gives to avx512 files"
#endif
#include "tile_avx512.h"
#include "vec16_row_avx512.h"

#define RFA_ATTENTION_F32 rfa_attention_f32_avx512
#define ATTENTION_COLUMNS 4
#include "attention_f32_tile.h"

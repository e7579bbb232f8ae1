#ifndef __ARM_NEON
#error "attention_f32_neon.c needs a compiler for AArch64 with Advanced SIMD"
#endif
#include "tile_neon.h"
#include "vec16_row_neon.h"

#define RFA_ATTENTION_F32 rfa_attention_f32_neon
#define ATTENTION_COLUMNS 1
#include "attention_f32_tile.h"

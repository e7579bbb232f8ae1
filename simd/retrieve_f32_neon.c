#ifndef __ARM_NEON
#error "retrieve_f32_neon.c needs a compiler for AArch64 with Advanced SIMD"
#endif
#include "vec16_neon.h"

#define RFA_RETRIEVE_F32 rfa_retrieve_f32_neon
#define RETRIEVE_QUERIES 2
#define RETRIEVE_TOKENS  3
#define RETRIEVE_GROUP   8
#include "retrieve_f32_vec16.h"

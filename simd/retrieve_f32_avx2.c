#ifndef __AVX2__
#error "retrieve_f32_avx2.c needs the flags that rfa_simd() in CMakeLists.txt gives to avx2 files"
#endif
#include "vec16_avx2.h"

#define RFA_RETRIEVE_F32 rfa_retrieve_f32_avx2
#define RETRIEVE_QUERIES 2
#define RETRIEVE_TOKENS  3
#define RETRIEVE_GROUP   8
#include "retrieve_f32_vec16.h"

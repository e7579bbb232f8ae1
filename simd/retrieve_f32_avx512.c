#if !defined(__AVX512BW__) || !defined(__AVX512VL__)
#error "retrieve_f32_avx512.c needs the flags that rfa_simd() in CMakeLists.txt gives to avx512 files"
#endif
#include "vec16_avx512.h"

#define RFA_RETRIEVE_F32 rfa_retrieve_f32_avx512
#define RETRIEVE_QUERIES 6
#define RETRIEVE_TOKENS  4
#define RETRIEVE_GROUP   6
#include "retrieve_f32_vec16.h"

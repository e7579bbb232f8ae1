#if !defined(__AVX512BW__) || !defined(__AVX512VL__)
#error "scan_f32_avx512.c needs the flags that rfa_simd() in CMakeLists.txt gives to avx512 files"
#endif
#include "vec16_avx512.h"

#define RFA_SCAN_F32      rfa_scan_f32_avx512
#define SCAN_STEPS        4
#define SCAN_DECAY_NORMAL false
#define SCAN_PREFETCH_DST false
#include "scan_f32_vec16.h"

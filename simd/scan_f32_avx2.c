#ifndef __AVX2__
#error "scan_f32_avx2.c needs the flags that rfa_simd() in CMakeLists.txt gives to avx2 files"
#endif
#include "vec16_avx2.h"

#define RFA_SCAN_F32      rfa_scan_f32_avx2
#define SCAN_STEPS        4
#define SCAN_DECAY_NORMAL true
#define SCAN_PREFETCH_DST false
#include "scan_f32_vec16.h"

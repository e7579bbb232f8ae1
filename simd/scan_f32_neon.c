#ifndef __ARM_NEON
#error "scan_f32_neon.c needs a compiler for AArch64 with Advanced SIMD"
#endif
#include "vec16_neon.h"

#define RFA_SCAN_F32     rfa_scan_f32_neon
#define SCAN_STEPS       1 /* two would not fit into the 32 registers of 4 floats */
#define SCAN_EXP2_NORMAL true
#include "scan_f32_vec16.h"

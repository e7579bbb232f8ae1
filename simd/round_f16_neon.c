#ifndef __ARM_NEON
#error "round_f16_neon.c needs a compiler for AArch64 with Advanced SIMD"
#endif
#include <arm_neon.h>

#include "half.h"
#include "kernels.h"

/* FCVTN rounds as the mode says, which is to nearest, ties to even. */
void rfa_round_f16_neon(float *dst, const float *src, size_t n)
{
    size_t i = 0;
    for (; i + 4 <= n; i += 4)
        vst1q_f32(dst + i, vcvt_f32_f16(vcvt_f16_f32(vld1q_f32(src + i))));
    for (; i < n; i++)
        dst[i] = rfa_half_to_float(rfa_float_to_half(src[i]));
}

#ifndef __ARM_NEON
#error "f16_to_f32_neon.c needs a compiler for AArch64 with Advanced SIMD"
#endif
#include <arm_neon.h>

#include "half.h"
#include "kernels.h"

void rfa_f16_to_f32_neon(float *dst, const uint16_t *src, size_t n)
{
    size_t i = 0;
    for (; i + 4 <= n; i += 4)
        vst1q_f32(dst + i, vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(src + i))));
    for (; i < n; i++)
        dst[i] = rfa_half_to_float(src[i]);
}

#ifndef __ARM_NEON
#error "resize_v_u8_neon.c needs a compiler for AArch64 with Advanced SIMD"
#endif
#include <arm_neon.h>

#include "kernels.h"

static inline void add_4(int32_t *acc, uint16x4_t pixels, int32_t weight)
{
    int32x4_t wide = vreinterpretq_s32_u32(vmovl_u16(pixels));
    vst1q_s32(acc, vmlaq_n_s32(vld1q_s32(acc), wide, weight));
}

void rfa_resize_v_u8_neon(int32_t *acc, const uint8_t *row, int32_t weight, size_t n)
{
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        uint16x8_t pixels = vmovl_u8(vld1_u8(row + i));
        add_4(acc + i, vget_low_u16(pixels), weight);
        add_4(acc + i + 4, vget_high_u16(pixels), weight);
    }
    for (; i < n; i++)
        acc[i] += weight * row[i];
}

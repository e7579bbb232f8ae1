#ifndef __ARM_NEON
#error "resize_h_u8_neon.c needs a compiler for AArch64 with Advanced SIMD"
#endif
/* Lanes are the channels of a pixel and the byte after it, which is ignored. */
#include <arm_neon.h>
#include <string.h>

#include "kernels.h"
#include "resize.h"

static inline int32x4_t load_pixel(const uint8_t *p, size_t bytes)
{
    uint32_t word = 0;
    memcpy(&word, p, bytes);
    uint16x8_t wide = vmovl_u8(vcreate_u8(word));
    return vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(wide)));
}

static inline int32x4_t filter(const struct rfa_resize_h_args *args, size_t i)
{
    const int32_t *weight = (const int32_t *)args->weight + i * args->stride;
    int32x4_t sum = vdupq_n_s32(1 << (RFA_RESIZE_BITS - 1));
    for (int32_t j = 0; j < args->count[i]; j++) {
        size_t pixel = rfa_resize_clamp(args->first[i] + j, args->width);
        const uint8_t *p = args->src + pixel * 3;
        int32x4_t value = pixel + 1 < args->width ? load_pixel(p, 4) : load_pixel(p, 3);
        sum = vmlaq_n_s32(sum, value, weight[j]);
    }
    return sum;
}

void rfa_resize_h_u8_neon(const struct rfa_resize_h_args *args)
{
    uint8_t *dst = args->dst;
    for (size_t i = 0; i < args->out; i++) {
        uint16x4_t wide = vqmovun_s32(vshrq_n_s32(filter(args, i), RFA_RESIZE_BITS));
        uint8x8_t bytes = vqmovn_u16(vcombine_u16(wide, wide));
        vst1_lane_u8(dst + i * 3, bytes, 0);
        vst1_lane_u8(dst + i * 3 + 1, bytes, 1);
        vst1_lane_u8(dst + i * 3 + 2, bytes, 2);
    }
}

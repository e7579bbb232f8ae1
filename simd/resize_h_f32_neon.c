#ifndef __ARM_NEON
#error "resize_h_f32_neon.c needs a compiler for AArch64 with Advanced SIMD"
#endif
/* The row becomes float pixels of 4 lanes first; then an output is one chain over 16-byte loads. */
#include <arm_neon.h>

#include "kernels.h"
#include "resize.h"

/* x / 255, correctly rounded for x = 0 ... 255: one Newton step on the product with the reciprocal. */
static inline float32x4_t over_255(uint16x4_t pixels)
{
    const float32x4_t inverse = vdupq_n_f32(1.0f / 255.0f);
    float32x4_t x = vcvtq_f32_u32(vmovl_u16(pixels)), quotient = vmulq_f32(x, inverse);
    float32x4_t rest = vfmsq_f32(x, quotient, vdupq_n_f32(255.0f));
    return vfmaq_f32(quotient, rest, inverse);
}

static void convert_row(float *pixels, const uint8_t *src, size_t width)
{
    size_t x = 0;
    for (; x + 8 <= width; x += 8) {
        uint8x8x3_t rgb = vld3_u8(src + x * 3);
        float32x4x4_t lo, hi;
        for (int c = 0; c < 3; c++) {
            uint16x8_t wide = vmovl_u8(rgb.val[c]);
            lo.val[c] = over_255(vget_low_u16(wide));
            hi.val[c] = over_255(vget_high_u16(wide));
        }
        lo.val[3] = hi.val[3] = vdupq_n_f32(0.0f);
        vst4q_f32(pixels + x * 4, lo);
        vst4q_f32(pixels + x * 4 + 16, hi);
    }
    for (; x < width; x++) {
        for (size_t c = 0; c < 3; c++)
            pixels[x * 4 + c] = (float)src[x * 3 + c] / 255.0f;
        pixels[x * 4 + 3] = 0.0f;
    }
}

static inline float32x4_t filter(const struct rfa_resize_h_args *args, size_t i)
{
    const float *weight = (const float *)args->weight + i * args->stride;
    float32x4_t sum = vdupq_n_f32(0.0f);
    if (rfa_resize_inside(args, i)) {
        const float *pixel = args->scratch + (size_t)args->first[i] * 4;
        for (int32_t j = 0; j < args->count[i]; j++)
            sum = vfmaq_n_f32(sum, vld1q_f32(pixel + (size_t)j * 4), weight[j]);
        return sum;
    }
    for (int32_t j = 0; j < args->count[i]; j++) {
        size_t pixel = rfa_resize_clamp(args->first[i] + j, args->width);
        sum = vfmaq_n_f32(sum, vld1q_f32(args->scratch + pixel * 4), weight[j]);
    }
    return sum;
}

void rfa_resize_h_f32_neon(const struct rfa_resize_h_args *args)
{
    float *dst = args->dst;
    convert_row(args->scratch, args->src, args->width);
    for (size_t i = 0; i + 1 < args->out; i++)
        vst1q_f32(dst + i * 3, filter(args, i)); /* the fourth lane is overwritten by the next output */
    if (args->out > 0) {
        float32x4_t last = filter(args, args->out - 1);
        dst += (args->out - 1) * 3;
        vst1_f32(dst, vget_low_f32(last));
        vst1q_lane_f32(dst + 2, last, 2);
    }
}

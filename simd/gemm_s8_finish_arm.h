/* The end of the int8 product on AArch64: a tile of int32 sums becomes rows of dst. */
#ifndef RFA_GEMM_S8_FINISH_ARM_H
#define RFA_GEMM_S8_FINISH_ARM_H

#include <arm_neon.h>
#include <string.h>

#include "gemm_s8_tile.h"
#include "poly_neon.h"

enum { LANES = 4 };

/* act(y) of four columns from column n of the product. */
INLINE float32x4_t activated(const struct rfa_gemm_s8_args *g, const int32_t *sum, float32x4_t a_scale, size_t n,
                             enum rfa_act act)
{
    float32x4_t bias = g->bias ? vld1q_f32(g->bias + n) : vdupq_n_f32(0.0f);
    float32x4_t scale = vmulq_f32(a_scale, vld1q_f32(g->w_scale + n));
    return rfa_vact_neon(vfmaq_f32(bias, vcvtq_f32_s32(vld1q_s32(sum)), scale), act);
}

/* y with the residual, of that ReLU where it is asked for. */
INLINE float32x4_t with_residual(const struct rfa_gemm_s8_args *g, float32x4_t y, float32x4_t residual)
{
    y = vaddq_f32(y, residual);
    return g->relu_last ? rfa_vact_neon(y, RFA_ACT_RELU) : y;
}

INLINE void finish_row(const struct rfa_gemm_s8_args *g, const struct tile *t, size_t i, enum rfa_act act)
{
    const int32_t *sum = t->sum + i * t->stride;
    float *dst = g->dst + (t->m + i) * g->dst_stride + t->n;
    const float *residual = g->residual ? g->residual + (t->m + i) * g->residual_stride + t->n : NULL;
    float32x4_t a_scale = vdupq_n_f32(g->a_scale[(t->m + i) * g->a_scale_step]);
    size_t j = 0;
    for (; j + LANES <= t->cols; j += LANES) {
        float32x4_t y = activated(g, sum + j, a_scale, t->n + j, act);
        vst1q_f32(dst + j, residual ? with_residual(g, y, vld1q_f32(residual + j)) : y);
    }
    if (j < t->cols) {
        float rest[LANES] = {0};
        float32x4_t y = activated(g, sum + j, a_scale, t->n + j, act);
        if (residual) {
            memcpy(rest, residual + j, (t->cols - j) * sizeof *rest);
            y = with_residual(g, y, vld1q_f32(rest));
        }
        vst1q_f32(rest, y);
        memcpy(dst + j, rest, (t->cols - j) * sizeof *rest);
    }
}

#endif

#ifndef RFA_VEC16_NEON_H
#define RFA_VEC16_NEON_H

#include <arm_neon.h>
#include <string.h>

#include "poly_neon.h"
#include "vec16.h"

typedef struct {
    float32x4_t q[4];
} vec16;

VEC16_INLINE vec16 vec16_set1(float x)
{
    float32x4_t q = vdupq_n_f32(x);
    return (vec16){{q, q, q, q}};
}

VEC16_INLINE vec16 vec16_zero(void)
{
    return vec16_set1(0.0f);
}

VEC16_INLINE vec16 vec16_load(const float *p)
{
    return (vec16){{vld1q_f32(p), vld1q_f32(p + 4), vld1q_f32(p + 8), vld1q_f32(p + 12)}};
}

VEC16_INLINE void vec16_store(float *p, vec16 v)
{
    for (int i = 0; i < 4; i++)
        vst1q_f32(p + 4 * i, v.q[i]);
}

VEC16_INLINE vec16 vec16_load_n(const float *p, size_t n)
{
    if (n == 16)
        return vec16_load(p);
    float lanes[16] = {0.0f};
    memcpy(lanes, p, n * sizeof *p);
    return vec16_load(lanes);
}

VEC16_INLINE void vec16_store_n(float *p, vec16 v, size_t n)
{
    float lanes[16];
    vec16_store(lanes, v);
    memcpy(p, lanes, n * sizeof *p);
}

/* One operation on all four registers. */
#define VEC16_EACH(expression)                                                                                         \
    do {                                                                                                               \
        for (int i = 0; i < 4; i++)                                                                                    \
            a.q[i] = expression;                                                                                       \
        return a;                                                                                                      \
    } while (0)

VEC16_INLINE vec16 vec16_add(vec16 a, vec16 b)
{
    VEC16_EACH(vaddq_f32(a.q[i], b.q[i]));
}

VEC16_INLINE vec16 vec16_sub(vec16 a, vec16 b)
{
    VEC16_EACH(vsubq_f32(a.q[i], b.q[i]));
}

VEC16_INLINE vec16 vec16_mul(vec16 a, vec16 b)
{
    VEC16_EACH(vmulq_f32(a.q[i], b.q[i]));
}

VEC16_INLINE vec16 vec16_div(vec16 a, vec16 b)
{
    VEC16_EACH(vdivq_f32(a.q[i], b.q[i]));
}

VEC16_INLINE vec16 vec16_fma(vec16 a, vec16 b, vec16 c)
{
    VEC16_EACH(vfmaq_f32(c.q[i], a.q[i], b.q[i]));
}

VEC16_INLINE vec16 vec16_max(vec16 a, vec16 b)
{
    VEC16_EACH(vbslq_f32(vcgtq_f32(b.q[i], a.q[i]), b.q[i], a.q[i]));
}

VEC16_INLINE vec16 vec16_decay(vec16 a, vec16 rate)
{
    VEC16_EACH(rfa_vdecay_neon(a.q[i], rate.q[i]));
}

VEC16_INLINE vec16 vec16_softplus(vec16 a)
{
    VEC16_EACH(rfa_vsoftplus_neon(a.q[i]));
}

VEC16_INLINE vec16 vec16_silu(vec16 a)
{
    VEC16_EACH(rfa_vsilu_neon(a.q[i]));
}

VEC16_INLINE vec16 vec16_decay_normal(vec16 dt, vec16 rate)
{
    return vec16_decay(dt, rate); /* scan_f32_neon.c has its own */
}

VEC16_INLINE float32x4_t vec16_pixel_quarter(float32x4_t v, int bits)
{
    int32x4_t value = vshlq_s32(vreinterpretq_s32_f32(v), vdupq_n_s32(-bits));
    return vcvtq_f32_s32(vmaxq_s32(vminq_s32(value, vdupq_n_s32(255)), vdupq_n_s32(0)));
}

VEC16_INLINE vec16 vec16_pixel(vec16 a, int bits)
{
    VEC16_EACH(vec16_pixel_quarter(a.q[i], bits));
}

/* FMAX keeps NaN. */
VEC16_INLINE vec16 vec16_max_magnitude(vec16 a, vec16 b)
{
    VEC16_EACH(vmaxq_f32(a.q[i], vabsq_f32(b.q[i])));
}

#undef VEC16_EACH

VEC16_INLINE bool vec16_all_within(vec16 x, float limit)
{
    const float32x4_t most = vdupq_n_f32(limit);
    uint32x4_t low = vandq_u32(vcaleq_f32(x.q[0], most), vcaleq_f32(x.q[1], most));
    uint32x4_t high = vandq_u32(vcaleq_f32(x.q[2], most), vcaleq_f32(x.q[3], most));
    return vminvq_u32(vandq_u32(low, high)) != 0;
}

VEC16_INLINE float vec16_sum(vec16 v)
{
    float32x4_t s4 = vaddq_f32(vaddq_f32(v.q[0], v.q[2]), vaddq_f32(v.q[1], v.q[3]));
    float32x2_t s2 = vadd_f32(vget_low_f32(s4), vget_high_f32(s4));
    return vget_lane_f32(s2, 0) + vget_lane_f32(s2, 1);
}

#endif

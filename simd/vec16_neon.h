#ifndef RFA_VEC16_NEON_H
#define RFA_VEC16_NEON_H

#include <arm_neon.h>
#include <string.h>

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

#undef VEC16_EACH

VEC16_INLINE float vec16_sum(vec16 v)
{
    float32x4_t s4 = vaddq_f32(vaddq_f32(v.q[0], v.q[2]), vaddq_f32(v.q[1], v.q[3]));
    float32x2_t s2 = vadd_f32(vget_low_f32(s4), vget_high_f32(s4));
    return vget_lane_f32(s2, 0) + vget_lane_f32(s2, 1);
}

#endif

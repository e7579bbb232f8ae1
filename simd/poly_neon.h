/* poly.h four at a time: the same steps, the same bits. */
#ifndef RFA_POLY_NEON_H
#define RFA_POLY_NEON_H

#ifndef __ARM_NEON
#error "poly_neon.h needs a compiler for AArch64 with Advanced SIMD"
#endif

#include <arm_neon.h>

#include "poly.h"

/* One step of Horner's rule. */
static inline float32x4_t rfa_vstep_neon(float32x4_t p, float32x4_t x, float coefficient)
{
    return vfmaq_f32(vdupq_n_f32(coefficient), p, x);
}

static inline float32x4_t rfa_vexp2_reduced_neon(float32x4_t r)
{
    float32x4_t p = vdupq_n_f32(RFA_EXP2_C6);
    p = rfa_vstep_neon(p, r, RFA_EXP2_C5);
    p = rfa_vstep_neon(p, r, RFA_EXP2_C4);
    p = rfa_vstep_neon(p, r, RFA_EXP2_C3);
    p = rfa_vstep_neon(p, r, RFA_EXP2_C2);
    p = rfa_vstep_neon(p, r, RFA_EXP2_C1);
    return rfa_vstep_neon(p, r, 1.0f);
}

/* rfa_exp2_scale. */
static inline float32x4_t rfa_vexp2_scale_neon(float32x4_t p, float32x4_t n_rounded)
{
    const uint32x4_t offset = vsubq_u32(vreinterpretq_u32_f32(vdupq_n_f32(RFA_ROUND)), vdupq_n_u32(256));
    uint32x4_t n256 = vsubq_u32(vreinterpretq_u32_f32(n_rounded), offset);
    uint32x4_t half = vshrq_n_u32(n256, 1);
    uint32x4_t low = vsubq_u32(half, vdupq_n_u32(1));
    uint32x4_t high = vsubq_u32(vsubq_u32(n256, half), vdupq_n_u32(1));
    p = vmulq_f32(p, vreinterpretq_f32_u32(vshlq_n_u32(low, 23)));
    return vmulq_f32(p, vreinterpretq_f32_u32(vshlq_n_u32(high, 23)));
}

/* FMAX and FMIN keep NaN. */
static inline float32x4_t rfa_vclamp_neon(float32x4_t x, float low, float high)
{
    return vminq_f32(vmaxq_f32(x, vdupq_n_f32(low)), vdupq_n_f32(high));
}

static inline float32x4_t rfa_vexp2_neon(float32x4_t x)
{
    const float32x4_t round = vdupq_n_f32(RFA_ROUND);
    x = rfa_vclamp_neon(x, RFA_EXP2_MIN, RFA_EXP2_MAX);
    float32x4_t rounded = vaddq_f32(x, round);
    return rfa_vexp2_scale_neon(rfa_vexp2_reduced_neon(vsubq_f32(x, vsubq_f32(rounded, round))), rounded);
}

static inline float32x4_t rfa_vdecay_neon(float32x4_t dt, float32x4_t rate)
{
    float32x4_t x = vfmaq_f32(vdupq_n_f32(-0.5f), dt, rate);
    x = rfa_vclamp_neon(x, RFA_EXP2_MIN, RFA_EXP2_MAX);
    float32x4_t n = vrndmq_f32(x), r = vsubq_f32(x, n);
    uint32x4_t above = vcgtq_f32(vaddq_f32(r, n), x); /* -1 as an integer */
    r = vreinterpretq_f32_u32(vaddq_u32(vreinterpretq_u32_f32(r), above));
    float32x4_t p = vdupq_n_f32(RFA_DECAY_C5);
    p = rfa_vstep_neon(p, r, RFA_DECAY_C4);
    p = rfa_vstep_neon(p, r, RFA_DECAY_C3);
    p = rfa_vstep_neon(p, r, RFA_DECAY_C2);
    p = rfa_vstep_neon(p, r, RFA_DECAY_C1);
    p = rfa_vstep_neon(p, r, RFA_DECAY_C0);
    return rfa_vexp2_scale_neon(p, vaddq_f32(n, vdupq_n_f32(RFA_ROUND)));
}

static inline float32x4_t rfa_vexp_neon(float32x4_t x)
{
    const float32x4_t round = vdupq_n_f32(RFA_ROUND), high = vdupq_n_f32(RFA_LOG2E_HI);
    x = rfa_vclamp_neon(x, RFA_EXP_MIN, RFA_EXP_MAX);
    float32x4_t rounded = vfmaq_f32(round, x, high);
    float32x4_t r = vfmaq_f32(vsubq_f32(round, rounded), x, high);
    r = vfmaq_f32(r, x, vdupq_n_f32(RFA_LOG2E_LO));
    return rfa_vexp2_scale_neon(rfa_vexp2_reduced_neon(r), rounded);
}

static inline float32x4_t rfa_vlog1p_neon(float32x4_t z)
{
    const float32x4_t half = vdupq_n_f32(0.5f);
    uint32x4_t upper = vcgeq_f32(z, half);
    float32x4_t f = vbslq_f32(upper, vfmaq_f32(vdupq_n_f32(-0.5f), z, half), z);
    float32x4_t q = vdupq_n_f32(RFA_LOG1P_C7);
    q = rfa_vstep_neon(q, f, RFA_LOG1P_C6);
    q = rfa_vstep_neon(q, f, RFA_LOG1P_C5);
    q = rfa_vstep_neon(q, f, RFA_LOG1P_C4);
    q = rfa_vstep_neon(q, f, RFA_LOG1P_C3);
    q = rfa_vstep_neon(q, f, RFA_LOG1P_C2);
    q = rfa_vstep_neon(q, f, RFA_LOG1P_C1);
    q = rfa_vstep_neon(q, f, RFA_LOG1P_C0);
    float32x4_t log = vfmaq_f32(f, vmulq_f32(f, f), q);
    return vbslq_f32(upper, vaddq_f32(log, vdupq_n_f32(RFA_LN2)), log);
}

/* Not FMAX, which turns -0 into +0. */
static inline float32x4_t rfa_vrelu_neon(float32x4_t x)
{
    return vbslq_f32(vcltzq_f32(x), vdupq_n_f32(0.0f), x);
}

static inline float32x4_t rfa_vsoftplus_neon(float32x4_t x)
{
    float32x4_t z = rfa_vexp_neon(vnegq_f32(vabsq_f32(x)));
    return vaddq_f32(rfa_vrelu_neon(x), rfa_vlog1p_neon(z));
}

static inline float32x4_t rfa_vsigmoid_neon(float32x4_t x)
{
    const float32x4_t one = vdupq_n_f32(1.0f);
    float32x4_t z = rfa_vexp_neon(vnegq_f32(vabsq_f32(x)));
    return vdivq_f32(vbslq_f32(vcltzq_f32(x), z, one), vaddq_f32(one, z));
}

static inline float32x4_t rfa_vsilu_neon(float32x4_t x)
{
    return vmulq_f32(x, rfa_vsigmoid_neon(x));
}

static inline float32x4_t rfa_vgelu_neon(float32x4_t x)
{
    float32x4_t a = vminq_f32(vabsq_f32(x), vdupq_n_f32(RFA_GELU_MAX));
    float32x4_t p = vdupq_n_f32(RFA_GELU_C10);
    p = rfa_vstep_neon(p, a, RFA_GELU_C9);
    p = rfa_vstep_neon(p, a, RFA_GELU_C8);
    p = rfa_vstep_neon(p, a, RFA_GELU_C7);
    p = rfa_vstep_neon(p, a, RFA_GELU_C6);
    p = rfa_vstep_neon(p, a, RFA_GELU_C5);
    p = rfa_vstep_neon(p, a, RFA_GELU_C4);
    p = rfa_vstep_neon(p, a, RFA_GELU_C3);
    p = rfa_vstep_neon(p, a, RFA_GELU_C2);
    p = rfa_vstep_neon(p, a, RFA_GELU_C1);
    p = rfa_vstep_neon(p, a, RFA_GELU_C0);
    float32x4_t erfc = rfa_vexp2_neon(vmulq_f32(p, a));
    return vfmaq_f32(rfa_vrelu_neon(x), vmulq_f32(vdupq_n_f32(-0.5f), a), erfc);
}

static inline float32x4_t rfa_vact_neon(float32x4_t x, enum rfa_act act)
{
    switch (act) {
    case RFA_ACT_RELU:
        return rfa_vrelu_neon(x);
    case RFA_ACT_GELU:
        return rfa_vgelu_neon(x);
    case RFA_ACT_SILU:
        return rfa_vsilu_neon(x);
    case RFA_ACT_SIGMOID:
        return rfa_vsigmoid_neon(x);
    case RFA_ACT_SOFTPLUS:
        return rfa_vsoftplus_neon(x);
    case RFA_ACT_NONE:
    case RFA_ACT_COUNT:
        break;
    }
    return x;
}

#endif

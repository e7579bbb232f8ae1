/* poly.h sixteen at a time: the same steps, the same bits. */
#ifndef RFA_POLY_AVX512_H
#define RFA_POLY_AVX512_H

#if !defined(__AVX512F__) || !defined(__AVX512DQ__)
#error "poly_avx512.h needs the flags that rfa_simd() gives the avx512 files"
#endif

#include <immintrin.h>

#include "poly.h"

static inline __m512 rfa_vexp2_reduced_avx512(__m512 r)
{
    __m512 p = _mm512_set1_ps(RFA_EXP2_C6);
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(RFA_EXP2_C5));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(RFA_EXP2_C4));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(RFA_EXP2_C3));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(RFA_EXP2_C2));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(RFA_EXP2_C1));
    return _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f));
}

/* VREDUCEPS gives the exact distance from the nearest integer (0 for infinities) and VSCALEFPS scales with one rounding
 * and saturates, so poly.h's clamp is not needed. */
static inline __m512 rfa_vexp2_avx512(__m512 x)
{
    __m512 r = _mm512_reduce_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    return _mm512_scalef_ps(rfa_vexp2_reduced_avx512(r), _mm512_sub_ps(x, r));
}

/* VSCALEFPS takes the integer below x and VREDUCEPS the distance from there, so one rounding of x serves both. */
static inline __m512 rfa_vdecay_avx512(__m512 dt, __m512 rate)
{
    __m512 x = _mm512_fmadd_ps(dt, rate, _mm512_set1_ps(-0.5f));
    __m512 r = _mm512_reduce_ps(x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
    __m512 p = _mm512_set1_ps(RFA_DECAY_C5);
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(RFA_DECAY_C4));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(RFA_DECAY_C3));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(RFA_DECAY_C2));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(RFA_DECAY_C1));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(RFA_DECAY_C0));
    return _mm512_scalef_ps(p, x);
}

/* e^x for RFA_EXP_MIN <= x <= RFA_EXP_MAX or NaN. */
static inline __m512 rfa_vexp_clamped_avx512(__m512 x)
{
    const __m512 round = _mm512_set1_ps(RFA_ROUND), high = _mm512_set1_ps(RFA_LOG2E_HI);
    __m512 n = _mm512_sub_ps(_mm512_fmadd_ps(x, high, round), round);
    __m512 r = _mm512_fmadd_ps(x, _mm512_set1_ps(RFA_LOG2E_LO), _mm512_fmsub_ps(x, high, n));
    return _mm512_scalef_ps(rfa_vexp2_reduced_avx512(r), n);
}

/* MAXPS and MINPS return their second operand when one is NaN. */
static inline __m512 rfa_vexp_avx512(__m512 x)
{
    x = _mm512_max_ps(_mm512_set1_ps(RFA_EXP_MIN), x);
    return rfa_vexp_clamped_avx512(_mm512_min_ps(_mm512_set1_ps(RFA_EXP_MAX), x));
}

/* e^x for x <= 0 or NaN. */
static inline __m512 rfa_vexp_negative_avx512(__m512 x)
{
    return rfa_vexp_clamped_avx512(_mm512_max_ps(_mm512_set1_ps(RFA_EXP_MIN), x));
}

static inline __m512 rfa_vlog1p_avx512(__m512 z)
{
    const __m512 half = _mm512_set1_ps(0.5f);
    __mmask16 upper = _mm512_cmp_ps_mask(z, half, _CMP_GE_OQ);
    __m512 f = _mm512_mask_fmadd_ps(z, upper, half, _mm512_set1_ps(-0.5f));
    __m512 q = _mm512_set1_ps(RFA_LOG1P_C7);
    q = _mm512_fmadd_ps(q, f, _mm512_set1_ps(RFA_LOG1P_C6));
    q = _mm512_fmadd_ps(q, f, _mm512_set1_ps(RFA_LOG1P_C5));
    q = _mm512_fmadd_ps(q, f, _mm512_set1_ps(RFA_LOG1P_C4));
    q = _mm512_fmadd_ps(q, f, _mm512_set1_ps(RFA_LOG1P_C3));
    q = _mm512_fmadd_ps(q, f, _mm512_set1_ps(RFA_LOG1P_C2));
    q = _mm512_fmadd_ps(q, f, _mm512_set1_ps(RFA_LOG1P_C1));
    q = _mm512_fmadd_ps(q, f, _mm512_set1_ps(RFA_LOG1P_C0));
    __m512 log = _mm512_fmadd_ps(_mm512_mul_ps(f, f), q, f);
    return _mm512_mask_add_ps(log, upper, log, _mm512_set1_ps(RFA_LN2));
}

static inline __m512 rfa_vrelu_avx512(__m512 x)
{
    return _mm512_max_ps(_mm512_setzero_ps(), x);
}

static inline __m512 rfa_vsoftplus_avx512(__m512 x)
{
    __m512 z = rfa_vexp_negative_avx512(_mm512_or_ps(x, _mm512_set1_ps(-0.0f)));
    return _mm512_add_ps(rfa_vrelu_avx512(x), rfa_vlog1p_avx512(z));
}

static inline __m512 rfa_vsigmoid_avx512(__m512 x)
{
    const __m512 one = _mm512_set1_ps(1.0f);
    __m512 z = rfa_vexp_negative_avx512(_mm512_or_ps(x, _mm512_set1_ps(-0.0f)));
    __mmask16 negative = _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_LT_OQ);
    return _mm512_div_ps(_mm512_mask_blend_ps(negative, one, z), _mm512_add_ps(one, z));
}

static inline __m512 rfa_vsilu_avx512(__m512 x)
{
    return _mm512_mul_ps(x, rfa_vsigmoid_avx512(x));
}

static inline __m512 rfa_vgelu_avx512(__m512 x)
{
    __m512 a = _mm512_min_ps(_mm512_set1_ps(RFA_GELU_MAX), _mm512_abs_ps(x));
    __m512 p = _mm512_set1_ps(RFA_GELU_C10);
    p = _mm512_fmadd_ps(p, a, _mm512_set1_ps(RFA_GELU_C9));
    p = _mm512_fmadd_ps(p, a, _mm512_set1_ps(RFA_GELU_C8));
    p = _mm512_fmadd_ps(p, a, _mm512_set1_ps(RFA_GELU_C7));
    p = _mm512_fmadd_ps(p, a, _mm512_set1_ps(RFA_GELU_C6));
    p = _mm512_fmadd_ps(p, a, _mm512_set1_ps(RFA_GELU_C5));
    p = _mm512_fmadd_ps(p, a, _mm512_set1_ps(RFA_GELU_C4));
    p = _mm512_fmadd_ps(p, a, _mm512_set1_ps(RFA_GELU_C3));
    p = _mm512_fmadd_ps(p, a, _mm512_set1_ps(RFA_GELU_C2));
    p = _mm512_fmadd_ps(p, a, _mm512_set1_ps(RFA_GELU_C1));
    p = _mm512_fmadd_ps(p, a, _mm512_set1_ps(RFA_GELU_C0));
    __m512 erfc = rfa_vexp2_avx512(_mm512_mul_ps(p, a));
    return _mm512_fmadd_ps(_mm512_mul_ps(_mm512_set1_ps(-0.5f), a), erfc, rfa_vrelu_avx512(x));
}

static inline __m512 rfa_vact_avx512(__m512 x, enum rfa_act act)
{
    switch (act) {
    case RFA_ACT_RELU:
        return rfa_vrelu_avx512(x);
    case RFA_ACT_GELU:
        return rfa_vgelu_avx512(x);
    case RFA_ACT_SILU:
        return rfa_vsilu_avx512(x);
    case RFA_ACT_SIGMOID:
        return rfa_vsigmoid_avx512(x);
    case RFA_ACT_SOFTPLUS:
        return rfa_vsoftplus_avx512(x);
    case RFA_ACT_NONE:
    case RFA_ACT_COUNT:
        break;
    }
    return x;
}

/* The tree +8 +4 +2 +1 over the 16 partial sums. */
static inline float rfa_vsum16_avx512(__m512 p)
{
    __m256 p8 = _mm256_add_ps(_mm512_castps512_ps256(p), _mm512_extractf32x8_ps(p, 1));
    __m128 p4 = _mm_add_ps(_mm256_castps256_ps128(p8), _mm256_extractf128_ps(p8, 1));
    __m128 p2 = _mm_add_ps(p4, _mm_movehl_ps(p4, p4));
    return _mm_cvtss_f32(_mm_add_ss(p2, _mm_movehdup_ps(p2)));
}

#endif

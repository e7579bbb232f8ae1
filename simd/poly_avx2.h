/* poly.h eight at a time: the same steps, the same bits. */
#ifndef RFA_POLY_AVX2_H
#define RFA_POLY_AVX2_H

#if !defined(__AVX2__) || !defined(__FMA__)
#error "poly_avx2.h needs the flags that rfa_simd() gives the avx2 files"
#endif

#include <immintrin.h>

#include "poly.h"

static inline __m256 rfa_vexp2_reduced_avx2(__m256 r)
{
    __m256 p = _mm256_set1_ps(RFA_EXP2_C6);
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(RFA_EXP2_C5));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(RFA_EXP2_C4));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(RFA_EXP2_C3));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(RFA_EXP2_C2));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(RFA_EXP2_C1));
    return _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f));
}

/* rfa_exp2_scale. */
static inline __m256 rfa_vexp2_scale_avx2(__m256 p, __m256 n_rounded)
{
    const __m256i offset = _mm256_sub_epi32(_mm256_castps_si256(_mm256_set1_ps(RFA_ROUND)), _mm256_set1_epi32(256));
    __m256i n256 = _mm256_sub_epi32(_mm256_castps_si256(n_rounded), offset);
    __m256i half = _mm256_srli_epi32(n256, 1);
    __m256i low = _mm256_add_epi32(half, _mm256_set1_epi32(-1));
    __m256i high = _mm256_sub_epi32(n256, _mm256_add_epi32(half, _mm256_set1_epi32(1)));
    p = _mm256_mul_ps(p, _mm256_castsi256_ps(_mm256_slli_epi32(low, 23)));
    return _mm256_mul_ps(p, _mm256_castsi256_ps(_mm256_slli_epi32(high, 23)));
}

/* MAXPS and MINPS return their second operand when one is NaN. */
static inline __m256 rfa_vexp2_avx2(__m256 x)
{
    const __m256 round = _mm256_set1_ps(RFA_ROUND);
    x = _mm256_max_ps(_mm256_set1_ps(RFA_EXP2_MIN), x);
    x = _mm256_min_ps(_mm256_set1_ps(RFA_EXP2_MAX), x);
    __m256 rounded = _mm256_add_ps(x, round);
    return rfa_vexp2_scale_avx2(rfa_vexp2_reduced_avx2(_mm256_sub_ps(x, _mm256_sub_ps(rounded, round))), rounded);
}

static inline __m256 rfa_vdecay_reduced_avx2(__m256 r)
{
    __m256 p = _mm256_set1_ps(RFA_DECAY_C5);
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(RFA_DECAY_C4));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(RFA_DECAY_C3));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(RFA_DECAY_C2));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(RFA_DECAY_C1));
    return _mm256_fmadd_ps(p, r, _mm256_set1_ps(RFA_DECAY_C0));
}

static inline __m256 rfa_vdecay_avx2(__m256 dt, __m256 rate)
{
    __m256 x = _mm256_fmadd_ps(dt, rate, _mm256_set1_ps(-0.5f));
    x = _mm256_max_ps(_mm256_set1_ps(RFA_EXP2_MIN), x);
    x = _mm256_min_ps(_mm256_set1_ps(RFA_EXP2_MAX), x);
    __m256 n = _mm256_floor_ps(x), r = _mm256_sub_ps(x, n);
    __m256 above = _mm256_cmp_ps(_mm256_add_ps(r, n), x, _CMP_GT_OQ); /* -1 as an integer */
    r = _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(r), _mm256_castps_si256(above)));
    return rfa_vexp2_scale_avx2(rfa_vdecay_reduced_avx2(r), _mm256_add_ps(n, _mm256_set1_ps(RFA_ROUND)));
}

/* rfa_decay where dt * rate is in [-125, 0]. The integer comes out of a sum that rounds to nearest: where it is one
 * less than the integer below x, r is 1 and not 0, which gives the same. Every power is a normal number there, so
 * adding to the exponent gives it exactly. */
static inline __m256 rfa_vdecay_normal_avx2(__m256 dt, __m256 rate)
{
    __m256 x = _mm256_fmadd_ps(dt, rate, _mm256_set1_ps(-0.5f));
    __m256 rounded = _mm256_fmadd_ps(dt, rate, _mm256_set1_ps(RFA_ROUND - 1.0f));
    __m256 n = _mm256_sub_ps(rounded, _mm256_set1_ps(RFA_ROUND));
    __m256i p = _mm256_castps_si256(rfa_vdecay_reduced_avx2(_mm256_sub_ps(x, n)));
    return _mm256_castsi256_ps(_mm256_add_epi32(p, _mm256_slli_epi32(_mm256_castps_si256(rounded), 23)));
}

/* e^x for RFA_EXP_MIN <= x <= RFA_EXP_MAX or NaN. */
static inline __m256 rfa_vexp_clamped_avx2(__m256 x)
{
    const __m256 round = _mm256_set1_ps(RFA_ROUND), high = _mm256_set1_ps(RFA_LOG2E_HI);
    __m256 rounded = _mm256_fmadd_ps(x, high, round);
    __m256 r = _mm256_fmsub_ps(x, high, _mm256_sub_ps(rounded, round));
    r = _mm256_fmadd_ps(x, _mm256_set1_ps(RFA_LOG2E_LO), r);
    return rfa_vexp2_scale_avx2(rfa_vexp2_reduced_avx2(r), rounded);
}

static inline __m256 rfa_vexp_avx2(__m256 x)
{
    x = _mm256_max_ps(_mm256_set1_ps(RFA_EXP_MIN), x);
    return rfa_vexp_clamped_avx2(_mm256_min_ps(_mm256_set1_ps(RFA_EXP_MAX), x));
}

/* e^x for x <= 0 or NaN. */
static inline __m256 rfa_vexp_negative_avx2(__m256 x)
{
    return rfa_vexp_clamped_avx2(_mm256_max_ps(_mm256_set1_ps(RFA_EXP_MIN), x));
}

static inline __m256 rfa_vlog1p_avx2(__m256 z)
{
    const __m256 half = _mm256_set1_ps(0.5f);
    __m256 upper = _mm256_cmp_ps(z, half, _CMP_GE_OQ);
    __m256 f = _mm256_blendv_ps(z, _mm256_fmadd_ps(z, half, _mm256_set1_ps(-0.5f)), upper);
    __m256 q = _mm256_set1_ps(RFA_LOG1P_C7);
    q = _mm256_fmadd_ps(q, f, _mm256_set1_ps(RFA_LOG1P_C6));
    q = _mm256_fmadd_ps(q, f, _mm256_set1_ps(RFA_LOG1P_C5));
    q = _mm256_fmadd_ps(q, f, _mm256_set1_ps(RFA_LOG1P_C4));
    q = _mm256_fmadd_ps(q, f, _mm256_set1_ps(RFA_LOG1P_C3));
    q = _mm256_fmadd_ps(q, f, _mm256_set1_ps(RFA_LOG1P_C2));
    q = _mm256_fmadd_ps(q, f, _mm256_set1_ps(RFA_LOG1P_C1));
    q = _mm256_fmadd_ps(q, f, _mm256_set1_ps(RFA_LOG1P_C0));
    __m256 log = _mm256_fmadd_ps(_mm256_mul_ps(f, f), q, f);
    return _mm256_blendv_ps(log, _mm256_add_ps(log, _mm256_set1_ps(RFA_LN2)), upper);
}

static inline __m256 rfa_vrelu_avx2(__m256 x)
{
    return _mm256_max_ps(_mm256_setzero_ps(), x);
}

static inline __m256 rfa_vsoftplus_avx2(__m256 x)
{
    __m256 z = rfa_vexp_negative_avx2(_mm256_or_ps(x, _mm256_set1_ps(-0.0f)));
    return _mm256_add_ps(rfa_vrelu_avx2(x), rfa_vlog1p_avx2(z));
}

static inline __m256 rfa_vsigmoid_avx2(__m256 x)
{
    const __m256 one = _mm256_set1_ps(1.0f);
    __m256 z = rfa_vexp_negative_avx2(_mm256_or_ps(x, _mm256_set1_ps(-0.0f)));
    __m256 negative = _mm256_cmp_ps(x, _mm256_setzero_ps(), _CMP_LT_OQ);
    return _mm256_div_ps(_mm256_blendv_ps(one, z, negative), _mm256_add_ps(one, z));
}

static inline __m256 rfa_vsilu_avx2(__m256 x)
{
    return _mm256_mul_ps(x, rfa_vsigmoid_avx2(x));
}

static inline __m256 rfa_vgelu_avx2(__m256 x)
{
    __m256 a = _mm256_min_ps(_mm256_set1_ps(RFA_GELU_MAX), _mm256_andnot_ps(_mm256_set1_ps(-0.0f), x));
    __m256 p = _mm256_set1_ps(RFA_GELU_C10);
    p = _mm256_fmadd_ps(p, a, _mm256_set1_ps(RFA_GELU_C9));
    p = _mm256_fmadd_ps(p, a, _mm256_set1_ps(RFA_GELU_C8));
    p = _mm256_fmadd_ps(p, a, _mm256_set1_ps(RFA_GELU_C7));
    p = _mm256_fmadd_ps(p, a, _mm256_set1_ps(RFA_GELU_C6));
    p = _mm256_fmadd_ps(p, a, _mm256_set1_ps(RFA_GELU_C5));
    p = _mm256_fmadd_ps(p, a, _mm256_set1_ps(RFA_GELU_C4));
    p = _mm256_fmadd_ps(p, a, _mm256_set1_ps(RFA_GELU_C3));
    p = _mm256_fmadd_ps(p, a, _mm256_set1_ps(RFA_GELU_C2));
    p = _mm256_fmadd_ps(p, a, _mm256_set1_ps(RFA_GELU_C1));
    p = _mm256_fmadd_ps(p, a, _mm256_set1_ps(RFA_GELU_C0));
    __m256 erfc = rfa_vexp2_avx2(_mm256_mul_ps(p, a));
    return _mm256_fmadd_ps(_mm256_mul_ps(_mm256_set1_ps(-0.5f), a), erfc, rfa_vrelu_avx2(x));
}

static inline __m256 rfa_vact_avx2(__m256 x, enum rfa_act act)
{
    switch (act) {
    case RFA_ACT_RELU:
        return rfa_vrelu_avx2(x);
    case RFA_ACT_GELU:
        return rfa_vgelu_avx2(x);
    case RFA_ACT_SILU:
        return rfa_vsilu_avx2(x);
    case RFA_ACT_SIGMOID:
        return rfa_vsigmoid_avx2(x);
    case RFA_ACT_SOFTPLUS:
        return rfa_vsoftplus_avx2(x);
    case RFA_ACT_NONE:
    case RFA_ACT_COUNT:
        break;
    }
    return x;
}

/* The tree +8 +4 +2 +1 over the 16 partial sums 0 ... 7 and 8 ... 15. */
static inline float rfa_vsum16_avx2(__m256 low, __m256 high)
{
    __m256 p8 = _mm256_add_ps(low, high);
    __m128 p4 = _mm_add_ps(_mm256_castps256_ps128(p8), _mm256_extractf128_ps(p8, 1));
    __m128 p2 = _mm_add_ps(p4, _mm_movehl_ps(p4, p4));
    return _mm_cvtss_f32(_mm_add_ss(p2, _mm_movehdup_ps(p2)));
}

#endif

#ifndef RFA_VEC16_AVX512_H
#define RFA_VEC16_AVX512_H

#include <immintrin.h>

#include "poly_avx512.h"
#include "vec16.h"

typedef __m512 vec16;

VEC16_INLINE __mmask16 vec16_mask(size_t n)
{
    return (__mmask16)((1u << n) - 1);
}

VEC16_INLINE vec16 vec16_zero(void)
{
    return _mm512_setzero_ps();
}

VEC16_INLINE vec16 vec16_set1(float x)
{
    return _mm512_set1_ps(x);
}

VEC16_INLINE vec16 vec16_load(const float *p)
{
    return _mm512_loadu_ps(p);
}

VEC16_INLINE vec16 vec16_load_n(const float *p, size_t n)
{
    return _mm512_maskz_loadu_ps(vec16_mask(n), p);
}

VEC16_INLINE void vec16_store(float *p, vec16 v)
{
    _mm512_storeu_ps(p, v);
}

VEC16_INLINE void vec16_store_n(float *p, vec16 v, size_t n)
{
    _mm512_mask_storeu_ps(p, vec16_mask(n), v);
}

VEC16_INLINE vec16 vec16_add(vec16 a, vec16 b)
{
    return _mm512_add_ps(a, b);
}

VEC16_INLINE vec16 vec16_sub(vec16 a, vec16 b)
{
    return _mm512_sub_ps(a, b);
}

VEC16_INLINE vec16 vec16_mul(vec16 a, vec16 b)
{
    return _mm512_mul_ps(a, b);
}

VEC16_INLINE vec16 vec16_div(vec16 a, vec16 b)
{
    return _mm512_div_ps(a, b);
}

VEC16_INLINE vec16 vec16_fma(vec16 a, vec16 b, vec16 c)
{
    return _mm512_fmadd_ps(a, b, c);
}

VEC16_INLINE vec16 vec16_max(vec16 max, vec16 x)
{
    return _mm512_max_ps(x, max);
}

VEC16_INLINE vec16 vec16_decay(vec16 dt, vec16 rate)
{
    return rfa_vdecay_avx512(dt, rate);
}

VEC16_INLINE vec16 vec16_decay_normal(vec16 dt, vec16 rate)
{
    return vec16_decay(dt, rate);
}

/* Compared as integers, so that NaN is the largest. */
VEC16_INLINE vec16 vec16_max_magnitude(vec16 max, vec16 x)
{
    __m512i magnitude = _mm512_castps_si512(_mm512_abs_ps(x));
    return _mm512_castsi512_ps(_mm512_max_epi32(_mm512_castps_si512(max), magnitude));
}

VEC16_INLINE bool vec16_all_within(vec16 x, float limit)
{
    return _mm512_cmp_ps_mask(_mm512_abs_ps(x), _mm512_set1_ps(limit), _CMP_LE_OQ) == 0xffff;
}

VEC16_INLINE vec16 vec16_softplus(vec16 x)
{
    return rfa_vsoftplus_avx512(x);
}

VEC16_INLINE vec16 vec16_silu(vec16 x)
{
    return rfa_vsilu_avx512(x);
}

VEC16_INLINE vec16 vec16_pixel(vec16 v, int bits)
{
    __m512i value = _mm512_sra_epi32(_mm512_castps_si512(v), _mm_cvtsi32_si128(bits));
    value = _mm512_max_epi32(_mm512_min_epi32(value, _mm512_set1_epi32(255)), _mm512_setzero_si512());
    return _mm512_cvtepi32_ps(value);
}

VEC16_INLINE float vec16_sum(vec16 v)
{
    return rfa_vsum16_avx512(v);
}

#endif

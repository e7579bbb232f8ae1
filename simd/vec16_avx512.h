#ifndef RFA_VEC16_AVX512_H
#define RFA_VEC16_AVX512_H

#include <immintrin.h>

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

VEC16_INLINE vec16 vec16_max(vec16 a, vec16 b)
{
    return _mm512_max_ps(a, b);
}

VEC16_INLINE vec16 vec16_u8(const uint8_t *p)
{
    return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(const void *)p)));
}

VEC16_INLINE float vec16_sum(vec16 v)
{
    __m256 s8 = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
    __m128 s4 = _mm_add_ps(_mm256_castps256_ps128(s8), _mm256_extractf128_ps(s8, 1));
    __m128 s2 = _mm_add_ps(s4, _mm_movehl_ps(s4, s4));
    return _mm_cvtss_f32(_mm_add_ss(s2, _mm_movehdup_ps(s2)));
}

#endif

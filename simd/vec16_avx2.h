#ifndef RFA_VEC16_AVX2_H
#define RFA_VEC16_AVX2_H

#include <immintrin.h>

#include "vec16.h"

typedef struct {
    __m256 lo, hi;
} vec16;

/* Mask of the lanes below n, first lane `from`. */
VEC16_INLINE __m256i vec16_mask(size_t n, int from)
{
    const __m256i lane = _mm256_add_epi32(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), _mm256_set1_epi32(from));
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), lane);
}

VEC16_INLINE vec16 vec16_set1(float x)
{
    return (vec16){_mm256_set1_ps(x), _mm256_set1_ps(x)};
}

VEC16_INLINE vec16 vec16_zero(void)
{
    return (vec16){_mm256_setzero_ps(), _mm256_setzero_ps()};
}

VEC16_INLINE vec16 vec16_load(const float *p)
{
    return (vec16){_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)};
}

VEC16_INLINE vec16 vec16_load_n(const float *p, size_t n)
{
    if (n == 16)
        return vec16_load(p);
    vec16 v = {_mm256_maskload_ps(p, vec16_mask(n, 0)), _mm256_setzero_ps()};
    if (n > 8)
        v.hi = _mm256_maskload_ps(p + 8, vec16_mask(n, 8));
    return v;
}

VEC16_INLINE void vec16_store(float *p, vec16 v)
{
    _mm256_storeu_ps(p, v.lo);
    _mm256_storeu_ps(p + 8, v.hi);
}

VEC16_INLINE void vec16_store_n(float *p, vec16 v, size_t n)
{
    if (n == 16) {
        vec16_store(p, v);
        return;
    }
    _mm256_maskstore_ps(p, vec16_mask(n, 0), v.lo);
    if (n > 8)
        _mm256_maskstore_ps(p + 8, vec16_mask(n, 8), v.hi);
}

VEC16_INLINE vec16 vec16_add(vec16 a, vec16 b)
{
    return (vec16){_mm256_add_ps(a.lo, b.lo), _mm256_add_ps(a.hi, b.hi)};
}

VEC16_INLINE vec16 vec16_sub(vec16 a, vec16 b)
{
    return (vec16){_mm256_sub_ps(a.lo, b.lo), _mm256_sub_ps(a.hi, b.hi)};
}

VEC16_INLINE vec16 vec16_mul(vec16 a, vec16 b)
{
    return (vec16){_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi)};
}

VEC16_INLINE vec16 vec16_div(vec16 a, vec16 b)
{
    return (vec16){_mm256_div_ps(a.lo, b.lo), _mm256_div_ps(a.hi, b.hi)};
}

VEC16_INLINE vec16 vec16_fma(vec16 a, vec16 b, vec16 c)
{
    return (vec16){_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)};
}

VEC16_INLINE vec16 vec16_max(vec16 a, vec16 b)
{
    return (vec16){_mm256_max_ps(a.lo, b.lo), _mm256_max_ps(a.hi, b.hi)};
}

VEC16_INLINE vec16 vec16_u8(const uint8_t *p)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)p);
    return (vec16){_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes)),
                   _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_srli_si128(bytes, 8)))};
}

VEC16_INLINE float vec16_sum(vec16 v)
{
    __m256 s8 = _mm256_add_ps(v.lo, v.hi);
    __m128 s4 = _mm_add_ps(_mm256_castps256_ps128(s8), _mm256_extractf128_ps(s8, 1));
    __m128 s2 = _mm_add_ps(s4, _mm_movehl_ps(s4, s4));
    return _mm_cvtss_f32(_mm_add_ss(s2, _mm_movehdup_ps(s2)));
}

#endif

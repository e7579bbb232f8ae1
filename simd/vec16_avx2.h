#ifndef RFA_VEC16_AVX2_H
#define RFA_VEC16_AVX2_H

#include <immintrin.h>

#include "poly_avx2.h"
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

VEC16_INLINE vec16 vec16_max(vec16 max, vec16 x)
{
    return (vec16){_mm256_max_ps(x.lo, max.lo), _mm256_max_ps(x.hi, max.hi)};
}

VEC16_INLINE vec16 vec16_decay(vec16 dt, vec16 rate)
{
    return (vec16){rfa_vdecay_avx2(dt.lo, rate.lo), rfa_vdecay_avx2(dt.hi, rate.hi)};
}

VEC16_INLINE vec16 vec16_decay_normal(vec16 dt, vec16 rate)
{
    return (vec16){rfa_vdecay_normal_avx2(dt.lo, rate.lo), rfa_vdecay_normal_avx2(dt.hi, rate.hi)};
}

VEC16_INLINE __m256 vec16_abs_half(__m256 x)
{
    return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), x);
}

/* Compared as integers, so that NaN is the largest. */
VEC16_INLINE __m256 vec16_max_magnitude_half(__m256 max, __m256 x)
{
    __m256i magnitude = _mm256_castps_si256(vec16_abs_half(x));
    return _mm256_castsi256_ps(_mm256_max_epi32(_mm256_castps_si256(max), magnitude));
}

VEC16_INLINE vec16 vec16_max_magnitude(vec16 max, vec16 x)
{
    return (vec16){vec16_max_magnitude_half(max.lo, x.lo), vec16_max_magnitude_half(max.hi, x.hi)};
}

VEC16_INLINE bool vec16_all_within(vec16 x, float limit)
{
    __m256 lo = _mm256_cmp_ps(vec16_abs_half(x.lo), _mm256_set1_ps(limit), _CMP_LE_OQ);
    __m256 hi = _mm256_cmp_ps(vec16_abs_half(x.hi), _mm256_set1_ps(limit), _CMP_LE_OQ);
    return _mm256_movemask_ps(_mm256_and_ps(lo, hi)) == 0xff;
}

VEC16_INLINE vec16 vec16_softplus(vec16 x)
{
    return (vec16){rfa_vsoftplus_avx2(x.lo), rfa_vsoftplus_avx2(x.hi)};
}

VEC16_INLINE vec16 vec16_silu(vec16 x)
{
    return (vec16){rfa_vsilu_avx2(x.lo), rfa_vsilu_avx2(x.hi)};
}

VEC16_INLINE __m256 vec16_pixel_half(__m256 v, int bits)
{
    __m256i value = _mm256_sra_epi32(_mm256_castps_si256(v), _mm_cvtsi32_si128(bits));
    value = _mm256_max_epi32(_mm256_min_epi32(value, _mm256_set1_epi32(255)), _mm256_setzero_si256());
    return _mm256_cvtepi32_ps(value);
}

VEC16_INLINE vec16 vec16_pixel(vec16 v, int bits)
{
    return (vec16){vec16_pixel_half(v.lo, bits), vec16_pixel_half(v.hi, bits)};
}

VEC16_INLINE float vec16_sum(vec16 v)
{
    return rfa_vsum16_avx2(v.lo, v.hi);
}

#endif

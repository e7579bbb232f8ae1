#ifndef RFA_VEC16_ROW_AVX2_H
#define RFA_VEC16_ROW_AVX2_H

#include "vec16_avx2.h"
#include "vec16_row.h"

VEC16_INLINE vec16 vec16_exp(vec16 x)
{
    return (vec16){rfa_vexp_avx2(x.lo), rfa_vexp_avx2(x.hi)};
}

VEC16_INLINE __m256 vec16_numerator_half(__m256 y)
{
    const __m256 round = _mm256_set1_ps(RFA_ROUND);
    const __m256i offset = _mm256_sub_epi32(_mm256_castps_si256(round), _mm256_set1_epi32(127));
    y = _mm256_max_ps(_mm256_set1_ps(RFA_NUMERATOR_MIN), y);
    __m256 rounded = _mm256_add_ps(y, round), r = _mm256_sub_ps(y, _mm256_sub_ps(rounded, round));
    __m256 p = _mm256_set1_ps(RFA_NUMERATOR_C4);
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(RFA_NUMERATOR_C3));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(RFA_NUMERATOR_C2));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(RFA_NUMERATOR_C1));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(RFA_NUMERATOR_C0));
    __m256i power = _mm256_slli_epi32(_mm256_sub_epi32(_mm256_castps_si256(rounded), offset), 23);
    return _mm256_fmadd_ps(p, _mm256_castsi256_ps(power), round);
}

VEC16_INLINE vec16 vec16_numerator(vec16 y)
{
    return (vec16){vec16_numerator_half(y.lo), vec16_numerator_half(y.hi)};
}

VEC16_INLINE vec16 vec16_load_least(const float *p, size_t n)
{
    const __m256 least = _mm256_set1_ps(-INFINITY);
    const __m256i low = vec16_mask(n, 0), high = vec16_mask(n, 8);
    vec16 v = {_mm256_blendv_ps(least, _mm256_maskload_ps(p, low), _mm256_castsi256_ps(low)), least};
    if (n > 8)
        v.hi = _mm256_blendv_ps(least, _mm256_maskload_ps(p + 8, high), _mm256_castsi256_ps(high));
    return v;
}

VEC16_INLINE vec16 vec16_act(vec16 x, enum rfa_act act)
{
    return (vec16){rfa_vact_avx2(x.lo, act), rfa_vact_avx2(x.hi, act)};
}

VEC16_INLINE __m256 vec16_magnitude_half(__m256 max, __m256 x)
{
    __m256i magnitude = _mm256_and_si256(_mm256_castps_si256(x), _mm256_set1_epi32(0x7fffffff));
    return _mm256_castsi256_ps(_mm256_max_epu32(_mm256_castps_si256(max), magnitude));
}

VEC16_INLINE vec16 vec16_magnitude(vec16 max, vec16 x)
{
    return (vec16){vec16_magnitude_half(max.lo, x.lo), vec16_magnitude_half(max.hi, x.hi)};
}

VEC16_INLINE uint32_t vec16_largest_magnitude(vec16 max)
{
    __m256i m8 = _mm256_max_epu32(_mm256_castps_si256(max.lo), _mm256_castps_si256(max.hi));
    __m128i m4 = _mm_max_epu32(_mm256_castsi256_si128(m8), _mm256_extracti128_si256(m8, 1));
    __m128i m2 = _mm_max_epu32(m4, _mm_shuffle_epi32(m4, 0x4e));
    return (uint32_t)_mm_cvtsi128_si32(_mm_max_epu32(m2, _mm_shuffle_epi32(m2, 0xb1)));
}

VEC16_INLINE vec16 vec16_max_signed(vec16 a, vec16 b)
{
    __m256i lo = _mm256_max_epi32(_mm256_castps_si256(a.lo), _mm256_castps_si256(b.lo));
    __m256i hi = _mm256_max_epi32(_mm256_castps_si256(a.hi), _mm256_castps_si256(b.hi));
    return (vec16){_mm256_castsi256_ps(lo), _mm256_castsi256_ps(hi)};
}

VEC16_INLINE vec16 vec16_max_unsigned(vec16 a, vec16 b)
{
    __m256i lo = _mm256_max_epu32(_mm256_castps_si256(a.lo), _mm256_castps_si256(b.lo));
    __m256i hi = _mm256_max_epu32(_mm256_castps_si256(a.hi), _mm256_castps_si256(b.hi));
    return (vec16){_mm256_castsi256_ps(lo), _mm256_castsi256_ps(hi)};
}

VEC16_INLINE float vec16_largest(vec16 v)
{
    __m256 m8 = _mm256_max_ps(v.lo, v.hi);
    __m128 m4 = _mm_max_ps(_mm256_castps256_ps128(m8), _mm256_extractf128_ps(m8, 1));
    __m128 m2 = _mm_max_ps(m4, _mm_movehl_ps(m4, m4));
    return _mm_cvtss_f32(_mm_max_ss(m2, _mm_movehdup_ps(m2)));
}

VEC16_INLINE __m256 vec16_within_half(__m256 x, float limit)
{
    __m256 magnitude = _mm256_andnot_ps(_mm256_set1_ps(-0.0f), x);
    return _mm256_and_ps(x, _mm256_cmp_ps(magnitude, _mm256_set1_ps(limit), _CMP_LE_OQ));
}

VEC16_INLINE vec16 vec16_within(vec16 x, float limit)
{
    return (vec16){vec16_within_half(x.lo, limit), vec16_within_half(x.hi, limit)};
}

typedef struct {
    __m256i lo, hi;
} line;

/* The packs work in 128-bit lanes, so that 4-byte groups come out as 0 2 4 6, 1 3 5 7. */
VEC16_INLINE __m256i line_round_half(vec16 x, vec16 y)
{
    __m256i low = _mm256_packs_epi32(_mm256_cvtps_epi32(x.lo), _mm256_cvtps_epi32(x.hi));
    __m256i high = _mm256_packs_epi32(_mm256_cvtps_epi32(y.lo), _mm256_cvtps_epi32(y.hi));
    return _mm256_permutevar8x32_epi32(_mm256_packs_epi16(low, high), _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}

VEC16_INLINE line line_round(const vec16 x[4])
{
    return (line){line_round_half(x[0], x[1]), line_round_half(x[2], x[3])};
}

VEC16_INLINE __m256i line_low_bytes_half(vec16 x, vec16 y)
{
    const __m256i byte = _mm256_set1_epi32(0xff);
    __m256i low = _mm256_packs_epi32(_mm256_and_si256(_mm256_castps_si256(x.lo), byte),
                                     _mm256_and_si256(_mm256_castps_si256(x.hi), byte));
    __m256i high = _mm256_packs_epi32(_mm256_and_si256(_mm256_castps_si256(y.lo), byte),
                                      _mm256_and_si256(_mm256_castps_si256(y.hi), byte));
    return _mm256_permutevar8x32_epi32(_mm256_packus_epi16(low, high), _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}

/* The lowest byte of each lane. */
VEC16_INLINE line line_low_bytes(const vec16 x[4])
{
    return (line){line_low_bytes_half(x[0], x[1]), line_low_bytes_half(x[2], x[3])};
}

/* An odd number of 128s turns the highest bit. */
VEC16_INLINE line line_minus_128(line a, line b)
{
    const __m256i bit = _mm256_set1_epi8((char)0x80);
    return (line){_mm256_xor_si256(a.lo, _mm256_and_si256(_mm256_slli_epi16(b.lo, 7), bit)),
                  _mm256_xor_si256(a.hi, _mm256_and_si256(_mm256_slli_epi16(b.hi, 7), bit))};
}

VEC16_INLINE void line_store(uint8_t *q, line l, uint8_t a_xor)
{
    const __m256i flip = _mm256_set1_epi8((char)a_xor);
    _mm256_storeu_si256((__m256i *)(void *)q, _mm256_xor_si256(l.lo, flip));
    _mm256_storeu_si256((__m256i *)(void *)(q + 32), _mm256_xor_si256(l.hi, flip));
}

#endif

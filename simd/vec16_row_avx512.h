#ifndef RFA_VEC16_ROW_AVX512_H
#define RFA_VEC16_ROW_AVX512_H

#include "vec16_avx512.h"
#include "vec16_row.h"

VEC16_INLINE vec16 vec16_exp(vec16 x)
{
    return rfa_vexp_avx512(x);
}

VEC16_INLINE vec16 vec16_numerator(vec16 y)
{
    y = _mm512_max_ps(_mm512_set1_ps(RFA_NUMERATOR_MIN), y);
    __m512 r = _mm512_reduce_ps(y, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __m512 p = _mm512_set1_ps(RFA_NUMERATOR_C4);
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(RFA_NUMERATOR_C3));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(RFA_NUMERATOR_C2));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(RFA_NUMERATOR_C1));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(RFA_NUMERATOR_C0));
    return _mm512_add_ps(_mm512_scalef_ps(p, _mm512_sub_ps(y, r)), _mm512_set1_ps(RFA_ROUND));
}

VEC16_INLINE vec16 vec16_load_least(const float *p, size_t n)
{
    return _mm512_mask_loadu_ps(_mm512_set1_ps(-INFINITY), vec16_mask(n), p);
}

VEC16_INLINE vec16 vec16_act(vec16 x, enum rfa_act act)
{
    return rfa_vact_avx512(x, act);
}

VEC16_INLINE vec16 vec16_magnitude(vec16 max, vec16 x)
{
    __m512i magnitude = _mm512_castps_si512(_mm512_abs_ps(x));
    return _mm512_castsi512_ps(_mm512_max_epu32(_mm512_castps_si512(max), magnitude));
}

VEC16_INLINE uint32_t vec16_largest_magnitude(vec16 max)
{
    return _mm512_reduce_max_epu32(_mm512_castps_si512(max));
}

VEC16_INLINE vec16 vec16_max_signed(vec16 a, vec16 b)
{
    return _mm512_castsi512_ps(_mm512_max_epi32(_mm512_castps_si512(a), _mm512_castps_si512(b)));
}

VEC16_INLINE vec16 vec16_max_unsigned(vec16 a, vec16 b)
{
    return _mm512_castsi512_ps(_mm512_max_epu32(_mm512_castps_si512(a), _mm512_castps_si512(b)));
}

VEC16_INLINE float vec16_largest(vec16 v)
{
    return _mm512_reduce_max_ps(v);
}

VEC16_INLINE vec16 vec16_within(vec16 x, float limit)
{
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(_mm512_abs_ps(x), _mm512_set1_ps(limit), _CMP_LE_OQ), x);
}

typedef __m512i line;

/* The packs work in 128-bit lanes, so that 4-byte groups come out as 0 4 8 12, 1 5 9 13, ... */
VEC16_INLINE line line_round(const vec16 x[4])
{
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    __m512i low = _mm512_packs_epi32(_mm512_cvtps_epi32(x[0]), _mm512_cvtps_epi32(x[1]));
    __m512i high = _mm512_packs_epi32(_mm512_cvtps_epi32(x[2]), _mm512_cvtps_epi32(x[3]));
    return _mm512_permutexvar_epi32(order, _mm512_packs_epi16(low, high));
}

/* Truth tables of VPTERNLOG. */
enum {
    TERNARY_CHOOSE = 0xca, /* bits of the second operand where the first one's are set, else of the third */
    TERNARY_TURN = 0x78    /* the first operand's bits, turned where both others' are set */
};

/* The lowest byte of each lane. */
VEC16_INLINE line line_low_bytes(const vec16 x[4])
{
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    const __m512i transpose =
        _mm512_broadcast_i32x4(_mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
    const __m512i byte = _mm512_set1_epi32(0xff), word = _mm512_set1_epi32(0xffff);
    __m512i b[4];
    VEC16_UNROLL
    for (int j = 0; j < 4; j++)
        b[j] = _mm512_castps_si512(x[j]);
    __m512i low = _mm512_ternarylogic_epi32(byte, b[0], _mm512_slli_epi32(b[1], 8), TERNARY_CHOOSE);
    __m512i high = _mm512_ternarylogic_epi32(byte, b[2], _mm512_slli_epi32(b[3], 8), TERNARY_CHOOSE);
    low = _mm512_ternarylogic_epi32(word, low, _mm512_slli_epi32(high, 16), TERNARY_CHOOSE);
    low = _mm512_shuffle_epi8(low, transpose);
    __asm__("" : "+v"(low)); /* clang would make both shuffles one, for which it needs sixteen */
    return _mm512_permutexvar_epi32(order, low);
}

/* An odd number of 128s turns the highest bit. */
VEC16_INLINE line line_minus_128(line a, line b)
{
    return _mm512_ternarylogic_epi32(a, _mm512_slli_epi16(b, 7), _mm512_set1_epi8((char)0x80), TERNARY_TURN);
}

VEC16_INLINE void line_store(uint8_t *q, line l, uint8_t a_xor)
{
    _mm512_storeu_si512(q, _mm512_xor_si512(l, _mm512_set1_epi8((char)a_xor)));
}

#endif

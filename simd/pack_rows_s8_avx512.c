#if !defined(__AVX512F__) || !defined(__AVX512BW__) || !defined(__AVX512VL__) || !defined(__AVX512DQ__)
#error "pack_rows_s8_avx512.c needs the avx512 flags of CMakeLists.txt"
#endif

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../quant/quant.h"

static __mmask16 first(size_t n)
{
    return (__mmask16)((1u << n) - 1);
}

static uint32_t row_magnitude(const float *x, size_t k)
{
    const __m512i magnitude = _mm512_set1_epi32(0x7fffffff);
    __m512i max = _mm512_setzero_si512();
    size_t i = 0;
    for (; i + 16 <= k; i += 16)
        max = _mm512_max_epu32(max, _mm512_and_si512(_mm512_loadu_si512(x + i), magnitude));
    if (i < k)
        max = _mm512_max_epu32(max, _mm512_and_si512(_mm512_maskz_loadu_epi32(first(k - i), x + i), magnitude));
    return _mm512_reduce_max_epu32(max);
}

struct rows {
    const float *x[4];
    float multiplier[4]; /* 0: a row of zeros, whatever is in it */
};

static inline __m512i quantize(const struct rows *r, size_t row, size_t i, size_t n)
{
    const __mmask16 mask = r->multiplier[row] == 0.0f ? 0 : first(n);
    __m512 x = _mm512_maskz_loadu_ps(mask, r->x[row] + i);
    return _mm512_cvtps_epi32(_mm512_mul_ps(x, _mm512_set1_ps(r->multiplier[row])));
}

static inline void pack_columns(int8_t *w, const struct rows *r, size_t i, size_t n)
{
    __m512i upper = _mm512_packs_epi32(quantize(r, 0, i, n), quantize(r, 1, i, n));
    __m512i lower = _mm512_packs_epi32(quantize(r, 2, i, n), quantize(r, 3, i, n));
    __m512i groups = _mm512_packs_epi16(upper, lower);
    _mm_storeu_si128((__m128i *)(void *)w, _mm512_castsi512_si128(groups));
    if (n > 4)
        _mm_storeu_si128((__m128i *)(void *)(w + RFA_LINE), _mm512_extracti32x4_epi32(groups, 1));
    if (n > 8)
        _mm_storeu_si128((__m128i *)(void *)(w + 2 * RFA_LINE), _mm512_extracti32x4_epi32(groups, 2));
    if (n > 12)
        _mm_storeu_si128((__m128i *)(void *)(w + 3 * RFA_LINE), _mm512_extracti32x4_epi32(groups, 3));
}

static void panel_sums(int32_t *sum, const int8_t *w, size_t lines)
{
    __m512i total = _mm512_setzero_si512();
    for (size_t i = 0; i < lines; i++) {
        __m512i pairs = _mm512_maddubs_epi16(_mm512_set1_epi8(1), _mm512_loadu_si512(w + i * RFA_LINE));
        total = _mm512_add_epi32(total, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)));
    }
    _mm512_storeu_si512(sum, total);
}

#define PACK_ROWS rfa_pack_rows_s8_avx512
#include "pack_rows_s8_x86.h"

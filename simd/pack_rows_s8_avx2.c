#ifndef __AVX2__
#error "pack_rows_s8_avx2.c needs the avx2 flags of CMakeLists.txt"
#endif

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../quant/quant.h"

/* The first n of 8 lanes. */
static __m256i first(size_t n)
{
    const __m256i index = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), index);
}

static uint32_t row_magnitude(const float *x, size_t k)
{
    const __m256i magnitude = _mm256_set1_epi32(0x7fffffff);
    __m256i max = _mm256_setzero_si256();
    for (size_t i = 0; i < k; i += 8) {
        __m256i v = _mm256_castps_si256(_mm256_maskload_ps(x + i, first(k - i < 8 ? k - i : 8)));
        max = _mm256_max_epu32(max, _mm256_and_si256(v, magnitude));
    }
    __m128i h = _mm_max_epu32(_mm256_castsi256_si128(max), _mm256_extracti128_si256(max, 1));
    h = _mm_max_epu32(h, _mm_shuffle_epi32(h, 0x4e));
    h = _mm_max_epu32(h, _mm_shuffle_epi32(h, 0xb1));
    return (uint32_t)_mm_cvtsi128_si32(h);
}

struct rows {
    const float *x[4];
    float multiplier[4]; /* 0: a row of zeros, whatever is in it */
};

static inline __m256i quantize(const struct rows *r, size_t row, size_t i, __m256i lanes)
{
    const __m256i none = _mm256_setzero_si256();
    __m256 x = _mm256_maskload_ps(r->x[row] + i, r->multiplier[row] == 0.0f ? none : lanes);
    return _mm256_cvtps_epi32(_mm256_mul_ps(x, _mm256_set1_ps(r->multiplier[row])));
}

/* Up to 8 columns. */
static inline void pack_half(int8_t *w, const struct rows *r, size_t i, size_t n)
{
    const __m256i lanes = first(n);
    __m256i upper = _mm256_packs_epi32(quantize(r, 0, i, lanes), quantize(r, 1, i, lanes));
    __m256i lower = _mm256_packs_epi32(quantize(r, 2, i, lanes), quantize(r, 3, i, lanes));
    __m256i groups = _mm256_packs_epi16(upper, lower);
    _mm_storeu_si128((__m128i *)(void *)w, _mm256_castsi256_si128(groups));
    if (n > 4)
        _mm_storeu_si128((__m128i *)(void *)(w + RFA_LINE), _mm256_extracti128_si256(groups, 1));
}

static inline void pack_columns(int8_t *w, const struct rows *r, size_t i, size_t n)
{
    pack_half(w, r, i, n < 8 ? n : 8);
    if (n > 8)
        pack_half(w + 2 * RFA_LINE, r, i + 8, n - 8);
}

/* Of 8 outputs: half of every line. */
static void half_sums(int32_t *sum, const int8_t *w, size_t lines)
{
    __m256i total = _mm256_setzero_si256();
    for (size_t i = 0; i < lines; i++) {
        __m256i line = _mm256_loadu_si256((const __m256i *)(const void *)(w + i * RFA_LINE));
        __m256i pairs = _mm256_maddubs_epi16(_mm256_set1_epi8(1), line);
        total = _mm256_add_epi32(total, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
    }
    _mm256_storeu_si256((__m256i *)(void *)sum, total);
}

static void panel_sums(int32_t *sum, const int8_t *w, size_t lines)
{
    half_sums(sum, w, lines);
    half_sums(sum + 8, w + 8 * RFA_PANEL_K, lines);
}

#define PACK_ROWS rfa_pack_rows_s8_avx2
#include "pack_rows_s8_x86.h"

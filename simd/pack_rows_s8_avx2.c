#ifndef __AVX2__
#error "pack_rows_s8_avx2.c needs the avx2 flags of CMakeLists.txt"
#endif

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

/* Lanes first ... of 8 that are among the first n. */
static __m256i lanes_below(size_t n, int first)
{
    const __m256i index = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n - first), index);
}

static uint32_t row_magnitude(const float *x, size_t k)
{
    const __m256i magnitude = _mm256_set1_epi32(0x7fffffff);
    __m256i max = _mm256_setzero_si256();
    for (size_t i = 0; i < k; i += 8) {
        __m256i v = _mm256_castps_si256(_mm256_maskload_ps(x + i, lanes_below(k - i < 8 ? k - i : 8, 0)));
        max = _mm256_max_epu32(max, _mm256_and_si256(v, magnitude));
    }
    __m128i h = _mm_max_epu32(_mm256_castsi256_si128(max), _mm256_extracti128_si256(max, 1));
    h = _mm_max_epu32(h, _mm_shuffle_epi32(h, 0x4e));
    h = _mm_max_epu32(h, _mm_shuffle_epi32(h, 0xb1));
    return (uint32_t)_mm_cvtsi128_si32(h);
}

typedef __m256i sums;

static sums no_sums(void)
{
    return _mm256_setzero_si256();
}

static int32_t total(sums s)
{
    __m128i h = _mm_add_epi32(_mm256_castsi256_si128(s), _mm256_extracti128_si256(s, 1));
    h = _mm_add_epi32(h, _mm_shuffle_epi32(h, 0x4e));
    h = _mm_add_epi32(h, _mm_shuffle_epi32(h, 0xb1));
    return _mm_cvtsi128_si32(h);
}

static __m256i quantize8(const float *x, __m256i lanes, float multiplier)
{
    __m256 y = _mm256_mul_ps(_mm256_maskload_ps(x, lanes), _mm256_set1_ps(multiplier));
    __m256 finite = _mm256_cmp_ps(y, y, _CMP_ORD_Q); /* 0 * infinity and NaN become 0 */
    return _mm256_and_si256(_mm256_cvtps_epi32(y), _mm256_castps_si256(finite));
}

static __m128i quantize16(const float *x, size_t n, float multiplier, sums *s)
{
    __m256i a = quantize8(x, lanes_below(n, 0), multiplier);
    __m256i b = n > 8 ? quantize8(x + 8, lanes_below(n, 8), multiplier) : _mm256_setzero_si256();
    __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(a, b), 0xd8);
    *s = _mm256_add_epi32(*s, _mm256_add_epi32(a, b));
    return _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
}

#define PACK_ROWS rfa_pack_rows_s8_avx2
#include "pack_rows_s8_x86.h"

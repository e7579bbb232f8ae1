#if !defined(__AVX512F__) || !defined(__AVX512BW__) || !defined(__AVX512VL__) || !defined(__AVX512DQ__)
#error "pack_rows_s8_avx512.c needs the avx512 flags of CMakeLists.txt"
#endif

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

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

typedef __m512i sums;

static sums no_sums(void)
{
    return _mm512_setzero_si512();
}

static int32_t total(sums s)
{
    return _mm512_reduce_add_epi32(s);
}

static __m128i quantize16(const float *x, size_t n, float multiplier, sums *s)
{
    __m512 y = _mm512_mul_ps(_mm512_maskz_loadu_ps(first(n), x), _mm512_set1_ps(multiplier));
    __mmask16 finite = _mm512_cmp_ps_mask(y, y, _CMP_ORD_Q); /* 0 * infinity and NaN become 0 */
    __m512i v = _mm512_maskz_cvtps_epi32(finite, y);
    *s = _mm512_add_epi32(*s, v);
    return _mm512_cvtsepi32_epi8(v);
}

#define PACK_ROWS rfa_pack_rows_s8_avx512
#include "pack_rows_s8_x86.h"

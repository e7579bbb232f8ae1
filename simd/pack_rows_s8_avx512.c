#if !defined(__AVX512F__) || !defined(__AVX512BW__) || !defined(__AVX512VL__) || !defined(__AVX512DQ__)
#error "pack_rows_s8_avx512.c needs the avx512 flags of CMakeLists.txt"
#endif

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

static uint32_t magnitude_of(const float *x, size_t n)
{
    __m512i bits = _mm512_maskz_loadu_epi32((__mmask16)((1u << n) - 1), x);
    return _mm512_reduce_max_epu32(_mm512_and_si512(bits, _mm512_set1_epi32(0x7fffffff)));
}

static int32_t quantize16(int8_t *q, const float *x, size_t n, float multiplier)
{
    __m512 y = _mm512_mul_ps(_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), x), _mm512_set1_ps(multiplier));
    __mmask16 finite = _mm512_cmp_ps_mask(y, y, _CMP_ORD_Q); /* 0 * infinity and NaN become 0 */
    __m512i v = _mm512_maskz_cvtps_epi32(finite, y);
    _mm_storeu_si128((__m128i *)(void *)q, _mm512_cvtsepi32_epi8(v));
    return _mm512_reduce_add_epi32(v);
}

#define PACK_ROWS rfa_pack_rows_s8_avx512
#include "pack_rows_s8_x86.h"

#ifndef __AVX2__
#error "resize_v_u8_avx2.c needs the flags that rfa_simd() in CMakeLists.txt gives to avx2 files"
#endif
#include <immintrin.h>

#include "kernels.h"

void rfa_resize_v_u8_avx2(int32_t *acc, const uint8_t *row, int32_t weight, size_t n)
{
    const __m256i w = _mm256_set1_epi32(weight);
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m256i pixels = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)(row + i)));
        __m256i *sum = (__m256i *)(void *)(acc + i);
        _mm256_storeu_si256(sum, _mm256_add_epi32(_mm256_loadu_si256(sum), _mm256_mullo_epi32(pixels, w)));
    }
    for (; i < n; i++)
        acc[i] += weight * row[i];
}

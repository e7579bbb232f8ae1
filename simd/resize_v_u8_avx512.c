#if !defined(__AVX512BW__) || !defined(__AVX512VL__)
#error "resize_v_u8_avx512.c needs the flags that rfa_simd() in CMakeLists.txt gives to avx512 files"
#endif
#include <immintrin.h>

#include "kernels.h"

void rfa_resize_v_u8_avx512(int32_t *acc, const uint8_t *row, int32_t weight, size_t n)
{
    const __m512i w = _mm512_set1_epi32(weight);
    for (size_t i = 0; i < n; i += 16) {
        __mmask16 mask = (__mmask16)(n - i < 16 ? (1u << (n - i)) - 1 : 0xffffu);
        __m512i pixels = _mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(mask, row + i));
        __m512i sum = _mm512_add_epi32(_mm512_maskz_loadu_epi32(mask, acc + i), _mm512_mullo_epi32(pixels, w));
        _mm512_mask_storeu_epi32(acc + i, mask, sum);
    }
}

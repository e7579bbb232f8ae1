#if !defined(__AVX2__) || !defined(__F16C__)
#error "f16_to_f32_avx2.c needs the flags that rfa_simd() in CMakeLists.txt gives to avx2 files"
#endif
#include <immintrin.h>

#include "half.h"
#include "kernels.h"

void rfa_f16_to_f32_avx2(float *dst, const uint16_t *src, size_t n)
{
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(dst + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)(src + i))));
    for (; i < n; i++)
        dst[i] = rfa_half_to_float(src[i]);
}

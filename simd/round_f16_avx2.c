#if !defined(__AVX2__) || !defined(__F16C__)
#error "round_f16_avx2.c needs the flags that rfa_simd() in CMakeLists.txt gives to avx2 files"
#endif
#include <immintrin.h>

#include "half.h"
#include "kernels.h"

void rfa_round_f16_avx2(float *dst, const float *src, size_t n)
{
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m128i half = _mm256_cvtps_ph(_mm256_loadu_ps(src + i), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
        _mm256_storeu_ps(dst + i, _mm256_cvtph_ps(half));
    }
    for (; i < n; i++)
        dst[i] = rfa_half_to_float(rfa_float_to_half(src[i]));
}

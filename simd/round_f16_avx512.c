#if !defined(__AVX512BW__) || !defined(__AVX512VL__)
#error "round_f16_avx512.c needs the flags that rfa_simd() in CMakeLists.txt gives to avx512 files"
#endif
#include <immintrin.h>

#include "kernels.h"

static inline __m512 round_half(__m512 x)
{
    return _mm512_cvtph_ps(_mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}

void rfa_round_f16_avx512(float *dst, const float *src, size_t n)
{
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        _mm512_storeu_ps(dst + i, round_half(_mm512_loadu_ps(src + i)));
    if (i < n) {
        const __mmask16 rest = (__mmask16)((1u << (n - i)) - 1);
        _mm512_mask_storeu_ps(dst + i, rest, round_half(_mm512_maskz_loadu_ps(rest, src + i)));
    }
}

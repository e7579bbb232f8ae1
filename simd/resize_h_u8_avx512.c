#if !defined(__AVX512BW__) || !defined(__AVX512VL__)
#error "resize_h_u8_avx512.c needs the flags that rfa_simd() in CMakeLists.txt gives to avx512 files"
#endif
/* Sixteen lanes hold five neighbouring taps of an output: r g b five times, and one that is always zero. */
#include <immintrin.h>

#include "kernels.h"
#include "resize.h"

/* Sums of the five pixels: lanes r, g, b of the result. */
static inline __m128i fold_taps(__m512i v)
{
    const __m512i third = _mm512_setr_epi32(9, 10, 11, 12, 13, 14, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15);
    const __m512i fourth = _mm512_setr_epi32(3, 4, 5, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15);
    const __m512i second = _mm512_setr_epi32(6, 7, 8, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15);
    __m512i s = _mm512_add_epi32(v, _mm512_permutexvar_epi32(third, v));
    s = _mm512_add_epi32(s, _mm512_permutexvar_epi32(second, v));
    return _mm512_castsi512_si128(_mm512_add_epi32(s, _mm512_permutexvar_epi32(fourth, s)));
}

/* Output i, all taps inside the image. */
static inline __m128i filter(const struct rfa_resize_h_args *args, size_t i)
{
    const __m512i spread = _mm512_setr_epi32(0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5);
    const int32_t *weight = (const int32_t *)args->weight + i * args->stride;
    const uint8_t *src = args->src + (size_t)args->first[i] * 3;
    __m512i sum = _mm512_setzero_si512();
    for (int32_t j = 0; j < args->count[i]; j += 5) {
        int32_t taps = args->count[i] - j < 5 ? args->count[i] - j : 5;
        __m128i bytes = _mm_maskz_loadu_epi8((__mmask16)((1u << (3 * taps)) - 1), src + j * 3);
        __m512i weights = _mm512_castsi256_si512(_mm256_maskz_loadu_epi32((__mmask8)((1u << taps) - 1), weight + j));
        __m512i product = _mm512_mullo_epi32(_mm512_cvtepu8_epi32(bytes), _mm512_permutexvar_epi32(spread, weights));
        sum = _mm512_add_epi32(sum, product);
    }
    return fold_taps(sum);
}

/* Output i with taps outside. */
static __m128i filter_clamped(const struct rfa_resize_h_args *args, size_t i)
{
    const int32_t *weight = (const int32_t *)args->weight + i * args->stride;
    __m128i sum = _mm_setzero_si128();
    for (int32_t j = 0; j < args->count[i]; j++) {
        size_t pixel = rfa_resize_clamp(args->first[i] + j, args->width);
        __m128i bytes = _mm_maskz_loadu_epi8(7, args->src + pixel * 3);
        sum = _mm_add_epi32(sum, _mm_mullo_epi32(_mm_cvtepu8_epi32(bytes), _mm_set1_epi32(weight[j])));
    }
    return sum;
}

void rfa_resize_h_u8_avx512(const struct rfa_resize_h_args *args)
{
    uint8_t *dst = args->dst;
    for (size_t i = 0; i < args->out; i++) {
        __m128i sum = rfa_resize_inside(args, i) ? filter(args, i) : filter_clamped(args, i);
        sum = _mm_add_epi32(sum, _mm_set1_epi32(1 << (RFA_RESIZE_BITS - 1)));
        sum = _mm_max_epi32(_mm_srai_epi32(sum, RFA_RESIZE_BITS), _mm_setzero_si128());
        _mm_mask_storeu_epi8(dst + i * 3, 7, _mm_cvtusepi32_epi8(sum));
    }
}

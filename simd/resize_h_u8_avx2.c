#ifndef __AVX2__
#error "resize_h_u8_avx2.c needs the flags that rfa_simd() in CMakeLists.txt gives to avx2 files"
#endif
/* Eight lanes hold two neighbouring taps of an output: r g b r g b and two that are ignored. */
#include <immintrin.h>

#include "kernels.h"
#include "resize.h"

static inline void add_tap(int32_t sum[3], int32_t weight, const uint8_t *pixel)
{
    for (size_t c = 0; c < 3; c++)
        sum[c] += weight * pixel[c];
}

/* Taps of output i by twos, while 8 bytes of the row remain; returns how many. */
static inline size_t add_pairs(int32_t sum[3], const struct rfa_resize_h_args *args, size_t i, const int32_t *weight)
{
    const __m256i spread = _mm256_setr_epi32(0, 0, 0, 1, 1, 1, 0, 0);
    size_t first = (size_t)args->first[i], count = (size_t)args->count[i], j = 0;
    __m256i pairs = _mm256_setzero_si256();
    for (; j + 2 <= count && (first + j) * 3 + 8 <= args->width * 3; j += 2) {
        __m128i bytes = _mm_loadl_epi64((const __m128i *)(const void *)(args->src + (first + j) * 3));
        __m256i weights = _mm256_castsi128_si256(_mm_loadl_epi64((const __m128i *)(const void *)(weight + j)));
        __m256i product = _mm256_mullo_epi32(_mm256_cvtepu8_epi32(bytes), _mm256_permutevar8x32_epi32(weights, spread));
        pairs = _mm256_add_epi32(pairs, product);
    }
    int32_t lanes[8];
    _mm256_storeu_si256((__m256i *)(void *)lanes, pairs);
    for (size_t c = 0; c < 3; c++)
        sum[c] += lanes[c] + lanes[c + 3];
    return j;
}

void rfa_resize_h_u8_avx2(const struct rfa_resize_h_args *args)
{
    uint8_t *dst = args->dst;
    for (size_t i = 0; i < args->out; i++) {
        const int32_t *weight = (const int32_t *)args->weight + i * args->stride;
        const int32_t half = 1 << (RFA_RESIZE_BITS - 1);
        int32_t sum[3] = {half, half, half};
        size_t j = rfa_resize_inside(args, i) ? add_pairs(sum, args, i, weight) : 0;
        for (; j < (size_t)args->count[i]; j++)
            add_tap(sum, weight[j], args->src + rfa_resize_clamp(args->first[i] + (int32_t)j, args->width) * 3);
        for (size_t c = 0; c < 3; c++)
            dst[i * 3 + c] = rfa_resize_round(sum[c]);
    }
}

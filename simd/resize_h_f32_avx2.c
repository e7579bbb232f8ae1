#ifndef __AVX2__
#error "resize_h_f32_avx2.c needs the flags that rfa_simd() in CMakeLists.txt gives to avx2 files"
#endif
/* The row becomes float pixels of 4 lanes first; then an output is one chain over 16-byte loads. Lanes are channels, so
 * a wider register would not help. */
#include <immintrin.h>

#include "kernels.h"
#include "resize.h"

/* x / 255, correctly rounded for x = 0 ... 255: one Newton step on the product with the reciprocal. */
static inline __m256 over_255(__m256 x)
{
    const __m256 inverse = _mm256_set1_ps(1.0f / 255.0f);
    __m256 quotient = _mm256_mul_ps(x, inverse);
    __m256 rest = _mm256_fnmadd_ps(quotient, _mm256_set1_ps(255.0f), x);
    return _mm256_fmadd_ps(rest, inverse, quotient);
}

static void convert_row(float *pixels, const uint8_t *src, size_t width)
{
    const __m128i spread = _mm_setr_epi8(0, 1, 2, -1, 3, 4, 5, -1, 6, 7, 8, -1, 9, 10, 11, -1);
    size_t x = 0;
    for (; x * 3 + 16 <= width * 3; x += 4) {
        __m128i bytes = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)(src + x * 3)), spread);
        __m256 lo = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes));
        __m256 hi = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_srli_si128(bytes, 8)));
        _mm256_storeu_ps(pixels + x * 4, over_255(lo));
        _mm256_storeu_ps(pixels + x * 4 + 8, over_255(hi));
    }
    for (; x < width; x++) {
        for (size_t c = 0; c < 3; c++)
            pixels[x * 4 + c] = (float)src[x * 3 + c] / 255.0f;
        pixels[x * 4 + 3] = 0.0f;
    }
}

static inline __m128 filter(const struct rfa_resize_h_args *args, size_t i)
{
    const float *weight = (const float *)args->weight + i * args->stride;
    __m128 sum = _mm_setzero_ps();
    if (rfa_resize_inside(args, i)) {
        const float *pixel = args->scratch + (size_t)args->first[i] * 4;
        for (int32_t j = 0; j < args->count[i]; j++)
            sum = _mm_fmadd_ps(_mm_set1_ps(weight[j]), _mm_load_ps(pixel + (size_t)j * 4), sum);
        return sum;
    }
    for (int32_t j = 0; j < args->count[i]; j++) {
        size_t pixel = rfa_resize_clamp(args->first[i] + j, args->width);
        sum = _mm_fmadd_ps(_mm_set1_ps(weight[j]), _mm_load_ps(args->scratch + pixel * 4), sum);
    }
    return sum;
}

void rfa_resize_h_f32_avx2(const struct rfa_resize_h_args *args)
{
    float *dst = args->dst;
    convert_row(args->scratch, args->src, args->width);
    for (size_t i = 0; i + 1 < args->out; i++)
        _mm_storeu_ps(dst + i * 3, filter(args, i)); /* the fourth lane is overwritten by the next output */
    if (args->out > 0) {
        __m128 last = filter(args, args->out - 1);
        dst += (args->out - 1) * 3;
        _mm_storel_pi((__m64 *)(void *)dst, last);
        _mm_store_ss(dst + 2, _mm_movehl_ps(last, last));
    }
}

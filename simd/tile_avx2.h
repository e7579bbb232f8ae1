#ifndef RFA_TILE_AVX2_H
#define RFA_TILE_AVX2_H

#include <immintrin.h>

#include "poly_avx2.h"
#include "tile.h"

enum { TILE_M = 2, TILE_N = 4 };

typedef __m256 tile;

struct tile_half {
    __m256 p[TILE_M][TILE_N];
};

VEC16_INLINE __m256i tile_mask8(size_t n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

/* Eight of the 16 partial sums of every output: elements c ... c+7 of each 16, c being 0 or 8. */
VEC16_INLINE struct tile_half tile_dot_half(const float *const a[TILE_M], const float *const w[TILE_N], size_t k,
                                            size_t c)
{
    __m256 p[TILE_M][TILE_N];
    VEC16_UNROLL
    for (size_t i = 0; i < TILE_M * TILE_N; i++)
        p[i / TILE_N][i % TILE_N] = _mm256_setzero_ps();
    for (; c + 8 <= k; c += 16) {
        const __m256 x0 = _mm256_loadu_ps(a[0] + c), x1 = _mm256_loadu_ps(a[1] + c);
        VEC16_UNROLL
        for (size_t j = 0; j < TILE_N; j++) {
            __m256 y = _mm256_loadu_ps(w[j] + c);
            p[0][j] = _mm256_fmadd_ps(x0, y, p[0][j]);
            p[1][j] = _mm256_fmadd_ps(x1, y, p[1][j]);
        }
    }
    if (c < k) {
        const __m256i rest = tile_mask8(k - c);
        const __m256 x0 = _mm256_maskload_ps(a[0] + c, rest), x1 = _mm256_maskload_ps(a[1] + c, rest);
        VEC16_UNROLL
        for (size_t j = 0; j < TILE_N; j++) {
            __m256 y = _mm256_maskload_ps(w[j] + c, rest);
            p[0][j] = _mm256_fmadd_ps(x0, y, p[0][j]);
            p[1][j] = _mm256_fmadd_ps(x1, y, p[1][j]);
        }
    }
    struct tile_half half;
    VEC16_UNROLL
    for (size_t i = 0; i < TILE_M * TILE_N; i++)
        half.p[i / TILE_N][i % TILE_N] = p[i / TILE_N][i % TILE_N];
    return half;
}

/* Two passes over k of eight accumulators each: with all sixteen no register were left for a factor. */
VEC16_INLINE tile tile_dot(const float *const a[TILE_M], const float *const w[TILE_N], size_t k)
{
    struct tile_half low = tile_dot_half(a, w, k, 0), high = tile_dot_half(a, w, k, 8);
    __m256 column[TILE_N];
    VEC16_UNROLL
    for (size_t j = 0; j < TILE_N; j++) {
        __m256 row0 = _mm256_add_ps(low.p[0][j], high.p[0][j]), row1 = _mm256_add_ps(low.p[1][j], high.p[1][j]);
        column[j] = _mm256_add_ps(_mm256_permute2f128_ps(row0, row1, 0x20), _mm256_permute2f128_ps(row0, row1, 0x31));
    }
    __m256 pair[2];
    VEC16_UNROLL
    for (size_t j = 0; j < 2; j++)
        pair[j] = _mm256_add_ps(_mm256_shuffle_ps(column[2 * j], column[2 * j + 1], 0x44),
                                _mm256_shuffle_ps(column[2 * j], column[2 * j + 1], 0xee));
    return _mm256_add_ps(_mm256_shuffle_ps(pair[0], pair[1], 0x88), _mm256_shuffle_ps(pair[0], pair[1], 0xdd));
}

VEC16_INLINE __m128i tile_mask4(size_t n)
{
    return _mm_cmpgt_epi32(_mm_set1_epi32((int)n), _mm_setr_epi32(0, 1, 2, 3));
}

VEC16_INLINE tile tile_load(const float *p, size_t stride, size_t m, size_t n)
{
    __m128 row0 = _mm_maskload_ps(p, tile_mask4(n));
    __m128 row1 = m > 1 ? _mm_maskload_ps(p + stride, tile_mask4(n)) : _mm_setzero_ps();
    return _mm256_insertf128_ps(_mm256_castps128_ps256(row0), row1, 1);
}

VEC16_INLINE tile tile_columns(const float *p, size_t n)
{
    return tile_load(p, 0, 2, n);
}

VEC16_INLINE void tile_store(float *p, size_t stride, tile t, size_t m, size_t n)
{
    _mm_maskstore_ps(p, tile_mask4(n), _mm256_castps256_ps128(t));
    if (m > 1)
        _mm_maskstore_ps(p + stride, tile_mask4(n), _mm256_extractf128_ps(t, 1));
}

VEC16_INLINE tile tile_set1(float x)
{
    return _mm256_set1_ps(x);
}

VEC16_INLINE tile tile_add(tile a, tile b)
{
    return _mm256_add_ps(a, b);
}

VEC16_INLINE tile tile_mul(tile a, tile b)
{
    return _mm256_mul_ps(a, b);
}

VEC16_INLINE tile tile_act(tile t, enum rfa_act act)
{
    return rfa_vact_avx2(t, act);
}

#endif

#ifndef RFA_TILE_AVX512_H
#define RFA_TILE_AVX512_H

#include <immintrin.h>

#include "poly_avx512.h"
#include "tile.h"

enum { TILE_M = 4, TILE_N = 6 };

/* Lane i of both is row i: columns 0 to 3, and columns 4 and 5 twice. */
typedef struct {
    __m512 left, right;
} tile;

/* Keeps a value in its register: gcc would rather load it again for every use, and then the loads bound the loop. */
#if defined(__GNUC__) && !defined(__clang__)
#define TILE_KEEP(y) __asm__("" : "+v"(y))
#else
#define TILE_KEEP(y) (void)0
#endif

/* One step of the dot products: 16 of k. */
#define TILE_STEP(LOAD)                                                                                                \
    do {                                                                                                               \
        __m512 x[TILE_M], y;                                                                                           \
        VEC16_UNROLL                                                                                                   \
        for (size_t i = 0; i < TILE_M; i++)                                                                            \
            x[i] = LOAD(a[i] + c);                                                                                     \
        VEC16_UNROLL                                                                                                   \
        for (size_t j = 0; j < TILE_N; j++) {                                                                          \
            y = LOAD(w[j] + c);                                                                                        \
            TILE_KEEP(y);                                                                                              \
            VEC16_UNROLL                                                                                               \
            for (size_t i = 0; i < TILE_M; i++)                                                                        \
                p[i][j] = _mm512_fmadd_ps(x[i], y, p[i][j]);                                                           \
        }                                                                                                              \
    } while (0)

/* Lanes: [a0 a1 a2 a3], [b0 b1 b2 b3] to [a0+a2 a1+a3 b2+b0 b3+b1]. The blend is free of the shuffle port. */
VEC16_INLINE __m512 tile_fold8(__m512 a, __m512 b)
{
    return _mm512_add_ps(_mm512_mask_blend_ps(0xff00, a, b), _mm512_shuffle_f32x4(a, b, 0x4e));
}

/* [a0 a1 a2 a3], [b0 b1 b2 b3] to [a0+a1 b1+b0 a2+a3 b3+b2]. */
VEC16_INLINE __m512 tile_fold4(__m512 a, __m512 b)
{
    __m512 rest = _mm512_mask_blend_ps(0xf0f0, b, a);
    return _mm512_add_ps(_mm512_mask_blend_ps(0xf0f0, a, b), _mm512_shuffle_f32x4(rest, rest, 0xb1));
}

/* In each lane: [a0 a1 a2 a3], [b0 b1 b2 b3] to [a0+a2 a1+a3 b0+b2 b1+b3]. */
VEC16_INLINE __m512 tile_fold2(__m512 a, __m512 b)
{
    return _mm512_add_ps(_mm512_shuffle_ps(a, b, 0x44), _mm512_shuffle_ps(a, b, 0xee));
}

/* In each lane: [a0 a1 b0 b1], [c0 c1 d0 d1] to [a0+a1 b0+b1 c0+c1 d0+d1]. */
VEC16_INLINE __m512 tile_fold1(__m512 ab, __m512 cd)
{
    return _mm512_add_ps(_mm512_shuffle_ps(ab, cd, 0x88), _mm512_shuffle_ps(ab, cd, 0xdd));
}

VEC16_INLINE tile tile_dot(const float *const a[TILE_M], const float *const w[TILE_N], size_t k)
{
    __m512 p[TILE_M][TILE_N];
    VEC16_UNROLL
    for (size_t i = 0; i < TILE_M; i++)
        VEC16_UNROLL
    for (size_t j = 0; j < TILE_N; j++)
        p[i][j] = _mm512_setzero_ps();
    size_t c = 0;
    for (; c + 16 <= k; c += 16)
        TILE_STEP(_mm512_loadu_ps);
    if (c < k) {
        const __mmask16 rest = (__mmask16)((1u << (k - c)) - 1);
#define TILE_LOAD_REST(q) _mm512_maskz_loadu_ps(rest, q)
        TILE_STEP(TILE_LOAD_REST);
#undef TILE_LOAD_REST
    }
    __m512 column[TILE_N];
    VEC16_UNROLL
    for (size_t j = 0; j < TILE_N; j++)
        column[j] = tile_fold4(tile_fold8(p[0][j], p[2][j]), tile_fold8(p[1][j], p[3][j]));
    __m512 last = tile_fold2(column[4], column[5]);
    return (tile){tile_fold1(tile_fold2(column[0], column[1]), tile_fold2(column[2], column[3])),
                  tile_fold1(last, last)};
}

#undef TILE_STEP

/* The first n of four lanes. */
VEC16_INLINE __m128i tile_mask(size_t n)
{
    return _mm_cmpgt_epi32(_mm_set1_epi32((int)n), _mm_setr_epi32(0, 1, 2, 3));
}

/* Columns 0 to 3 of a row of n. */
VEC16_INLINE __m128 tile_load_left(const float *p, size_t n)
{
    return n >= 4 ? _mm_loadu_ps(p) : _mm_maskload_ps(p, tile_mask(n));
}

VEC16_INLINE __m128 tile_load_right(const float *p, size_t n)
{
    return n > 4 ? _mm_maskload_ps(p + 4, tile_mask(n - 4)) : _mm_setzero_ps();
}

VEC16_INLINE tile tile_columns(const float *p, size_t n)
{
    return (tile){_mm512_broadcast_f32x4(tile_load_left(p, n)), _mm512_broadcast_f32x4(tile_load_right(p, n))};
}

VEC16_INLINE __m512 tile_rows(const __m128 row[TILE_M])
{
    __m256 low = _mm256_insertf128_ps(_mm256_castps128_ps256(row[0]), row[1], 1);
    __m256 high = _mm256_insertf128_ps(_mm256_castps128_ps256(row[2]), row[3], 1);
    return _mm512_insertf32x8(_mm512_castps256_ps512(low), high, 1);
}

VEC16_INLINE tile tile_load(const float *p, size_t stride, size_t m, size_t n)
{
    __m128 left[TILE_M], right[TILE_M];
    VEC16_UNROLL
    for (size_t i = 0; i < TILE_M; i++) {
        left[i] = i < m ? tile_load_left(p + i * stride, n) : _mm_setzero_ps();
        right[i] = i < m ? tile_load_right(p + i * stride, n) : _mm_setzero_ps();
    }
    return (tile){tile_rows(left), tile_rows(right)};
}

/* gcc 12 turns _mm_mask_storeu_ps of an extracted lane into VEXTRACTF32X4 with a mask, which faults on bytes that the
 * mask leaves out; so parts of a row go by VMASKMOVPS. */
VEC16_INLINE void tile_store_row(float *p, __m128 left, __m128 right, size_t n)
{
    if (n == TILE_N) {
        _mm_storeu_ps(p, left);
        _mm_storel_pi((__m64 *)(void *)(p + 4), right);
        return;
    }
    _mm_maskstore_ps(p, tile_mask(n), left);
    if (n > 4)
        _mm_maskstore_ps(p + 4, tile_mask(n - 4), right);
}

VEC16_INLINE void tile_store(float *p, size_t stride, tile t, size_t m, size_t n)
{
    tile_store_row(p, _mm512_castps512_ps128(t.left), _mm512_castps512_ps128(t.right), n);
    if (m > 1)
        tile_store_row(p + stride, _mm512_extractf32x4_ps(t.left, 1), _mm512_extractf32x4_ps(t.right, 1), n);
    if (m > 2)
        tile_store_row(p + 2 * stride, _mm512_extractf32x4_ps(t.left, 2), _mm512_extractf32x4_ps(t.right, 2), n);
    if (m > 3)
        tile_store_row(p + 3 * stride, _mm512_extractf32x4_ps(t.left, 3), _mm512_extractf32x4_ps(t.right, 3), n);
}

VEC16_INLINE tile tile_set1(float x)
{
    return (tile){_mm512_set1_ps(x), _mm512_set1_ps(x)};
}

VEC16_INLINE tile tile_add(tile a, tile b)
{
    return (tile){_mm512_add_ps(a.left, b.left), _mm512_add_ps(a.right, b.right)};
}

VEC16_INLINE tile tile_mul(tile a, tile b)
{
    return (tile){_mm512_mul_ps(a.left, b.left), _mm512_mul_ps(a.right, b.right)};
}

VEC16_INLINE tile tile_act(tile t, enum rfa_act act)
{
    return (tile){rfa_vact_avx512(t.left, act), rfa_vact_avx512(t.right, act)};
}

#endif

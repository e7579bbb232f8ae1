#ifndef RFA_TILE_AVX2_H
#define RFA_TILE_AVX2_H

#include <immintrin.h>
#include <stdbool.h>

#include "poly_avx2.h"
#include "tile.h"

enum { TILE_M = 2, TILE_N = 6 };

/* Lane i of both is row i: columns 0 to 3, and columns 4 and 5 twice. */
typedef struct {
    __m256 left, right;
} tile;

/* The 16 partial sums of every output; half 0 has the sums 0 to 7. */
struct tile_sums {
    __m256 half[2][TILE_M][TILE_N];
};

VEC16_INLINE __m256i tile_mask8(size_t n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

/* Keeps a value in its register: gcc would rather load it again for every use, and then the loads bound the loop. */
#if defined(__GNUC__) && !defined(__clang__)
#define TILE_KEEP(y) __asm__("" : "+x"(y))
#else
#define TILE_KEEP(y) (void)0
#endif

/* One step of the dot products: 8 of k. */
#define TILE_STEP(load)                                                                                                \
    do {                                                                                                               \
        const __m256 x0 = load(a[0] + c), x1 = load(a[1] + c);                                                         \
        VEC16_UNROLL                                                                                                   \
        for (size_t j = 0; j < TILE_N; j++) {                                                                          \
            __m256 y = load(w[j] + c);                                                                                 \
            TILE_KEEP(y);                                                                                              \
            p[0][j] = _mm256_fmadd_ps(x0, y, p[0][j]);                                                                 \
            p[1][j] = _mm256_fmadd_ps(x1, y, p[1][j]);                                                                 \
        }                                                                                                              \
    } while (0)

/* Adds to eight of the 16 partial sums of every output, or begins them: elements first ... first+7 of each 16, first
 * being 0 or 8. Inlined, its registers would compete with the other half's. */
static __attribute__((noinline)) void tile_sum_half(__m256 sums[TILE_M][TILE_N], const float *const a[TILE_M],
                                                    const float *const w[TILE_N], size_t k, size_t first, bool begin)
{
    __m256 p[TILE_M][TILE_N];
    VEC16_UNROLL
    for (size_t j = 0; j < TILE_N; j++) {
        p[0][j] = begin ? _mm256_setzero_ps() : sums[0][j];
        p[1][j] = begin ? _mm256_setzero_ps() : sums[1][j];
    }
    size_t c = first;
    for (; c + 8 <= k; c += 16)
        TILE_STEP(_mm256_loadu_ps);
    if (c < k) {
        const __m256i rest = tile_mask8(k - c);
#define TILE_LOAD_REST(q) _mm256_maskload_ps(q, rest)
        TILE_STEP(TILE_LOAD_REST);
#undef TILE_LOAD_REST
    } else if (c - first < k) { /* the last 16 are filled up with zeros alone here: they make +0 of -0 */
        VEC16_UNROLL
        for (size_t j = 0; j < TILE_N; j++) {
            p[0][j] = _mm256_add_ps(p[0][j], _mm256_setzero_ps());
            p[1][j] = _mm256_add_ps(p[1][j], _mm256_setzero_ps());
        }
    }
    VEC16_UNROLL
    for (size_t j = 0; j < TILE_N; j++) {
        sums[0][j] = p[0][j];
        sums[1][j] = p[1][j];
    }
}

#undef TILE_STEP

/* In each lane: [a0 a1 a2 a3], [b0 b1 b2 b3] to [a0+a2 a1+a3 b0+b2 b1+b3]. */
VEC16_INLINE __m256 tile_fold2(__m256 a, __m256 b)
{
    return _mm256_add_ps(_mm256_shuffle_ps(a, b, 0x44), _mm256_shuffle_ps(a, b, 0xee));
}

/* In each lane: [a0 a1 b0 b1], [c0 c1 d0 d1] to [a0+a1 b0+b1 c0+c1 d0+d1]. */
VEC16_INLINE __m256 tile_fold1(__m256 ab, __m256 cd)
{
    return _mm256_add_ps(_mm256_shuffle_ps(ab, cd, 0x88), _mm256_shuffle_ps(ab, cd, 0xdd));
}

/* Two passes over k of twelve accumulators each: 24 would not fit. */
VEC16_INLINE void tile_sum(struct tile_sums *sums, const float *const a[TILE_M], const float *const w[TILE_N], size_t k,
                           bool begin)
{
    tile_sum_half(sums->half[0], a, w, k, 0, begin);
    tile_sum_half(sums->half[1], a, w, k, 8, begin);
}

VEC16_INLINE tile tile_fold(const struct tile_sums *sums)
{
    __m256 column[TILE_N];
    VEC16_UNROLL
    for (size_t j = 0; j < TILE_N; j++) {
        __m256 row0 = _mm256_add_ps(sums->half[0][0][j], sums->half[1][0][j]);
        __m256 row1 = _mm256_add_ps(sums->half[0][1][j], sums->half[1][1][j]);
        column[j] = _mm256_add_ps(_mm256_permute2f128_ps(row0, row1, 0x20), _mm256_permute2f128_ps(row0, row1, 0x31));
    }
    __m256 last = tile_fold2(column[4], column[5]);
    return (tile){tile_fold1(tile_fold2(column[0], column[1]), tile_fold2(column[2], column[3])),
                  tile_fold1(last, last)};
}

VEC16_INLINE tile tile_dot(const float *const a[TILE_M], const float *const w[TILE_N], size_t k)
{
    struct tile_sums sums;
    tile_sum(&sums, a, w, k, true);
    return tile_fold(&sums);
}

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

VEC16_INLINE __m256 tile_rows(__m128 row0, __m128 row1)
{
    return _mm256_insertf128_ps(_mm256_castps128_ps256(row0), row1, 1);
}

VEC16_INLINE tile tile_columns(const float *p, size_t n)
{
    return (tile){tile_rows(tile_load_left(p, n), tile_load_left(p, n)),
                  tile_rows(tile_load_right(p, n), tile_load_right(p, n))};
}

VEC16_INLINE tile tile_load(const float *p, size_t stride, size_t m, size_t n)
{
    if (m == 1)
        return (tile){tile_rows(tile_load_left(p, n), _mm_setzero_ps()),
                      tile_rows(tile_load_right(p, n), _mm_setzero_ps())};
    const float *q = p + stride;
    return (tile){tile_rows(tile_load_left(p, n), tile_load_left(q, n)),
                  tile_rows(tile_load_right(p, n), tile_load_right(q, n))};
}

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
    tile_store_row(p, _mm256_castps256_ps128(t.left), _mm256_castps256_ps128(t.right), n);
    if (m > 1)
        tile_store_row(p + stride, _mm256_extractf128_ps(t.left, 1), _mm256_extractf128_ps(t.right, 1), n);
}

VEC16_INLINE tile tile_set1(float x)
{
    return (tile){_mm256_set1_ps(x), _mm256_set1_ps(x)};
}

VEC16_INLINE tile tile_add(tile a, tile b)
{
    return (tile){_mm256_add_ps(a.left, b.left), _mm256_add_ps(a.right, b.right)};
}

VEC16_INLINE tile tile_mul(tile a, tile b)
{
    return (tile){_mm256_mul_ps(a.left, b.left), _mm256_mul_ps(a.right, b.right)};
}

VEC16_INLINE tile tile_act(tile t, enum rfa_act act)
{
    return (tile){rfa_vact_avx2(t.left, act), rfa_vact_avx2(t.right, act)};
}

#endif

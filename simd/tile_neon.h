#ifndef RFA_TILE_NEON_H
#define RFA_TILE_NEON_H

#include <arm_neon.h>
#include <stdbool.h>
#include <string.h>

#include "poly_neon.h"
#include "tile.h"

enum { TILE_M = 2, TILE_N = 4 };

/* One register a row. */
typedef struct {
    float32x4_t row[TILE_M];
} tile;

/* The 16 partial sums of every output; half 0 has the sums 0 to 7, as two registers. */
struct tile_sums {
    float32x4_t half[2][TILE_M][TILE_N][2];
};

/* The n < 8 floats at p, then zeros. */
VEC16_INLINE float32x4x2_t tile_load_rest(const float *p, size_t n)
{
    float lanes[8] = {0.0f};
    memcpy(lanes, p, n * sizeof *p);
    return (float32x4x2_t){{vld1q_f32(lanes), vld1q_f32(lanes + 4)}};
}

VEC16_INLINE float32x4x2_t tile_load_eight(const float *p)
{
    return (float32x4x2_t){{vld1q_f32(p), vld1q_f32(p + 4)}};
}

/* One step of the dot products: 8 of k. */
#define TILE_STEP(load)                                                                                                \
    do {                                                                                                               \
        const float32x4x2_t x0 = load(a[0] + c), x1 = load(a[1] + c);                                                  \
        VEC16_UNROLL                                                                                                   \
        for (size_t j = 0; j < TILE_N; j++) {                                                                          \
            const float32x4x2_t y = load(w[j] + c);                                                                    \
            p[0][j][0] = vfmaq_f32(p[0][j][0], x0.val[0], y.val[0]);                                                   \
            p[0][j][1] = vfmaq_f32(p[0][j][1], x0.val[1], y.val[1]);                                                   \
            p[1][j][0] = vfmaq_f32(p[1][j][0], x1.val[0], y.val[0]);                                                   \
            p[1][j][1] = vfmaq_f32(p[1][j][1], x1.val[1], y.val[1]);                                                   \
        }                                                                                                              \
    } while (0)

/* Adds to eight of the 16 partial sums of every output, or begins them: elements first ... first+7 of each 16, first
 * being 0 or 8. Inlined, its registers would compete with the other half's. */
static __attribute__((noinline)) void tile_sum_half(float32x4_t sums[TILE_M][TILE_N][2], const float *const a[TILE_M],
                                                    const float *const w[TILE_N], size_t k, size_t first, bool begin)
{
    float32x4_t p[TILE_M][TILE_N][2];
    VEC16_UNROLL
    for (size_t j = 0; j < TILE_N; j++) {
        VEC16_UNROLL
        for (size_t i = 0; i < TILE_M; i++) {
            p[i][j][0] = begin ? vdupq_n_f32(0.0f) : sums[i][j][0];
            p[i][j][1] = begin ? vdupq_n_f32(0.0f) : sums[i][j][1];
        }
    }
    size_t c = first;
    for (; c + 8 <= k; c += 16)
        TILE_STEP(tile_load_eight);
    if (c < k) {
#define TILE_LOAD_REST(q) tile_load_rest(q, k - c)
        TILE_STEP(TILE_LOAD_REST);
#undef TILE_LOAD_REST
    } else if (c - first < k) { /* the last 16 are filled up with zeros alone here: they make +0 of -0 */
        VEC16_UNROLL
        for (size_t j = 0; j < TILE_N; j++) {
            for (size_t i = 0; i < TILE_M; i++) {
                p[i][j][0] = vaddq_f32(p[i][j][0], vdupq_n_f32(0.0f));
                p[i][j][1] = vaddq_f32(p[i][j][1], vdupq_n_f32(0.0f));
            }
        }
    }
    VEC16_UNROLL
    for (size_t j = 0; j < TILE_N; j++) {
        VEC16_UNROLL
        for (size_t i = 0; i < TILE_M; i++) {
            sums[i][j][0] = p[i][j][0];
            sums[i][j][1] = p[i][j][1];
        }
    }
}

#undef TILE_STEP

/* [a0 a1 a2 a3], [b0 b1 b2 b3] to [a0+a2 a1+a3 b0+b2 b1+b3]. */
VEC16_INLINE float32x4_t tile_fold2(float32x4_t a, float32x4_t b)
{
    float64x2_t x = vreinterpretq_f64_f32(a), y = vreinterpretq_f64_f32(b);
    return vaddq_f32(vreinterpretq_f32_f64(vtrn1q_f64(x, y)), vreinterpretq_f32_f64(vtrn2q_f64(x, y)));
}

/* Two passes over k of sixteen accumulators each. */
VEC16_INLINE void tile_sum(struct tile_sums *sums, const float *const a[TILE_M], const float *const w[TILE_N], size_t k,
                           bool begin)
{
    tile_sum_half(sums->half[0], a, w, k, 0, begin);
    tile_sum_half(sums->half[1], a, w, k, 8, begin);
}

/* The pairwise addition at the end is the step +1. */
VEC16_INLINE tile tile_fold(const struct tile_sums *sums)
{
    tile t;
    for (size_t i = 0; i < TILE_M; i++) {
        float32x4_t column[TILE_N];
        for (size_t j = 0; j < TILE_N; j++) {
            const float32x4_t *low = sums->half[0][i][j], *high = sums->half[1][i][j];
            column[j] = vaddq_f32(vaddq_f32(low[0], high[0]), vaddq_f32(low[1], high[1]));
        }
        t.row[i] = vpaddq_f32(tile_fold2(column[0], column[1]), tile_fold2(column[2], column[3]));
    }
    return t;
}

VEC16_INLINE tile tile_dot(const float *const a[TILE_M], const float *const w[TILE_N], size_t k)
{
    struct tile_sums sums;
    tile_sum(&sums, a, w, k, true);
    return tile_fold(&sums);
}

VEC16_INLINE float32x4_t tile_load_row(const float *p, size_t n)
{
    float lanes[TILE_N] = {0.0f};
    if (n == TILE_N)
        return vld1q_f32(p);
    memcpy(lanes, p, n * sizeof *p);
    return vld1q_f32(lanes);
}

VEC16_INLINE tile tile_columns(const float *p, size_t n)
{
    float32x4_t row = tile_load_row(p, n);
    return (tile){{row, row}};
}

VEC16_INLINE tile tile_load(const float *p, size_t stride, size_t m, size_t n)
{
    return (tile){{tile_load_row(p, n), m > 1 ? tile_load_row(p + stride, n) : vdupq_n_f32(0.0f)}};
}

VEC16_INLINE void tile_store_row(float *p, float32x4_t row, size_t n)
{
    float lanes[TILE_N];
    vst1q_f32(lanes, row);
    if (n == TILE_N)
        vst1q_f32(p, row);
    else
        memcpy(p, lanes, n * sizeof *p);
}

VEC16_INLINE void tile_store(float *p, size_t stride, tile t, size_t m, size_t n)
{
    tile_store_row(p, t.row[0], n);
    if (m > 1)
        tile_store_row(p + stride, t.row[1], n);
}

VEC16_INLINE tile tile_set1(float x)
{
    return (tile){{vdupq_n_f32(x), vdupq_n_f32(x)}};
}

VEC16_INLINE tile tile_add(tile a, tile b)
{
    return (tile){{vaddq_f32(a.row[0], b.row[0]), vaddq_f32(a.row[1], b.row[1])}};
}

VEC16_INLINE tile tile_mul(tile a, tile b)
{
    return (tile){{vmulq_f32(a.row[0], b.row[0]), vmulq_f32(a.row[1], b.row[1])}};
}

VEC16_INLINE tile tile_act(tile t, enum rfa_act act)
{
    return (tile){{rfa_vact_neon(t.row[0], act), rfa_vact_neon(t.row[1], act)}};
}

#endif

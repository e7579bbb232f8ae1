/* SMMLA multiplies 2 rows of 8 k with 2 outputs of 8 k into 2 x 2 sums. Two neighbouring lines of a panel, zipped by
 * their 32-bit lanes, are pairs of outputs; rows are packed in pairs. A tile is 6 pairs of rows and half a panel, so
 * that four zips serve 24 products.
 *
 *   line l      o0 k0-3 | o1 k0-3 | o2 k0-3 | o3 k0-3         zip1:  o0 k0-7 | o1 k0-7
 *   line l+1    o0 k4-7 | o1 k4-7 | o2 k4-7 | o3 k4-7         zip2:  o2 k0-7 | o3 k0-7
 *
 *   packed rows [pair][k / 8][2][8]
 */
#ifndef __ARM_FEATURE_MATMUL_INT8
#error "gemm_s8_i8mm.c needs the flags of rfa_simd(i8mm) in CMakeLists.txt"
#endif
#include <assert.h>

#include "../quant/quant.h"
#include "gemm_s8_finish_arm.h"

enum {
    PAIRS = 6,
    ROWS = 2 * PAIRS,
    COLS = RFA_PANEL_N / 2,
    GROUP = 8,     /* k of a product */
    MC = 10 * ROWS /* rows packed at once */
};

struct scratch {
    int32_t sum[ROWS * COLS];
    int8_t a[]; /* packed rows */
};

/* Where a tile reads: packed pairs, each `pair_bytes` long, and its half of the panel. */
struct source {
    const int8_t *a;
    size_t pair_bytes;
    const int8_t *w;
    const int32_t *w_sum;
    int32_t zero; /* what stands for 0 in a */
    size_t lines;
};

/* Sums of two rows: each register has row 0's and row 1's of two neighbouring outputs. */
struct pair {
    int32x4_t q0, q1, q2, q3;
};

/* Where the sums of both rows with outputs 2 i and 2 i + 1 begin, so that `zero` counts as 0. */
INLINE int32x4_t start(const struct source *s, size_t i)
{
    const int32x2_t two = vmul_n_s32(vld1_s32(s->w_sum + 2 * i), -s->zero);
    return vcombine_s32(two, two);
}

/* One pair after the other: gcc would load the bytes of all at first, and spill sums for them. */
#define ADD(i, row)                                                                                                    \
    do {                                                                                                               \
        const int8x16_t x = vld1q_s8(a + (i)*stride);                                                                  \
        row.q0 = vmmlaq_s32(row.q0, x, w0);                                                                            \
        row.q1 = vmmlaq_s32(row.q1, x, w1);                                                                            \
        row.q2 = vmmlaq_s32(row.q2, x, w2);                                                                            \
        row.q3 = vmmlaq_s32(row.q3, x, w3);                                                                            \
        __asm__ volatile("" ::: "memory");                                                                             \
    } while (0)

INLINE int32x4_t zip_low(int32x4_t a, int32x4_t b)
{
    return vreinterpretq_s32_s64(vzip1q_s64(vreinterpretq_s64_s32(a), vreinterpretq_s64_s32(b)));
}

INLINE int32x4_t zip_high(int32x4_t a, int32x4_t b)
{
    return vreinterpretq_s32_s64(vzip2q_s64(vreinterpretq_s64_s32(a), vreinterpretq_s64_s32(b)));
}

INLINE void store_pair(int32_t *sum, const struct pair *p)
{
    vst1q_s32(sum, zip_low(p->q0, p->q1));
    vst1q_s32(sum + 4, zip_low(p->q2, p->q3));
    vst1q_s32(sum + COLS, zip_high(p->q0, p->q1));
    vst1q_s32(sum + COLS + 4, zip_high(p->q2, p->q3));
}

#define STORE(i, row) store_pair(sum + 2 * (i)*COLS, &row)

INLINE int32x4_t quarter(const int8_t *w)
{
    return vreinterpretq_s32_s8(vld1q_s8(w));
}

/* Two lines, each given by its quarters, with all pairs of rows. */
#define LINES(la, ha, lb, hb)                                                                                          \
    do {                                                                                                               \
        const int8x16_t w0 = vreinterpretq_s8_s32(vzip1q_s32(la, lb)), w1 = vreinterpretq_s8_s32(vzip2q_s32(la, lb));  \
        const int8x16_t w2 = vreinterpretq_s8_s32(vzip1q_s32(ha, hb)), w3 = vreinterpretq_s8_s32(vzip2q_s32(ha, hb));  \
        EACH_ROW(ADD);                                                                                                 \
    } while (0)

/* sum[2 * rows][COLS] of `rows` pairs of rows. */
INLINE void product(int32_t *sum, const struct source *s, const size_t rows)
{
    const int32x4_t zero = vdupq_n_s32(0);
    struct pair r0 = {start(s, 0), start(s, 1), start(s, 2), start(s, 3)}, r1 = r0, r2 = r0, r3 = r0, r4 = r0, r5 = r0;
    const int8_t *a = s->a, *w = s->w;
    const size_t stride = s->pair_bytes, passes = s->lines / 2;
    for (size_t i = 0; i < passes; i++) {
        LINES(quarter(w), quarter(w + 16), quarter(w + RFA_LINE), quarter(w + RFA_LINE + 16));
        a += 2 * GROUP;
        w += 2 * RFA_LINE;
    }
    if (s->lines % 2)
        LINES(quarter(w), quarter(w + 16), zero, zero);
    EACH_ROW(STORE);
}

typedef void product_t(int32_t *sum, const struct source *s);

#define PRODUCT(pairs)                                                                                                 \
    static void product_##pairs(int32_t *sum, const struct source *s)                                                  \
    {                                                                                                                  \
        product(sum, s, pairs);                                                                                        \
    }
PRODUCT(1)
PRODUCT(2)
PRODUCT(3)
PRODUCT(4)
PRODUCT(5)
PRODUCT(6)

static product_t *const products[] = {NULL, product_1, product_2, product_3, product_4, product_5, product_6};

static size_t pair_bytes(size_t k)
{
    return (k + GROUP - 1) / GROUP * 2 * GROUP;
}

/* Rows [m, m + rows); the partner of an odd last row is zeros. */
static void pack_rows(struct scratch *x, const struct rfa_gemm_s8_args *g, size_t m, size_t rows)
{
    const size_t bytes = pair_bytes(g->k);
    for (size_t i = 0; i < rows; i += 2) {
        const int8_t *a = g->a + (m + i) * g->a_stride;
        for (size_t j = 0; j < bytes / 2; j += GROUP) {
            const int8x8_t upper = vld1_s8(a + j);
            const int8x8_t lower = i + 1 < rows ? vld1_s8(a + g->a_stride + j) : vdup_n_s8(0);
            vst1q_s8(x->a + i / 2 * bytes + 2 * j, vcombine_s8(upper, lower));
        }
    }
}

/* Rows [m, m + rows), rows <= MC, of the product. */
static void multiply_rows(const struct rfa_gemm_s8_args *g, struct scratch *x, size_t m, size_t rows)
{
    struct source s = {
        .pair_bytes = pair_bytes(g->k), .zero = g->a_zero, .lines = (g->k + RFA_PANEL_K - 1) / RFA_PANEL_K};
    struct tile t = {.sum = x->sum, .stride = COLS};
    pack_rows(x, g, m, rows);
    for (t.n = 0; t.n < g->n; t.n += COLS) {
        t.cols = g->n - t.n < COLS ? g->n - t.n : COLS;
        s.w = g->w + t.n / RFA_PANEL_N * s.lines * RFA_LINE + t.n % RFA_PANEL_N * RFA_PANEL_K;
        s.w_sum = g->w_sum + t.n;
        const size_t pairs = (rows + 1) / 2;
        for (size_t first = 0, height; first < pairs; first += height) {
            height = even_rows(pairs, first, PAIRS);
            s.a = x->a + first * s.pair_bytes;
            products[height](x->sum, &s);
            t.m = m + 2 * first;
            t.rows = 2 * (first + height) > rows ? rows - 2 * first : 2 * height;
            finish_tile(g, &t);
        }
    }
}

static void run(const struct rfa_gemm_s8_args *g)
{
    assert(g->k >= 1 && g->k <= RFA_MAX_K);
    assert((uintptr_t)g->a % RFA_LINE == 0 && (uintptr_t)g->w % RFA_LINE == 0 && g->a_stride % RFA_LINE == 0);
    assert((uintptr_t)g->scratch % RFA_LINE == 0);
    for (size_t m = 0, rows; m < g->m; m += rows) {
        rows = g->m - m < MC ? g->m - m : MC;
        multiply_rows(g, g->scratch, m, rows);
    }
}

static size_t scratch_bytes(size_t m, size_t n, size_t k)
{
    (void)n;
    const size_t rows = m < MC ? m : MC;
    return sizeof(struct scratch) + (rows + 1) / 2 * pair_bytes(k);
}

rfa_gemm_s8_t rfa_gemm_s8_i8mm = {.a_xor = 0, .mr = ROWS, .mc = MC, .scratch_bytes = scratch_bytes, .run = run};

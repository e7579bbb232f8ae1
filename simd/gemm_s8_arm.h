/* The loops around a register tile of ROWS rows and one panel, for AArch64's NEON and SDOT.
 *
 * Parameters  ROWS     rows of a tile, at most 6
 *             product  INLINE void product(int32_t *sum, const struct source *s, const size_t rows): sum[rows][16], the
 *                      products of `rows` rows with a panel; defined by the including file after this header
 */
#ifndef RFA_GEMM_S8_ARM_H
#define RFA_GEMM_S8_ARM_H

#include <assert.h>

#include "../quant/quant.h"
#include "gemm_s8_finish_arm.h"

/* Where a tile reads. Rows are readable up to a multiple of 64 inputs, panels exactly `lines` lines. */
struct source {
    const int8_t *a;
    size_t a_stride;
    const int8_t *w;
    const int32_t *w_sum;
    int32_t zero; /* what stands for 0 in a */
    size_t lines;
};

/* Where the sums of the panel's outputs 4 i ... begin, so that `zero` counts as 0. */
INLINE int32x4_t start(const struct source *s, size_t i)
{
    return vmulq_n_s32(vld1q_s32(s->w_sum + 4 * i), -s->zero);
}

/* Nothing moves across this place, where x is in a register: "w" of vectors, "r" general. Without it compilers, which
 * count on a core that reorders, move a load down to where it is used. */
#define KEEP_ORDER(in, x) __asm__ volatile("" : "+" in(x))

INLINE void product(int32_t *sum, const struct source *s, const size_t rows);

#define PRODUCT(rows)                                                                                                  \
    static void product_##rows(int32_t *sum, const struct source *s)                                                   \
    {                                                                                                                  \
        product(sum, s, rows < ROWS ? rows : ROWS);                                                                    \
    }
PRODUCT(1)
PRODUCT(2)
PRODUCT(3)
PRODUCT(4)
PRODUCT(5)
PRODUCT(6)

typedef void product_t(int32_t *sum, const struct source *s);

static product_t *const products[] = {NULL, product_1, product_2, product_3, product_4, product_5, product_6};

static void run(const struct rfa_gemm_s8_args *g)
{
    assert(g->k >= 1 && g->k <= RFA_MAX_K);
    assert((uintptr_t)g->a % RFA_LINE == 0 && (uintptr_t)g->w % RFA_LINE == 0 && g->a_stride % RFA_LINE == 0);
    assert((uintptr_t)g->scratch % RFA_LINE == 0);
    struct source s = {.a_stride = g->a_stride, .zero = g->a_zero, .lines = (g->k + RFA_PANEL_K - 1) / RFA_PANEL_K};
    struct tile t = {.sum = g->scratch, .stride = RFA_PANEL_N};
    for (t.n = 0; t.n < g->n; t.n += RFA_PANEL_N) {
        t.cols = g->n - t.n < RFA_PANEL_N ? g->n - t.n : RFA_PANEL_N;
        s.w = g->w + t.n / RFA_PANEL_N * s.lines * RFA_LINE;
        s.w_sum = g->w_sum + t.n;
        for (t.m = 0; t.m < g->m; t.m += t.rows) {
            t.rows = even_rows(g->m, t.m, ROWS);
            s.a = g->a + t.m * g->a_stride;
            products[t.rows](g->scratch, &s);
            finish_tile(g, &t);
        }
    }
}

static size_t scratch_bytes(size_t m, size_t n, size_t k)
{
    (void)m, (void)n, (void)k;
    return ROWS * RFA_PANEL_N * sizeof(int32_t);
}

#endif

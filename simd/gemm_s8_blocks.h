/* The loops around the blocks of an int8 product whose sums wait in scratch, for x86 without VPDPBUSD.
 *
 * Parameters  MC, NC, LINES   rows, outputs and lines of a block at most
 *             struct scratch  begins with int32_t sum[MC * NC]; both defined before this header
 *             add_block       adds a block's products to the sums, which begin anew where its line is 0; defined after
 * it
 */
#ifndef RFA_GEMM_S8_BLOCKS_H
#define RFA_GEMM_S8_BLOCKS_H

#include <assert.h>

#include "../src/sizes.h"
#include "gemm_s8_finish_x86.h"

/* One block of the product: rows [m, m + rows), outputs [n, n + cols), lines [line, line + lines). */
struct block {
    size_t m, n, line, rows, cols, lines;
};

static void add_block(struct scratch *x, const struct rfa_gemm_s8_args *g, const struct block *b);

static void run(const struct rfa_gemm_s8_args *g)
{
    assert(g->k >= 1 && g->k <= RFA_MAX_K);
    assert((uintptr_t)g->a % RFA_LINE == 0 && (uintptr_t)g->w % RFA_LINE == 0 && g->a_stride % RFA_LINE == 0);
    assert((uintptr_t)g->scratch % RFA_LINE == 0);
    struct scratch *x = g->scratch;
    const size_t lines = (g->k + RFA_PANEL_K - 1) / RFA_PANEL_K;
    struct block b = {0};
    for (b.m = 0; b.m < g->m; b.m += b.rows) {
        b.rows = even_rows(g->m, b.m, MC);
        for (b.n = 0; b.n < g->n; b.n += NC) {
            b.cols = rfa_smaller(NC, g->n - b.n);
            for (b.line = 0; b.line < lines; b.line += LINES) {
                b.lines = rfa_smaller(LINES, lines - b.line);
                add_block(x, g, &b);
            }
            finish_tile(g, &(struct tile){x->sum, NC, b.m, b.n, b.rows, b.cols});
        }
    }
}

static size_t scratch_bytes(size_t m, size_t n, size_t k)
{
    (void)m, (void)n, (void)k;
    return sizeof(struct scratch);
}

#endif

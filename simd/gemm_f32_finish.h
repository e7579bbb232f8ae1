/* What the bodies of gemm_f32 share: from a tile of dot products to outputs, and a row of tiles with all of k. */
#ifndef RFA_GEMM_F32_FINISH_H
#define RFA_GEMM_F32_FINISH_H

#include "kernels.h"

/* From dot products to outputs m ... m+rows-1 times n ... n+cols-1. */
VEC16_INLINE void finish_tile(const struct rfa_gemm_f32_args *g, tile y, size_t m, size_t n, size_t rows, size_t cols)
{
    if (g->bias)
        y = tile_add(y, tile_columns(g->bias + n, cols));
    if (g->act != RFA_ACT_NONE)
        y = tile_act(y, g->act);
    if (g->residual)
        y = tile_add(y, tile_load(g->residual + m * g->residual_stride + n, g->residual_stride, rows, cols));
    tile_store(g->dst + m * g->dst_stride + n, g->dst_stride, y, rows, cols);
}

/* Rows m ... m+TILE_M-1 and weights n ... n_end-1, all of k. */
static void tile_row(const struct rfa_gemm_f32_args *g, size_t m, size_t n, size_t n_end)
{
    const size_t rows = g->m - m < TILE_M ? g->m - m : TILE_M;
    const float *a[TILE_M], *w[TILE_N];
    tile_pointers(a, TILE_M, g->a + m * g->a_stride, g->a_stride, rows);
    for (; n + TILE_N <= n_end; n += TILE_N) {
        tile_pointers(w, TILE_N, g->w + n * g->w_stride, g->w_stride, TILE_N);
        finish_tile(g, tile_dot(a, w, g->k), m, n, rows, TILE_N);
    }
    if (n < n_end) {
        tile_pointers(w, TILE_N, g->w + n * g->w_stride, g->w_stride, n_end - n);
        finish_tile(g, tile_dot(a, w, g->k), m, n, rows, n_end - n);
    }
}

#endif

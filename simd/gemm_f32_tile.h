/* Body of gemm_f32: RFA_GEMM_F32 is the kernel's name.
 *
 * A block of weight rows that fits the L2 cache meets all rows of a before the next block comes; inside, the tile's
 * rows of a stay in L1 while the block's weights pass by. */
#include "kernels.h"

enum { BLOCK_BYTES = 256 * 1024 };

/* Outputs m ... m+TILE_M-1 times n ... n+TILE_N-1; beyond the edges the last row stands in and is not stored. */
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

static void tile_row(const struct rfa_gemm_f32_args *g, size_t m, size_t n, size_t n_end)
{
    const size_t rows = g->m - m < TILE_M ? g->m - m : TILE_M;
    const float *a[TILE_M], *w[TILE_N];
    for (size_t i = 0; i < TILE_M; i++)
        a[i] = g->a + (m + (i < rows ? i : rows - 1)) * g->a_stride;
    for (; n < n_end; n += TILE_N) {
        const size_t cols = n_end - n < TILE_N ? n_end - n : TILE_N;
        for (size_t j = 0; j < TILE_N; j++)
            w[j] = g->w + (n + (j < cols ? j : cols - 1)) * g->w_stride;
        finish_tile(g, tile_dot(a, w, g->k), m, n, rows, cols);
    }
}

void RFA_GEMM_F32(const struct rfa_gemm_f32_args *g)
{
    size_t block = BLOCK_BYTES / sizeof(float) / g->k / TILE_N * TILE_N;
    if (block < TILE_N)
        block = TILE_N;
    for (size_t n = 0; n < g->n; n += block)
        for (size_t m = 0; m < g->m; m += TILE_M)
            tile_row(g, m, n, g->n - n < block ? g->n : n + block);
}

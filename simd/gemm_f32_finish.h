/* What every body of gemm_f32 does with a tile of dot products. */
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

#endif

/* Body of gemm_f32: RFA_GEMM_F32 is the kernel's name.
 *
 * A block of weight rows that fits the L2 cache meets all rows of a before the next block comes; inside, the tile's
 * rows of a stay in L1 while the block's weights pass by. For tiles that use a line of weights so often that L2
 * delivers it in time; others take gemm_f32_chunk.h. */
#include "gemm_f32_finish.h"

enum { BLOCK_BYTES = 256 * 1024 };

void RFA_GEMM_F32(const struct rfa_gemm_f32_args *g)
{
    size_t block = BLOCK_BYTES / sizeof(float) / g->k / TILE_N * TILE_N;
    if (block < TILE_N)
        block = TILE_N;
    for (size_t n = 0; n < g->n; n += block)
        for (size_t m = 0; m < g->m; m += TILE_M)
            tile_row(g, m, n, g->n - n < block ? g->n : n + block);
}

/* Body of gemm_f32 for tiles that L2 could not feed: RFA_GEMM_F32 is the kernel's name.
 *
 * A line of weights meets only TILE_M rows of a in a tile: to fetch it from L2 takes longer than to multiply with it.
 * So a few rows of weights stay in L1 while many rows of a pass by, and those stay in L2 until all weights have met
 * them. Where TILE_N rows of weights are too long for L1, k is cut into chunks, and the partial sums of ROWS rows wait
 * on the stack from chunk to chunk; the order of additions is that of one long loop. */
#include "../src/sizes.h"
#include "gemm_f32_finish.h"

enum {
    WEIGHT_BYTES = 18 * 1024, /* of L1's 32 KiB or more; beside them rows of a come and go */
    A_BYTES = 256 * 1024,     /* of L2's 512 KiB or more */
    CHUNK = 832,              /* longest k in one piece: TILE_N rows of it still fit beside TILE_M of a */
    ROWS = 32,                /* whose sums take 12 KiB at most; a multiple of TILE_M */
};

static void whole(const struct rfa_gemm_f32_args *g)
{
    const size_t bytes = g->k * sizeof(float);
    const size_t cols = bytes * TILE_N < WEIGHT_BYTES ? WEIGHT_BYTES / bytes / TILE_N * TILE_N : TILE_N;
    const size_t rows = A_BYTES / bytes / TILE_M * TILE_M;
    for (size_t first = 0; first < g->m; first += rows)
        for (size_t n = 0; n < g->n; n += cols)
            for (size_t m = first; m < rfa_smaller(g->m, first + rows); m += TILE_M)
                tile_row(g, m, n, rfa_smaller(g->n, n + cols));
}

/* Rows first ... first+rows-1 (at most ROWS) and weights n ... n+TILE_N-1, a chunk of k after the other. */
static void chunked_column(const struct rfa_gemm_f32_args *g, size_t first, size_t n, size_t chunk)
{
    struct tile_sums sums[ROWS / TILE_M];
    const float *a[TILE_M], *w[TILE_N];
    const size_t end = rfa_smaller(g->m, first + ROWS), cols = rfa_smaller(g->n - n, TILE_N);
    for (size_t c = 0; c < g->k; c += chunk) {
        tile_pointers(w, TILE_N, g->w + n * g->w_stride + c, g->w_stride, cols);
        for (size_t m = first; m < end; m += TILE_M) {
            tile_pointers(a, TILE_M, g->a + m * g->a_stride + c, g->a_stride, rfa_smaller(end - m, TILE_M));
            tile_sum(&sums[(m - first) / TILE_M], a, w, rfa_smaller(g->k - c, chunk), c == 0);
        }
    }
    for (size_t m = first; m < end; m += TILE_M)
        finish_tile(g, tile_fold(&sums[(m - first) / TILE_M]), m, n, rfa_smaller(end - m, TILE_M), cols);
}

/* Chunks of equal length, but whole groups of 16. */
static void chunked(const struct rfa_gemm_f32_args *g)
{
    const size_t chunks = (g->k + CHUNK - 1) / CHUNK, chunk = ((g->k + chunks - 1) / chunks + 15) / 16 * 16;
    for (size_t m = 0; m < g->m; m += ROWS)
        for (size_t n = 0; n < g->n; n += TILE_N)
            chunked_column(g, m, n, chunk);
}

void RFA_GEMM_F32(const struct rfa_gemm_f32_args *g)
{
    if (g->k <= CHUNK)
        whole(g);
    else
        chunked(g);
}

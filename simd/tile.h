/* A tile of dot products in sum16 order: TILE_M rows of a times TILE_N rows of w, as one vector whose 128-bit lane i
 * holds row i. Included by tile_<isa>.h, which defines the type `tile` and
 *
 *   tile_dot(a, w, k)                 a[TILE_M], w[TILE_N]: pointers to k values each; pointers may repeat
 *   tile_columns(p, n)                p[j] in column j of every row; reads the first n <= TILE_N only, +0 beyond
 *   tile_load(p, stride, m, n)        rows p + i * stride; touches m rows and n columns only, +0 beyond
 *   tile_store(p, stride, t, m, n)
 *   tile_set1(x) tile_add tile_mul (a, b) tile_act(t, act)
 *
 * The 16 partial sums of each output are folded for all outputs at once: each step of the tree +8 +4 +2 +1 also halves
 * the number of vectors, so that the additions are those of rfa_sum16_tree and few. */
#ifndef RFA_TILE_H
#define RFA_TILE_H

#include "kernels.h"
#include "vec16.h"

/* Pointers to `used` rows; beyond them the last row stands in. A chain of additions: as products the compiler would
 * make vectors of them, only to take those apart again. */
VEC16_INLINE void tile_pointers(const float **p, size_t count, const float *first, size_t stride, size_t used)
{
    p[0] = first;
    for (size_t i = 1; i < count; i++)
        p[i] = p[i - 1] + (i < used ? stride : 0);
}

#endif

/* What the int8 products of all processors share: a tile of int32 sums and its way into dst. */
#ifndef RFA_GEMM_S8_TILE_H
#define RFA_GEMM_S8_TILE_H

#include "kernels.h"

/* Sums of rows [m, m + rows) and columns [n, n + cols) of the product; n is a multiple of 8. */
struct tile {
    const int32_t *sum; /* [rows][stride], 64-byte aligned rows, readable up to a multiple of 16 columns */
    size_t stride;
    size_t m, n, rows, cols;
};

#define INLINE static inline __attribute__((always_inline))

/* f(row i) for each row of the tile; rows 0 to 5 are variables r0 to r5 and `rows` is a constant where this is
 * expanded. Names instead of arrays and loops, because both gcc and clang then keep every accumulator in a register. */
#define EACH_ROW(f)                                                                                                    \
    do {                                                                                                               \
        f(0, r0);                                                                                                      \
        if (rows > 1)                                                                                                  \
            f(1, r1);                                                                                                  \
        if (rows > 2)                                                                                                  \
            f(2, r2);                                                                                                  \
        if (rows > 3)                                                                                                  \
            f(3, r3);                                                                                                  \
        if (rows > 4)                                                                                                  \
            f(4, r4);                                                                                                  \
        if (rows > 5)                                                                                                  \
            f(5, r5);                                                                                                  \
    } while (0)

/* Row i of the tile into dst. Each instruction set has its own: gemm_s8_finish_<family>.h. */
INLINE void finish_row(const struct rfa_gemm_s8_args *g, const struct tile *t, size_t i, enum rfa_act act);

INLINE void finish_rows(const struct rfa_gemm_s8_args *g, const struct tile *t, enum rfa_act act)
{
    for (size_t i = 0; i < t->rows; i++)
        finish_row(g, t, i, act);
}

/* One loop for each activation: the constant removes the choice from the loop. */
static void finish_tile(const struct rfa_gemm_s8_args *g, const struct tile *t)
{
    switch (g->act) {
    case RFA_ACT_RELU:
        finish_rows(g, t, RFA_ACT_RELU);
        break;
    case RFA_ACT_GELU:
        finish_rows(g, t, RFA_ACT_GELU);
        break;
    case RFA_ACT_SILU:
        finish_rows(g, t, RFA_ACT_SILU);
        break;
    case RFA_ACT_SIGMOID:
        finish_rows(g, t, RFA_ACT_SIGMOID);
        break;
    case RFA_ACT_SOFTPLUS:
        finish_rows(g, t, RFA_ACT_SOFTPLUS);
        break;
    case RFA_ACT_NONE:
    case RFA_ACT_COUNT:
        finish_rows(g, t, RFA_ACT_NONE);
        break;
    }
}

/* Splits `total` rows into the fewest tiles of at most `most`, of even height. Returns the rows of the tile that starts
 * at `done`. */
static inline size_t even_rows(size_t total, size_t done, size_t most)
{
    size_t tiles = (total - done + most - 1) / most;
    return (total - done + tiles - 1) / tiles;
}

#endif

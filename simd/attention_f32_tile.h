/* Body of attention_f32: RFA_ATTENTION_F32 is the kernel's name; ATTENTION_COLUMNS is the number of vec16 that a block
 * of four rows accumulates at once (4 with 32 registers of 16 floats, 1 with 16 of 8).
 *
 * Up to RFA_ATTENTION_ROWS query rows go through the keys together, then through the values, so that each key and value
 * is fetched once for all of them; their scores, then numerators, lie in the scratch as [row][stride]. */
#include <math.h>

#include "kernels.h"
#include "softmax_max.h"

enum { ROWS = 4 }; /* rows of a block in the product with the values */

struct block {
    const struct rfa_attention_args *args;
    size_t m, rows;                   /* query rows m ... m+rows-1 */
    size_t limit[RFA_ATTENTION_ROWS]; /* keys that row m+i sees */
    float sum[RFA_ATTENTION_ROWS];    /* of its numerators */
    float *e;
    size_t stride;
};

/* e[i][j] = dot(query m+i, key j) * scale for all keys that any row sees. */
static void scores(const struct block *b)
{
    const struct rfa_attention_args *args = b->args;
    const size_t keys = b->limit[b->rows - 1];
    const float *q[RFA_ATTENTION_ROWS], *k[TILE_N];
    tile_pointers(q, RFA_ATTENTION_ROWS, args->q + b->m * args->q_stride, args->q_stride, b->rows);
    for (size_t j = 0; j < keys; j += TILE_N) {
        const size_t cols = keys - j < TILE_N ? keys - j : TILE_N;
        tile_pointers(k, TILE_N, args->k + j * args->k_stride, args->k_stride, cols);
        for (size_t i = 0; i < b->rows; i += TILE_M) {
            tile t = tile_mul(tile_dot(q + i, k, args->d), tile_set1(args->scale));
            tile_store(b->e + i * b->stride + j, b->stride, t, b->rows - i < TILE_M ? b->rows - i : TILE_M, cols);
        }
    }
}

/* Scores to numerators; returns their sum16. The row is filled up to whole vectors with -infinity, which become zeros
 * (or NaN, when all the others are). */
static float numerators(float *e, size_t n)
{
    const size_t padded = (n + 15) / 16 * 16;
    for (size_t j = n; j < padded; j++)
        e[j] = -INFINITY;
    const vec16 max = vec16_set1(row_max(e, padded));
    vec16 sum = vec16_zero();
    for (size_t j = 0; j < padded; j += 16) {
        vec16 x = vec16_exp(vec16_sub(vec16_load(e + j), max));
        vec16_store(e + j, x);
        sum = vec16_add(x, sum);
    }
    return vec16_sum(sum);
}

/* Columns c ... of rows i ... i+ROWS-1: `columns` vectors, of which the last has `lanes` columns. Rows beyond the last
 * repeat it and are not stored. */
VEC16_INLINE void weigh_columns(const struct block *b, size_t i, size_t c, size_t columns, size_t lanes)
{
    const struct rfa_attention_args *args = b->args;
    const float *e[ROWS];
    vec16 y[ROWS][ATTENTION_COLUMNS];
    VEC16_UNROLL
    for (size_t r = 0; r < ROWS; r++) {
        e[r] = b->e + (i + r < b->rows ? i + r : b->rows - 1) * b->stride;
        VEC16_UNROLL
        for (size_t x = 0; x < columns; x++)
            y[r][x] = vec16_zero();
    }
    const size_t last = i + ROWS < b->rows ? i + ROWS - 1 : b->rows - 1;
    for (size_t j = 0; j < b->limit[i]; j++) { /* keys that all the rows see */
        const float *v = args->v + j * args->v_stride + c;
        VEC16_UNROLL
        for (size_t x = 0; x < columns; x++) {
            vec16 value = x + 1 < columns ? vec16_load(v + 16 * x) : vec16_load_n(v + 16 * x, lanes);
            VEC16_UNROLL
            for (size_t r = 0; r < ROWS; r++)
                y[r][x] = vec16_fma(vec16_set1(e[r][j]), value, y[r][x]);
        }
    }
    VEC16_UNROLL
    for (size_t r = 0; r < ROWS; r++) {
        if (i + r > last)
            break;
        VEC16_UNROLL
        for (size_t x = 0; x < columns; x++) {
            const size_t n = x + 1 < columns ? 16 : lanes;
            vec16 sum = y[r][x];
            for (size_t j = b->limit[i]; j < b->limit[i + r]; j++) /* at most ROWS - 1 more */
                sum = vec16_fma(vec16_set1(e[r][j]), vec16_load_n(args->v + j * args->v_stride + c + 16 * x, n), sum);
            vec16_store_n(args->dst + (b->m + i + r) * args->dst_stride + c + 16 * x,
                          vec16_div(sum, vec16_set1(b->sum[i + r])), n);
        }
    }
}

static void weigh_values(const struct block *b)
{
    const size_t d = b->args->d;
    for (size_t c = 0; c < d; c += 16 * ATTENTION_COLUMNS) {
        const size_t columns = d - c < 16 * ATTENTION_COLUMNS ? (d - c + 15) / 16 : ATTENTION_COLUMNS;
        const size_t lanes = d - c - (columns - 1) * 16 < 16 ? d - c - (columns - 1) * 16 : 16;
        for (size_t i = 0; i < b->rows; i += ROWS) {
            if (columns == ATTENTION_COLUMNS && lanes == 16)
                weigh_columns(b, i, c, ATTENTION_COLUMNS, 16);
            else if (columns == 1)
                weigh_columns(b, i, c, 1, lanes);
#if ATTENTION_COLUMNS > 1
            else if (columns == 2)
                weigh_columns(b, i, c, 2, lanes);
            else if (columns == 3)
                weigh_columns(b, i, c, 3, lanes);
            else
                weigh_columns(b, i, c, 4, lanes);
#endif
        }
    }
}

void RFA_ATTENTION_F32(const struct rfa_attention_args *args)
{
    struct block b = {.args = args, .e = args->scratch, .stride = (args->keys + 15) / 16 * 16};
    for (b.m = 0; b.m < args->m; b.m += RFA_ATTENTION_ROWS) {
        b.rows = args->m - b.m < RFA_ATTENTION_ROWS ? args->m - b.m : RFA_ATTENTION_ROWS;
        for (size_t i = 0; i < b.rows; i++) {
            const size_t limit = args->first + b.m + i + 1;
            b.limit[i] = args->causal && limit < args->keys ? limit : args->keys;
        }
        scores(&b);
        for (size_t i = 0; i < b.rows; i++)
            b.sum[i] = numerators(b.e + i * b.stride, b.limit[i]);
        weigh_values(&b);
    }
}

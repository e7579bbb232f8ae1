/* Body of retrieve_f32. RFA_RETRIEVE_F32 is the kernel's name; a tile of RETRIEVE_QUERIES x RETRIEVE_TOKENS cosines
 * stays in registers: 6 x 4 for 32 ZMM, 2 x 3 (12 sums, 4 queries) for 16 YMM, 2 x 3 (24 sums, 8 queries) for 32 Q
 * registers.
 *
 * The queries of a group, RETRIEVE_GROUP, pass over a few tokens before the next tokens are touched, so both stay in
 * L1. */
#include "kernels.h"
#include "retrieve.h"

struct tile {
    const float *query[RETRIEVE_QUERIES], *token[RETRIEVE_TOKENS];
    float cosine[RETRIEVE_QUERIES][RETRIEVE_TOKENS];
};

/* Adds the products of elements i ... i+n-1, n <= 16. */
VEC16_INLINE void add_products(vec16 sum[RETRIEVE_QUERIES][RETRIEVE_TOKENS], const struct tile *tile, size_t i,
                               size_t n)
{
    vec16 query[RETRIEVE_QUERIES];
    VEC16_UNROLL
    for (size_t q = 0; q < RETRIEVE_QUERIES; q++)
        query[q] = vec16_load_n(tile->query[q] + i, n);
    VEC16_UNROLL
    for (size_t t = 0; t < RETRIEVE_TOKENS; t++) {
        vec16 token = vec16_load_n(tile->token[t] + i, n);
        VEC16_UNROLL
        for (size_t q = 0; q < RETRIEVE_QUERIES; q++)
            sum[q][t] = vec16_fma(query[q], token, sum[q][t]);
    }
}

static void fill_tile(struct tile *tile, size_t k)
{
    const struct tile rows = *tile; /* a copy whose pointers no store can change */
    vec16 sum[RETRIEVE_QUERIES][RETRIEVE_TOKENS];
    VEC16_UNROLL
    for (size_t q = 0; q < RETRIEVE_QUERIES; q++) {
        VEC16_UNROLL
        for (size_t t = 0; t < RETRIEVE_TOKENS; t++)
            sum[q][t] = vec16_zero();
    }
    size_t i = 0;
    for (; i + 16 <= k; i += 16)
        add_products(sum, &rows, i, 16);
    if (i < k)
        add_products(sum, &rows, i, k - i);
    VEC16_UNROLL
    for (size_t q = 0; q < RETRIEVE_QUERIES; q++) {
        VEC16_UNROLL
        for (size_t t = 0; t < RETRIEVE_TOKENS; t++)
            tile->cosine[q][t] = vec16_sum(sum[q][t]);
    }
}

struct group {
    struct rfa_retrieve_best best[RETRIEVE_GROUP];
    size_t first, queries;
};

/* Queries q ... of the group against tokens i ... of the matrix. Where the group or the matrix ends, the last row
 * stands in for the missing ones. */
static void retrieve_tile(const struct rfa_retrieve_args *args, struct group *group, size_t q, size_t i)
{
    struct tile tile;
    size_t queries = group->queries - q < RETRIEVE_QUERIES ? group->queries - q : RETRIEVE_QUERIES;
    size_t tokens = args->n - i < RETRIEVE_TOKENS ? args->n - i : RETRIEVE_TOKENS;
    for (size_t j = 0; j < RETRIEVE_QUERIES; j++)
        tile.query[j] = args->query + (group->first + q + (j < queries ? j : queries - 1)) * args->query_stride;
    for (size_t j = 0; j < RETRIEVE_TOKENS; j++)
        tile.token[j] = args->token + (i + (j < tokens ? j : tokens - 1)) * args->token_stride;
    fill_tile(&tile, args->k);
    for (size_t j = 0; j < queries; j++)
        for (size_t t = 0; t < tokens; t++)
            rfa_retrieve_offer(&group->best[q + j], tile.cosine[j][t], i + t);
}

static void retrieve_group(const struct rfa_retrieve_args *args, size_t first, size_t queries)
{
    struct group group = {.first = first, .queries = queries};
    for (size_t q = 0; q < queries; q++)
        group.best[q] = RFA_RETRIEVE_START;
    for (size_t i = 0; i < args->n; i += RETRIEVE_TOKENS)
        for (size_t q = 0; q < queries; q += RETRIEVE_QUERIES)
            retrieve_tile(args, &group, q, i);
    for (size_t q = 0; q < queries; q++) {
        args->index[(first + q) * args->out_stride] = group.best[q].index;
        args->margin[(first + q) * args->out_stride] = rfa_retrieve_margin(&group.best[q]);
    }
}

void RFA_RETRIEVE_F32(const struct rfa_retrieve_args *args)
{
    for (size_t m = 0; m < args->m; m += RETRIEVE_GROUP)
        retrieve_group(args, m, args->m - m < RETRIEVE_GROUP ? args->m - m : RETRIEVE_GROUP);
}

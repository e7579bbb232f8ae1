/* Softmax attention in int8 (quant/README.md section 5), one head of one sequence at a time: queries and keys are
 * quantised row by row, values column by column; the softmax numerators become whole numbers of 14 bits, multiplied in
 * two parts of int8 (one part alone would make half of a block's error), and the row is divided by their sum.
 *
 * RFA_OP_ATTENTION reads queries, keys and values from tensors, a task a head. RFA_OP_SELF_ATTENTION makes them itself,
 * for a few heads of a sequence at a time: they never leave the second-level cache, where whole tensors of a group of
 * frames would go to memory and come back a row of a head at a time. */
#include "ops_attention.h"
#include "quant.h"

/* INT8_ROWS: query rows whose scores are held at once, a large block, since every product call prepares its second
 * operand anew. */
enum { INT8_ROWS = 320, ROWS_AHEAD = 8 };

/* Keys and values of a head, quantised. */
struct head {
    int8_t *k, *v; /* panels: keys x dim, dim x keys */
    float *k_scale, *v_scale;
    int32_t *k_sum, *v_sum;
};

/* A block of query rows. */
struct block {
    int8_t *q, *high, *low; /* queries [rows][dim], numerators [rows][keys] in two parts */
    float *q_scale, *high_scale, *low_scale;
    float *scores; /* [rows][keys padded to 16], and then the first part of the result, [rows][dim] */
    void *gemm;
};

struct operands {
    struct rfa_operand q, k, v;
};

/* What a thread holds lies one after another in its scratch. Each of these returns the first byte after its part. */
static void *take(unsigned char **at, size_t bytes)
{
    void *memory = *at;
    *at += rfa_round_up(bytes, 64);
    return memory;
}

static unsigned char *lay_out_head(const struct rfa_attention *a, struct head *h, unsigned char *at)
{
    size_t d = a->dim, n = a->keys;
    h->k = take(&at, rfa_panel_bytes(n, d));
    h->v = take(&at, rfa_panel_bytes(d, n));
    h->k_scale = take(&at, rfa_round_up(n, 16) * sizeof(float));
    h->v_scale = take(&at, rfa_round_up(d, 16) * sizeof(float));
    h->k_sum = take(&at, rfa_round_up(n, 16) * sizeof(int32_t));
    h->v_sum = take(&at, rfa_round_up(d, 16) * sizeof(int32_t));
    return at;
}

static unsigned char *lay_out_block(const struct rfa_attention *a, struct block *b, unsigned char *at)
{
    size_t d = a->dim, n = a->keys, rows = rfa_smaller(a->rows, INT8_ROWS);
    const struct rfa_gemm_s8 *gemm = a->s->kernels.gemm_s8;
    b->q = take(&at, rows * rfa_row_bytes(d));
    b->high = take(&at, rows * rfa_row_bytes(n));
    b->low = take(&at, rows * rfa_row_bytes(n));
    b->q_scale = take(&at, rows * sizeof(float));
    b->high_scale = take(&at, rows * sizeof(float));
    b->low_scale = take(&at, rows * sizeof(float));
    b->scores = take(&at, rows * rfa_larger(rfa_round_up(n, 16), d) * sizeof(float));
    b->gemm = take(&at, rfa_larger(gemm->scratch_bytes(rows, n, d), gemm->scratch_bytes(rows, d, n)));
    return at;
}

/* ------------------------------------------------------------------ fetching */

/* Rows that are wanted soon. In a tensor they lie far apart, each in a page of its own, so no processor fetches them by
 * itself: they are asked for ahead of their use. */
struct area {
    const void *data;
    size_t rows, stride, bytes; /* from row to row; of a row, 0: nothing is wanted */
};

enum { MOST_AREAS = 3 };

static void fetch_row(const void *row, size_t bytes)
{
#if defined(__GNUC__) || defined(__clang__)
    for (size_t i = 0; i < bytes; i += 64)
        __builtin_prefetch((const char *)row + i, 0, 2);
    __builtin_prefetch((const char *)row + bytes - 1, 0, 2);
#else
    (void)row;
    (void)bytes;
#endif
}

/* Part i of n of an area. */
static void fetch_part(const struct area *x, size_t i, size_t n)
{
    for (size_t row = i * x->rows / n; x->bytes && row < (i + 1) * x->rows / n; row++)
        fetch_row((const char *)x->data + row * x->stride, x->bytes);
}

static struct area operand_area(const struct rfa_attention *a, struct rfa_operand x, size_t rows)
{
    return (struct area){x.data, rows, x.stride * sizeof(float), a->dim * sizeof(float)};
}

/* ------------------------------------------------------------------ one head */

/* Scores of one block of query rows against all keys of the head. */
static void score_block(const struct rfa_attention *a, const struct head *h, const struct block *b,
                        struct rfa_operand q, size_t rows)
{
    const struct rfa_kernels *k = &a->s->kernels;
    size_t d = a->dim, n = a->keys;
    for (size_t i = 0; i < rows; i++) {
        if (i + ROWS_AHEAD < rows)
            fetch_row(q.data + (i + ROWS_AHEAD) * q.stride, d * sizeof(float));
        b->q_scale[i] = k->quantize_row(b->q + i * rfa_row_bytes(d), q.data + i * q.stride, d, 0, k->gemm_s8->a_xor);
    }
    struct rfa_gemm_s8_args scores = {.dst = b->scores,
                                      .dst_stride = rfa_round_up(n, 16),
                                      .a = b->q,
                                      .a_stride = rfa_row_bytes(d),
                                      .a_scale = b->q_scale,
                                      .a_scale_step = 1,
                                      .w = h->k,
                                      .w_scale = h->k_scale,
                                      .w_sum = h->k_sum,
                                      .m = rows,
                                      .n = n,
                                      .k = d,
                                      .scratch = b->gemm};
    k->gemm_s8->run(&scores);
}

/* Numerators of the block. Meanwhile what is wanted next comes nearer, and where the results go: a product whose stores
 * wait for memory waits with them. */
static void softmax_block(const struct rfa_attention *a, const struct block *b, const struct area ahead[MOST_AREAS],
                          struct area results)
{
    const struct rfa_kernels *k = &a->s->kernels;
    size_t n = a->keys, p_stride = rfa_row_bytes(n), rows = results.rows;
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; j < MOST_AREAS; j++)
            fetch_part(&ahead[j], i, rows);
        fetch_part(&results, i, rows);
        float sum = k->softmax_s8(b->high + i * p_stride, b->low + i * p_stride, b->scores + i * rfa_round_up(n, 16), n,
                                  a->scale, k->gemm_s8->a_xor);
        b->low_scale[i] = 1.0f / sum; /* a row with NaN has sum 0: 0 * infinity makes its result NaN */
        b->high_scale[i] = 128.0f * b->low_scale[i];
    }
}

static void value_block(const struct rfa_attention *a, const struct head *h, const struct block *b, float *dst,
                        size_t rows)
{
    const struct rfa_gemm_s8 *gemm = a->s->kernels.gemm_s8;
    struct rfa_gemm_s8_args values = {.dst = b->scores,
                                      .dst_stride = a->dim,
                                      .a = b->high,
                                      .a_stride = rfa_row_bytes(a->keys),
                                      .a_scale = b->high_scale,
                                      .a_scale_step = 1,
                                      .w = h->v,
                                      .w_scale = h->v_scale,
                                      .w_sum = h->v_sum,
                                      .m = rows,
                                      .n = a->dim,
                                      .k = a->keys,
                                      .scratch = b->gemm};
    gemm->run(&values);
    values.a = b->low;
    values.a_scale = b->low_scale;
    values.residual = b->scores;
    values.residual_stride = a->dim;
    values.dst = dst;
    values.dst_stride = rfa_cols(a->s, a->step->out[0]);
    gemm->run(&values);
}

static void pack_keys(const struct rfa_attention *a, const struct head *h, struct rfa_operand k)
{
    a->s->kernels.pack_rows_s8(h->k, h->k_scale, h->k_sum, k.data, k.stride, a->keys, a->dim);
}

static void pack_values(const struct rfa_attention *a, const struct head *h, struct rfa_operand v)
{
    a->s->kernels.pack_cols_s8(h->v, h->v_scale, h->v_sum, v.data, v.stride, a->dim, a->keys);
}

/* All query rows of a head whose keys are packed. ahead: what is fetched meanwhile. unpacked: the values, where they
 * are still to be packed, once the softmax of the first rows has fetched them. */
static void attend(const struct rfa_attention *a, const struct head *h, const struct block *b, struct rfa_operand q,
                   const struct area ahead[MOST_AREAS], const struct rfa_operand *unpacked, float *dst)
{
    size_t stride = rfa_cols(a->s, a->step->out[0]);
    for (size_t i = 0; i < a->rows; i += INT8_ROWS) {
        size_t rows = rfa_smaller(a->rows - i, INT8_ROWS);
        float *results = dst + i * stride;
        score_block(a, h, b, (struct rfa_operand){q.data + i * q.stride, q.stride}, rows);
        softmax_block(a, b, ahead, operand_area(a, (struct rfa_operand){results, stride}, rows));
        if (i == 0 && unpacked)
            pack_values(a, h, *unpacked);
        value_block(a, h, b, results, rows);
    }
}

/* ------------------------------------------------------------------ queries, keys and values from tensors */

static struct operands operands(const struct rfa_attention *a, size_t task)
{
    const struct rfa_step *step = a->step;
    size_t head = task % a->heads, sequence = task / a->heads;
    return (struct operands){rfa_attention_operand(a, step->in[0], sequence, a->rows, step->p.attention.q_first, head),
                             rfa_attention_operand(a, step->in[2], sequence, a->keys, step->p.attention.k_first, head),
                             rfa_attention_operand(a, step->in[1], sequence, a->keys, step->p.attention.v_first, head)};
}

static void head_task(void *context, size_t task, int thread)
{
    const struct rfa_attention *a = context;
    size_t next = task + (size_t)a->s->options.threads; /* the one that this thread is likely to get */
    struct operands o = operands(a, task), after = operands(a, next < a->sequences * a->heads ? next : task);
    const struct area ahead[MOST_AREAS] = {operand_area(a, o.v, a->keys), operand_area(a, after.k, a->keys),
                                           operand_area(a, after.q, a->rows)};
    struct head h;
    struct block b;
    lay_out_block(a, &b, lay_out_head(a, &h, rfa_scratch(a->s, a->step, thread)));
    pack_keys(a, &h, o.k);
    attend(a, &h, &b, o.q, ahead, &o.v, rfa_attention_result(a, task / a->heads, task % a->heads));
}

size_t rfa_attention_s8_scratch(const struct rfa_attention *a)
{
    struct head h;
    struct block b;
    unsigned char *base = (unsigned char *)&h; /* only measured, never written */
    return (size_t)(lay_out_block(a, &b, lay_out_head(a, &h, base)) - base);
}

void rfa_attention_s8_run(struct rfa_attention *a)
{
    rfa_parallel_for(&a->s->team, a->sequences * a->heads, head_task, a);
}

/* ------------------------------------------------------------------ self-attention with its projection */

/* The fewest heads whose columns are whole panels of the projection: a power of two up to 16, which divides the number
 * of heads, because the columns of all heads are whole panels (rfa_step_self_attention). */
static size_t heads_together(const struct rfa_attention *a)
{
    size_t heads = 1;
    while (heads * a->dim % RFA_PANEL_N != 0)
        heads *= 2;
    return heads;
}

enum { MOST_TOGETHER = RFA_PANEL_N };

enum part { QUERIES, KEYS, VALUES };

/* A few heads of a sequence. */
struct group {
    struct head head[MOST_TOGETHER];
    struct block block;
    float *rows; /* of one part of the projection, [rows][columns of the heads]: quantised before the next is made */
    void *gemm;
};

static unsigned char *lay_out_group(const struct rfa_attention *a, struct group *g, unsigned char *at)
{
    size_t heads = heads_together(a), cols = heads * a->dim;
    for (size_t i = 0; i < heads; i++)
        at = lay_out_head(a, &g->head[i], at);
    g->rows = take(&at, a->rows * cols * sizeof(float));
    unsigned char *after = lay_out_block(a, &g->block, at); /* every projection is done with when a block begins */
    g->gemm = take(&at, a->s->kernels.gemm_s8->scratch_bytes(a->rows, cols, a->step->w.k));
    return at > after ? at : after;
}

/* One part of the projection for the heads of group `index`. The weight's outputs are all queries, all keys, all
 * values. */
static void project(const struct rfa_attention *a, const struct group *g, size_t sequence, size_t index, enum part part)
{
    size_t cols = heads_together(a) * a->dim, n = (size_t)part * a->heads * a->dim + index * cols;
    struct rfa_gemm_s8_args args = rfa_int8_operands(a->s, a->step, sequence * a->rows, n);
    args.dst = g->rows;
    args.dst_stride = cols;
    args.m = a->rows;
    args.n = cols;
    args.scratch = g->gemm;
    a->s->kernels.gemm_s8->run(&args);
}

/* The columns of head i of the group. */
static struct rfa_operand projected(const struct rfa_attention *a, const struct group *g, size_t i)
{
    return (struct rfa_operand){g->rows + i * a->dim, heads_together(a) * a->dim};
}

/* Part i of the group's heads of what the projection of a later task reads. */
static struct area activations(const struct rfa_attention *a, size_t task, size_t i)
{
    size_t heads = heads_together(a), first = i * a->rows / heads, end = (i + 1) * a->rows / heads;
    struct rfa_gemm_s8_args args = rfa_int8_operands(a->s, a->step, task % a->sequences * a->rows + first, 0);
    return (struct area){args.a, end - first, args.a_stride, task < a->sequences * (a->heads / heads) ? args.k : 0};
}

/* Sequences one after another for the same heads, whose weights then stay in cache. */
static void group_task(void *context, size_t task, int thread)
{
    const struct rfa_attention *a = context;
    size_t sequence = task % a->sequences, index = task / a->sequences, heads = heads_together(a);
    struct group g;
    lay_out_group(a, &g, rfa_scratch(a->s, a->step, thread));
    project(a, &g, sequence, index, KEYS);
    for (size_t i = 0; i < heads; i++)
        pack_keys(a, &g.head[i], projected(a, &g, i));
    project(a, &g, sequence, index, VALUES);
    for (size_t i = 0; i < heads; i++)
        pack_values(a, &g.head[i], projected(a, &g, i));
    project(a, &g, sequence, index, QUERIES);
    for (size_t i = 0; i < heads; i++) {
        const struct area ahead[MOST_AREAS] = {activations(a, task + (size_t)a->s->options.threads, i)};
        attend(a, &g.head[i], &g.block, projected(a, &g, i), ahead, NULL,
               rfa_attention_result(a, sequence, index * heads + i));
    }
}

static struct rfa_attention describe_self(const struct rfa_session *s, const struct rfa_step *step,
                                          const size_t *values)
{
    return rfa_attention_describe(s, step, step->in[0], step->in[0], values);
}

size_t rfa_self_attention_scratch(const struct rfa_session *s, const struct rfa_step *step)
{
    struct rfa_attention a = describe_self(s, step, s->max_rows);
    struct group g;
    unsigned char *base = (unsigned char *)&g; /* only measured, never written */
    return (size_t)(lay_out_group(&a, &g, base) - base);
}

void rfa_self_attention_run(const struct rfa_session *s, const struct rfa_step *step)
{
    struct rfa_attention a = describe_self(s, step, s->rows);
    rfa_parallel_for(&s->team, a.sequences * (a.heads / heads_together(&a)), group_task, &a);
}

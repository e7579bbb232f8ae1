/* Softmax attention, a task per sequence, head and block of query rows (float) or per sequence and head (int8).
 *
 * int8 form (quant/README.md section 5): queries and keys are quantised row by row, values column by column; the
 * softmax numerators become whole numbers of 14 bits, multiplied in two parts of int8 (one part alone would make half
 * of a block's error), and the row is divided by their sum. */
#include "ops.h"

#include "quant.h"

/* Query rows of a task (float), and of a block whose scores are held at once (int8: a large one, since every product
 * call prepares its second operand anew). */
enum { QUERY_ROWS = 64, INT8_ROWS = 320, ROWS_AHEAD = 8 };

struct attention {
    const struct rfa_session *s;
    const struct rfa_step *step;
    size_t sequences, blocks, rows, keys; /* rows and keys of one sequence */
    float scale;
};

static size_t divide_up(size_t a, size_t b)
{
    return (a + b - 1) / b;
}

/* Frames are independent sequences; everything else is one. */
static struct attention describe(const struct rfa_session *s, const struct rfa_step *step, const size_t *values)
{
    const struct rfa_shape *q = &rfa_tensor(s, step->in[0])->shape, *k = &rfa_tensor(s, step->in[2])->shape;
    bool frames = q->var == RFA_VAR_FRAMES;
    struct attention a = {.s = s, .step = step, .sequences = frames ? values[RFA_VAR_FRAMES] : 1};
    a.rows = q->rows * (frames ? 1 : values[q->var]);
    a.keys = k->rows * (k->var == RFA_VAR_FRAMES ? 1 : values[k->var]);
    a.blocks = divide_up(a.rows, QUERY_ROWS);
    a.scale = 1.0f / sqrtf((float)step->p.attention.dim);
    return a;
}

struct operand {
    const float *data;
    size_t stride;
};

/* Head `head` of sequence `sequence` in tensor `id`; a tensor that is not per frame serves every sequence. */
static struct operand operand(const struct attention *a, int id, size_t sequence, size_t rows, size_t first,
                              size_t head)
{
    size_t stride = rfa_cols(a->s, id);
    size_t row = rfa_tensor(a->s, id)->shape.var == RFA_VAR_FRAMES ? sequence * rows : 0;
    const float *data = rfa_data(a->s, id);
    return (struct operand){data + row * stride + first + head * a->step->p.attention.dim, stride};
}

static float *result(const struct attention *a, size_t sequence, size_t head)
{
    size_t stride = rfa_cols(a->s, a->step->out[0]);
    return (float *)rfa_data(a->s, a->step->out[0]) + sequence * a->rows * stride + head * a->step->p.attention.dim;
}

static void float_task(void *context, size_t task, int thread)
{
    const struct attention *a = context;
    const struct rfa_step *step = a->step;
    size_t heads = step->p.attention.heads, head = task / a->blocks % heads, sequence = task / a->blocks / heads;
    size_t first = task % a->blocks * QUERY_ROWS;
    struct operand q = operand(a, step->in[0], sequence, a->rows, step->p.attention.q_first, head);
    struct operand k = operand(a, step->in[2], sequence, a->keys, step->p.attention.k_first, head);
    struct operand v = operand(a, step->in[1], sequence, a->keys, step->p.attention.v_first, head);
    size_t stride = rfa_cols(a->s, step->out[0]);
    struct rfa_attention_args args = {.dst = result(a, sequence, head) + first * stride,
                                      .dst_stride = stride,
                                      .q = q.data + first * q.stride,
                                      .q_stride = q.stride,
                                      .k = k.data,
                                      .v = v.data,
                                      .k_stride = k.stride,
                                      .v_stride = v.stride,
                                      .m = a->rows - first < QUERY_ROWS ? a->rows - first : QUERY_ROWS,
                                      .keys = a->keys,
                                      .d = step->p.attention.dim,
                                      .scale = a->scale,
                                      .causal = step->p.attention.causal,
                                      .first = first,
                                      .scratch = rfa_scratch(a->s, step, thread)};
    a->s->kernels.attention_f32(&args);
}

/* ------------------------------------------------------------------ int8 */

/* What one int8 task holds, laid out one after another in its scratch. */
struct int8_head {
    int8_t *k, *v; /* panels: keys x dim, dim x keys */
    float *k_scale, *v_scale;
    int32_t *k_sum, *v_sum;
    int8_t *q, *high, *low; /* a block of queries [rows][dim], of numerators [rows][keys] in two parts */
    float *q_scale, *high_scale, *low_scale;
    float *scores; /* [rows][keys padded to 16] */
    void *gemm;
};

static void *take(unsigned char **at, size_t bytes)
{
    void *memory = *at;
    *at += rfa_round_up(bytes, 64);
    return memory;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t layout(const struct attention *a, struct int8_head *h, unsigned char *base)
{
    unsigned char *at = base;
    size_t d = a->step->p.attention.dim, n = a->keys, rows = a->rows < INT8_ROWS ? a->rows : INT8_ROWS;
    const struct rfa_gemm_s8 *gemm = a->s->kernels.gemm_s8;
    h->k = take(&at, rfa_panel_bytes(n, d));
    h->v = take(&at, rfa_panel_bytes(d, n));
    h->k_scale = take(&at, rfa_round_up(n, 16) * sizeof(float));
    h->v_scale = take(&at, rfa_round_up(d, 16) * sizeof(float));
    h->k_sum = take(&at, rfa_round_up(n, 16) * sizeof(int32_t));
    h->v_sum = take(&at, rfa_round_up(d, 16) * sizeof(int32_t));
    h->q = take(&at, rows * rfa_row_bytes(d));
    h->high = take(&at, rows * rfa_row_bytes(n));
    h->low = take(&at, rows * rfa_row_bytes(n));
    h->q_scale = take(&at, rows * sizeof(float));
    h->high_scale = take(&at, rows * sizeof(float));
    h->low_scale = take(&at, rows * sizeof(float));
    h->scores = take(&at, rows * rfa_round_up(n, 16) * sizeof(float));
    h->gemm = take(&at, larger(gemm->scratch_bytes(rows, n, d), gemm->scratch_bytes(rows, d, n)));
    return (size_t)(at - base);
}

/* Rows of a head lie far apart, each in a page of its own, so no processor fetches them by itself: they are asked for
 * ahead of their use. */
static void fetch_row(const float *x, size_t n)
{
#if defined(__GNUC__) || defined(__clang__)
    for (size_t i = 0; i < n; i += 16)
        __builtin_prefetch(x + i, 0, 2);
    __builtin_prefetch(x + n - 1, 0, 2);
#else
    (void)x;
    (void)n;
#endif
}

/* Part i of n of an operand's rows. */
static void fetch_part(struct operand x, size_t rows, size_t d, size_t i, size_t n)
{
    for (size_t row = i * rows / n; row < (i + 1) * rows / n; row++)
        fetch_row(x.data + row * x.stride, d);
}

/* The three operands of one task. */
struct operands {
    struct operand q, k, v;
};

static struct operands operands(const struct attention *a, size_t task)
{
    const struct rfa_step *step = a->step;
    size_t heads = step->p.attention.heads, head = task % heads, sequence = task / heads;
    return (struct operands){operand(a, step->in[0], sequence, a->rows, step->p.attention.q_first, head),
                             operand(a, step->in[2], sequence, a->keys, step->p.attention.k_first, head),
                             operand(a, step->in[1], sequence, a->keys, step->p.attention.v_first, head)};
}

/* Scores of one block of query rows against all keys of the head. */
static void score_block(const struct attention *a, const struct int8_head *h, struct operand q, size_t rows)
{
    const struct rfa_kernels *k = &a->s->kernels;
    size_t d = a->step->p.attention.dim, n = a->keys;
    for (size_t i = 0; i < rows; i++) {
        if (i + ROWS_AHEAD < rows)
            fetch_row(q.data + (i + ROWS_AHEAD) * q.stride, d);
        h->q_scale[i] = k->quantize_row(h->q + i * rfa_row_bytes(d), q.data + i * q.stride, d, 0, k->gemm_s8->a_xor);
    }
    struct rfa_gemm_s8_args scores = {.dst = h->scores,
                                      .dst_stride = rfa_round_up(n, 16),
                                      .a = h->q,
                                      .a_stride = rfa_row_bytes(d),
                                      .a_scale = h->q_scale,
                                      .a_scale_step = 1,
                                      .w = h->k,
                                      .w_scale = h->k_scale,
                                      .w_sum = h->k_sum,
                                      .m = rows,
                                      .n = n,
                                      .k = d,
                                      .scratch = h->gemm};
    k->gemm_s8->run(&scores);
}

/* Numerators of the block. Meanwhile this head's values come nearer, and the keys and queries of the task that this
 * thread is likely to get next. */
static void softmax_block(const struct attention *a, const struct int8_head *h, size_t task, size_t rows)
{
    const struct rfa_kernels *k = &a->s->kernels;
    size_t d = a->step->p.attention.dim, n = a->keys, p_stride = rfa_row_bytes(n);
    size_t next = task + (size_t)a->s->options.threads, tasks = a->sequences * a->step->p.attention.heads;
    struct operand v = operands(a, task).v;
    struct operands o = operands(a, next < tasks ? next : task);
    for (size_t i = 0; i < rows; i++) {
        fetch_part(v, n, d, i, rows);
        fetch_part(o.k, n, d, i, rows);
        fetch_part(o.q, a->rows, d, i, rows);
        float sum = k->softmax_s8(h->high + i * p_stride, h->low + i * p_stride, h->scores + i * rfa_round_up(n, 16), n,
                                  a->scale, k->gemm_s8->a_xor);
        h->low_scale[i] = 1.0f / sum; /* a row with NaN has sum 0: 0 * infinity makes its result NaN */
        h->high_scale[i] = 128.0f * h->low_scale[i];
    }
}

static void value_block(const struct attention *a, const struct int8_head *h, float *dst, size_t rows)
{
    const struct rfa_gemm_s8 *gemm = a->s->kernels.gemm_s8;
    struct rfa_gemm_s8_args values = {.dst = dst,
                                      .dst_stride = rfa_cols(a->s, a->step->out[0]),
                                      .a = h->high,
                                      .a_stride = rfa_row_bytes(a->keys),
                                      .a_scale = h->high_scale,
                                      .a_scale_step = 1,
                                      .w = h->v,
                                      .w_scale = h->v_scale,
                                      .w_sum = h->v_sum,
                                      .m = rows,
                                      .n = a->step->p.attention.dim,
                                      .k = a->keys,
                                      .scratch = h->gemm};
    gemm->run(&values);
    values.a = h->low;
    values.a_scale = h->low_scale;
    values.residual = dst;
    values.residual_stride = values.dst_stride;
    gemm->run(&values);
}

static void int8_task(void *context, size_t task, int thread)
{
    const struct attention *a = context;
    const struct rfa_kernels *kernels = &a->s->kernels;
    size_t heads = a->step->p.attention.heads, d = a->step->p.attention.dim;
    struct operands o = operands(a, task);
    struct int8_head h;
    layout(a, &h, rfa_scratch(a->s, a->step, thread));
    kernels->pack_rows_s8(h.k, h.k_scale, h.k_sum, o.k.data, o.k.stride, a->keys, d);
    float *dst = result(a, task / heads, task % heads);
    for (size_t i = 0; i < a->rows; i += INT8_ROWS) {
        size_t rows = a->rows - i < INT8_ROWS ? a->rows - i : INT8_ROWS;
        score_block(a, &h, (struct operand){o.q.data + i * o.q.stride, o.q.stride}, rows);
        softmax_block(a, &h, task, rows);
        if (i == 0)
            kernels->pack_cols_s8(h.v, h.v_scale, h.v_sum, o.v.data, o.v.stride, d, a->keys);
        value_block(a, &h, dst + i * rfa_cols(a->s, a->step->out[0]), rows);
    }
}

/* ------------------------------------------------------------------ op */

size_t rfa_attention_step_scratch(const struct rfa_session *s, const struct rfa_step *step)
{
    struct attention a = describe(s, step, s->max_rows);
    struct int8_head h;
    return step->p.attention.int8 ? layout(&a, &h, (unsigned char *)&h) /* only measured, never written */
                                  : rfa_attention_scratch(a.keys);
}

void rfa_attention_run(const struct rfa_session *s, const struct rfa_step *step)
{
    struct attention a = describe(s, step, s->rows);
    size_t heads = a.sequences * step->p.attention.heads;
    if (step->p.attention.int8)
        rfa_parallel_for(&s->team, heads, int8_task, &a);
    else
        rfa_parallel_for(&s->team, heads * a.blocks, float_task, &a);
}

double rfa_attention_macs(const struct rfa_session *s, const struct rfa_step *step)
{
    struct attention a = describe(s, step, s->rows);
    return 2.0 * (double)a.sequences * (double)a.rows * (double)a.keys * (double)rfa_cols(s, step->out[0]);
}

/* Softmax attention in float: a task per sequence, head and block of query rows. */
#include "ops_attention.h"

#include <math.h>

enum { QUERY_ROWS = 64 }; /* of a task */

static bool per_frame(const struct rfa_session *s, int id)
{
    return rfa_tensor(s, id)->shape.var == RFA_VAR_FRAMES;
}

static size_t sequence_rows(const struct rfa_session *s, int id, const size_t *values)
{
    const struct rfa_shape *shape = &rfa_tensor(s, id)->shape;
    return shape->rows * (per_frame(s, id) ? 1 : values[shape->var]);
}

struct rfa_attention rfa_attention_describe(const struct rfa_session *s, const struct rfa_step *step, int q, int k,
                                            const size_t *values)
{
    return (struct rfa_attention){.s = s,
                                  .step = step,
                                  .sequences = per_frame(s, q) ? values[RFA_VAR_FRAMES] : 1,
                                  .rows = sequence_rows(s, q, values),
                                  .keys = sequence_rows(s, k, values),
                                  .heads = step->p.attention.heads,
                                  .dim = step->p.attention.dim,
                                  .scale = 1.0f / sqrtf((float)step->p.attention.dim)};
}

struct rfa_operand rfa_attention_operand(const struct rfa_attention *a, int id, size_t sequence, size_t rows,
                                         size_t first, size_t head)
{
    size_t stride = rfa_cols(a->s, id), row = per_frame(a->s, id) ? sequence * rows : 0;
    const float *data = rfa_data(a->s, id);
    return (struct rfa_operand){data + row * stride + first + head * a->dim, stride};
}

float *rfa_attention_result(const struct rfa_attention *a, size_t sequence, size_t head)
{
    size_t stride = rfa_cols(a->s, a->step->out[0]);
    return (float *)rfa_data(a->s, a->step->out[0]) + sequence * a->rows * stride + head * a->dim;
}

static size_t query_blocks(const struct rfa_attention *a)
{
    return (a->rows + QUERY_ROWS - 1) / QUERY_ROWS;
}

static void float_task(void *context, size_t task, int thread)
{
    const struct rfa_attention *a = context;
    const struct rfa_step *step = a->step;
    size_t blocks = query_blocks(a), head = task / blocks % a->heads, sequence = task / blocks / a->heads;
    size_t first = task % blocks * QUERY_ROWS, stride = rfa_cols(a->s, step->out[0]);
    struct rfa_operand q = rfa_attention_operand(a, step->in[0], sequence, a->rows, step->p.attention.q_first, head);
    struct rfa_operand k = rfa_attention_operand(a, step->in[2], sequence, a->keys, step->p.attention.k_first, head);
    struct rfa_operand v = rfa_attention_operand(a, step->in[1], sequence, a->keys, step->p.attention.v_first, head);
    struct rfa_attention_args args = {.dst = rfa_attention_result(a, sequence, head) + first * stride,
                                      .dst_stride = stride,
                                      .q = q.data + first * q.stride,
                                      .q_stride = q.stride,
                                      .k = k.data,
                                      .v = v.data,
                                      .k_stride = k.stride,
                                      .v_stride = v.stride,
                                      .m = a->rows - first < QUERY_ROWS ? a->rows - first : QUERY_ROWS,
                                      .keys = a->keys,
                                      .d = a->dim,
                                      .scale = a->scale,
                                      .causal = step->p.attention.causal,
                                      .first = first,
                                      .scratch = rfa_scratch(a->s, step, thread)};
    a->s->kernels.attention_f32(&args);
}

size_t rfa_attention_step_scratch(const struct rfa_session *s, const struct rfa_step *step)
{
    struct rfa_attention a = rfa_attention_describe(s, step, step->in[0], step->in[2], s->max_rows);
    return step->p.attention.int8 ? rfa_attention_s8_scratch(&a) : rfa_attention_scratch(a.keys);
}

void rfa_attention_run(const struct rfa_session *s, const struct rfa_step *step)
{
    struct rfa_attention a = rfa_attention_describe(s, step, step->in[0], step->in[2], s->rows);
    if (step->p.attention.int8)
        rfa_attention_s8_run(&a);
    else
        rfa_parallel_for(&s->team, a.sequences * a.heads * query_blocks(&a), float_task, &a);
}

double rfa_attention_macs(const struct rfa_session *s, const struct rfa_step *step)
{
    int keys = step->op == RFA_OP_SELF_ATTENTION ? step->in[0] : step->in[2];
    struct rfa_attention a = rfa_attention_describe(s, step, step->in[0], keys, s->rows);
    double rows = (double)a.sequences * (double)a.rows;
    return 2.0 * rows * (double)a.keys * (double)rfa_cols(s, step->out[0]) +
           rows * (double)step->w.n * (double)step->w.k; /* the projection of self-attention */
}

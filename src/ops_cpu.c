/* The op table and the small ops: inputs, rows, sums. */
#include "ops.h"

#include <assert.h>
#include <string.h>

#include "quant.h"

struct row_task {
    const struct rfa_session *s;
    const struct rfa_step *step;
    size_t rows, cols;
    struct rfa_split split;
};

static void over_rows(const struct rfa_session *s, const struct rfa_step *step, size_t rows, size_t cols,
                      rfa_task_fn *fn)
{
    struct row_task t = {s, step, rows, cols, rfa_split_each(rows, (size_t)s->options.threads)};
    rfa_parallel_for(&s->team, rfa_split_tasks(&t.split), fn, &t);
}

static size_t first_row(const struct row_task *t, size_t task)
{
    return rfa_task_rows(&t->split, task).first;
}

static size_t end_row(const struct row_task *t, size_t task)
{
    struct rfa_part rows = rfa_task_rows(&t->split, task);
    return rows.first + rows.count;
}

/* Quantises row i of the step's Q8 result. */
static void quantize_into(const struct row_task *t, int q, const float *row, size_t i)
{
    int8_t *dst = (int8_t *)rfa_data(t->s, q) + i * rfa_row_bytes(t->cols);
    rfa_scales(t->s, q)[i] =
        t->s->kernels.quantize_row(dst, row, t->cols, rfa_tensor(t->s, q)->zero, t->s->kernels.gemm_s8->a_xor);
}

/* A row of an F32 or F16 table. */
static void table_row(const struct rfa_session *s, float *dst, const struct rfa_weight *w, size_t row)
{
    if (w->type == RFA_TYPE_F16)
        s->kernels.f16_to_f32(dst, (const uint16_t *)w->data + row * w->k, w->k);
    else
        memcpy(dst, (const float *)w->data + row * w->k, w->k * sizeof *dst);
}

/* ------------------------------------------------------------------ inputs */

/* Patch `cell` of a frame as a row: window row, window column, channel. */
static void fill_patch(const struct row_task *t, float *row, const float *frame, size_t cell)
{
    size_t image = t->step->p.patches.image, patch = t->step->p.patches.patch, side = image / patch;
    const float *corner = frame + cell / side * patch * image + cell % side * patch;
    for (size_t y = 0; y < patch; y++)
        for (size_t x = 0; x < patch; x++)
            for (size_t c = 0; c < 3; c++)
                *row++ = corner[(c * image + y) * image + x];
}

static void patches_task(void *context, size_t task, int thread)
{
    const struct row_task *t = context;
    const struct rfa_step *step = t->step;
    size_t image = step->p.patches.image, side = image / step->p.patches.patch, cells = side * side;
    float *out = rfa_data(t->s, step->out[0]);
    for (size_t i = first_row(t, task); i < end_row(t, task); i++) {
        float *row = out ? out + i * t->cols : rfa_scratch(t->s, step, thread);
        fill_patch(t, row, (const float *)rfa_data(t->s, step->in[0]) + i / cells * 3 * image * image, i % cells);
        if (step->p.patches.fp16)
            t->s->kernels.round_f16(row, row, t->cols);
        if (step->out[1] != RFA_NONE)
            quantize_into(t, step->out[1], row, i);
    }
}

static void run_patches(const struct rfa_session *s, const struct rfa_step *step)
{
    size_t side = step->p.patches.image / step->p.patches.patch, patch = step->p.patches.patch;
    over_rows(s, step, side * side * s->rows[RFA_VAR_FRAMES], 3 * patch * patch, patches_task);
}

static void tokens_task(void *context, size_t task, int thread)
{
    const struct row_task *t = context;
    const struct rfa_step *step = t->step;
    size_t tokens = step->w2.n, d = t->cols;
    float *out = rfa_data(t->s, step->out[0]), *position = rfa_scratch(t->s, step, thread);
    const float *patches = rfa_data(t->s, step->in[0]);
    for (size_t i = first_row(t, task); i < end_row(t, task); i++) {
        size_t frame = i / tokens, token = i % tokens;
        if (token == 0)
            table_row(t->s, out + i * d, &step->w, 0);
        else
            memcpy(out + i * d, patches + (frame * (tokens - 1) + token - 1) * d, d * sizeof *out);
        table_row(t->s, position, &step->w2, token);
        t->s->kernels.add_f32(out + i * d, out + i * d, position, d);
    }
}

static void run_tokens(const struct rfa_session *s, const struct rfa_step *step)
{
    over_rows(s, step, rfa_rows(s, step->out[0]), step->w2.k, tokens_task);
}

static void run_constant(const struct rfa_session *s, const struct rfa_step *step)
{
    float *out = rfa_data(s, step->out[0]);
    for (size_t i = 0; i < rfa_rows(s, step->out[0]); i++)
        table_row(s, out + i * step->w.k, &step->w, i % step->w.n);
}

static void run_zero(const struct rfa_session *s, const struct rfa_step *step)
{
    memset(rfa_data(s, step->out[0]), 0, rfa_rows(s, step->out[0]) * rfa_cols(s, step->out[0]) * sizeof(float));
}

static void embed_task(void *context, size_t task, int thread)
{
    const struct row_task *t = context;
    const struct rfa_step *step = t->step;
    const int32_t *ids = rfa_data(t->s, step->in[0]);
    float *out = rfa_data(t->s, step->out[0]), *position = rfa_scratch(t->s, step, thread);
    for (size_t i = first_row(t, task); i < end_row(t, task); i++) {
        assert(ids[i] >= 0 && (size_t)ids[i] < step->w.n && i < step->w2.n); /* the session checked them */
        table_row(t->s, out + i * t->cols, &step->w, (size_t)ids[i]);
        table_row(t->s, position, &step->w2, i);
        t->s->kernels.add_f32(out + i * t->cols, out + i * t->cols, position, t->cols);
    }
}

static void run_embed(const struct rfa_session *s, const struct rfa_step *step)
{
    over_rows(s, step, rfa_rows(s, step->in[0]), step->w.k, embed_task);
}

static void channels_last_task(void *context, size_t task, int thread)
{
    const struct row_task *t = context;
    size_t channels = rfa_cols(t->s, t->step->out[0]);
    const float *planes = rfa_data(t->s, t->step->in[0]);
    float *out = rfa_data(t->s, t->step->out[0]);
    (void)thread;
    for (size_t y = first_row(t, task); y < end_row(t, task); y++)
        for (size_t x = 0; x < t->cols; x++)
            for (size_t c = 0; c < channels; c++)
                out[(y * t->cols + x) * channels + c] = planes[(c * t->rows + y) * t->cols + x];
}

static void run_channels_last(const struct rfa_session *s, const struct rfa_step *step)
{
    size_t width = rfa_cols(s, step->in[0]), height = rfa_rows(s, step->in[0]) / rfa_cols(s, step->out[0]);
    over_rows(s, step, height, width, channels_last_task);
}

/* ------------------------------------------------------------------ rows */

static void norm_task(void *context, size_t task, int thread)
{
    const struct row_task *t = context;
    const struct rfa_step *step = t->step;
    const float *x = rfa_data(t->s, step->in[0]);
    float *out = rfa_data(t->s, step->out[0]);
    for (size_t i = first_row(t, task); i < end_row(t, task); i++) {
        float *row = out ? out + i * t->cols : rfa_scratch(t->s, step, thread);
        t->s->kernels.norm_f32(row, x + i * t->cols, step->w.data, step->w.bias, step->p.norm.eps, t->cols);
        if (step->out[1] != RFA_NONE)
            quantize_into(t, step->out[1], row, i);
    }
}

static void run_norm(const struct rfa_session *s, const struct rfa_step *step)
{
    over_rows(s, step, rfa_rows(s, step->in[0]), step->w.k, norm_task);
}

static void quantize_task(void *context, size_t task, int thread)
{
    const struct row_task *t = context;
    const float *x = rfa_data(t->s, t->step->in[0]);
    (void)thread;
    for (size_t i = first_row(t, task); i < end_row(t, task); i++)
        quantize_into(t, t->step->out[0], x + i * t->cols, i);
}

/* Feature maps have one scale: first the largest magnitude of all (a maximum of integers: the same in any order), where
 * the step before has not left it, then the values. A map without padding between its pixels is cut into pieces of
 * whole lines; the others go pixel by pixel.
 */
struct map_task {
    const struct rfa_session *s;
    const struct rfa_step *step;
    size_t piece, values;   /* values of a piece, values in all */
    struct rfa_split split; /* of pieces */
    size_t stride;          /* bytes between quantised pieces */
    uint32_t *magnitude;    /* one a thread */
    float multiplier;
    int zero;
};

enum { MAP_PIECE = 1024 };

static struct map_task describe_map(const struct rfa_session *s, const struct rfa_step *step)
{
    size_t channels = rfa_cols(s, step->in[0]), values = rfa_rows(s, step->in[0]) * channels;
    size_t stride = rfa_map_row_bytes(channels), piece = stride == channels ? MAP_PIECE : channels;
    struct map_task m = {.s = s, .step = step, .piece = piece, .values = values};
    m.split = rfa_split_each(rfa_divide_up(values, piece), (size_t)s->options.threads);
    m.stride = stride == channels ? MAP_PIECE : stride;
    m.zero = rfa_tensor(s, step->out[0])->zero;
    return m;
}

static void magnitude_task(void *context, size_t task, int thread)
{
    const struct map_task *m = context;
    struct rfa_part pieces = rfa_task_rows(&m->split, task);
    size_t begin = pieces.first * m->piece, end = begin + pieces.count * m->piece;
    const float *x = rfa_data(m->s, m->step->in[0]);
    rfa_note_magnitude(&m->s->kernels, &m->magnitude[thread], x + begin, (end < m->values ? end : m->values) - begin);
}

static uint32_t find_magnitude(struct map_task *m)
{
    uint32_t magnitude[RFA_MAX_THREADS] = {0};
    m->magnitude = magnitude;
    rfa_parallel_for(&m->s->team, rfa_split_tasks(&m->split), magnitude_task, m);
    return rfa_largest_magnitude(m->s, magnitude);
}

static void scaled_task(void *context, size_t task, int thread)
{
    const struct map_task *m = context;
    const struct rfa_kernels *k = &m->s->kernels;
    int8_t *q = rfa_data(m->s, m->step->out[0]);
    const float *x = rfa_data(m->s, m->step->in[0]);
    (void)thread;
    /* the map's end is what caches still hold, and its beginning is needed next */
    struct rfa_part pieces = rfa_task_rows(&m->split, rfa_split_tasks(&m->split) - 1 - task);
    for (size_t i = pieces.first; i < pieces.first + pieces.count; i++) {
        size_t left = m->values - i * m->piece;
        k->quantize_scaled(q + i * m->stride, x + i * m->piece, left < m->piece ? left : m->piece, m->multiplier,
                           m->zero, k->gemm_s8->a_xor);
    }
}

static void quantize_map(const struct rfa_session *s, const struct rfa_step *step)
{
    struct map_task m = describe_map(s, step);
    const uint32_t *known = rfa_map_magnitude(s, step->in[0]);
    uint32_t largest = known ? *known : find_magnitude(&m);
    rfa_scales(s, step->out[0])[0] = rfa_quant_steps(largest, (float)(RFA_QMAX - m.zero), &m.multiplier);
    rfa_parallel_for(&s->team, rfa_split_tasks(&m.split), scaled_task, &m);
}

static void run_quantize(const struct rfa_session *s, const struct rfa_step *step)
{
    if (rfa_tensor(s, step->out[0])->type == RFA_TENSOR_Q8)
        over_rows(s, step, rfa_rows(s, step->in[0]), rfa_cols(s, step->in[0]), quantize_task);
    else
        quantize_map(s, step);
}

/* ------------------------------------------------------------------ sums */

static void add_task(void *context, size_t task, int thread)
{
    const struct row_task *t = context;
    const struct rfa_step *step = t->step;
    bool one_row = step->in[1] != RFA_NONE && rfa_rows(t->s, step->in[1]) == 1;
    const float *x = rfa_data(t->s, step->in[0]), *y = rfa_data(t->s, step->in[1]);
    float *out = rfa_data(t->s, step->out[0]), *scratch = rfa_scratch(t->s, step, thread);
    for (size_t i = first_row(t, task); i < end_row(t, task); i++) {
        if (!y)
            table_row(t->s, scratch, &step->w, i);
        const float *row = !y ? scratch : one_row ? y : y + i * t->cols;
        t->s->kernels.add_f32(out + i * t->cols, x + i * t->cols, row, t->cols);
    }
}

static void run_add(const struct rfa_session *s, const struct rfa_step *step)
{
    over_rows(s, step, rfa_rows(s, step->in[0]), rfa_cols(s, step->in[0]), add_task);
}

static void mean_task(void *context, size_t r, int thread)
{
    const struct row_task *t = context;
    const struct rfa_step *step = t->step;
    size_t count = step->p.mean.count * t->s->rows[step->p.mean.var];
    const float *x = (const float *)rfa_data(t->s, step->in[0]) + r * step->p.mean.base * t->cols;
    (void)thread;
    t->s->kernels.mean_f32((float *)rfa_data(t->s, step->out[0]) + r * t->cols, x, step->p.mean.step * t->cols, count,
                           t->cols);
}

static void run_mean(const struct rfa_session *s, const struct rfa_step *step)
{
    struct row_task t = {.s = s, .step = step, .rows = rfa_rows(s, step->out[0]), .cols = rfa_cols(s, step->out[0])};
    rfa_parallel_for(&s->team, t.rows, mean_task, &t);
}

static void run_mix(const struct rfa_session *s, const struct rfa_step *step)
{
    const float *a = rfa_data(s, step->in[0]), *b = rfa_data(s, step->in[1]);
    float *out = rfa_data(s, step->out[0]);
    for (size_t i = 0; i < rfa_rows(s, step->in[0]) * rfa_cols(s, step->in[0]); i++)
        out[i] = (a[i] + b[i]) / step->p.mix.divisor;
}

static void run_act(const struct rfa_session *s, const struct rfa_step *step)
{
    size_t n = rfa_rows(s, step->in[0]) * rfa_cols(s, step->in[0]);
    float *out = rfa_data(s, step->out[0]);
    memcpy(out, rfa_data(s, step->in[0]), n * sizeof *out);
    s->kernels.act_f32(out, n, step->p.act);
}

/* ------------------------------------------------------------------ the table */

static size_t scratch_input_row(const struct rfa_session *s, const struct rfa_step *step)
{
    return step->out[0] == RFA_NONE ? rfa_cols(s, step->in[0]) * sizeof(float) : 0;
}

static size_t scratch_patch(const struct rfa_session *s, const struct rfa_step *step)
{
    (void)s;
    return step->out[0] == RFA_NONE ? (size_t)3 * step->p.patches.patch * step->p.patches.patch * sizeof(float) : 0;
}

static size_t scratch_result_row(const struct rfa_session *s, const struct rfa_step *step)
{
    return rfa_cols(s, step->out[0]) * sizeof(float);
}

const struct rfa_op_entry rfa_ops[RFA_OP_COUNT] = {
    [RFA_OP_PATCHES] = {"patches", scratch_patch, run_patches, NULL},
    [RFA_OP_TOKENS] = {"tokens", scratch_result_row, run_tokens, NULL},
    [RFA_OP_CONSTANT] = {"constant", NULL, run_constant, NULL},
    [RFA_OP_ZERO] = {"zero", NULL, run_zero, NULL},
    [RFA_OP_EMBED] = {"embed", scratch_result_row, run_embed, NULL},
    [RFA_OP_QUANTIZE] = {"quantize", NULL, run_quantize, NULL},
    [RFA_OP_NORM] = {"norm", scratch_input_row, run_norm, NULL},
    [RFA_OP_LINEAR] = {"linear", rfa_linear_scratch, rfa_linear_run, rfa_linear_macs},
    [RFA_OP_ATTENTION] = {"attention", rfa_attention_step_scratch, rfa_attention_run, rfa_attention_macs},
    [RFA_OP_SELF_ATTENTION] = {"self_attention", rfa_self_attention_scratch, rfa_self_attention_run,
                               rfa_attention_macs},
    [RFA_OP_ADD] = {"add", scratch_result_row, run_add, NULL},
    [RFA_OP_CHANNELS_LAST] = {"channels_last", NULL, run_channels_last, NULL},
    [RFA_OP_CONV] = {"conv", rfa_conv_scratch, rfa_conv_run, rfa_conv_macs},
    [RFA_OP_MAX_POOL] = {"max_pool", NULL, rfa_max_pool_run, NULL},
    [RFA_OP_DETECTIONS] = {"detections", NULL, rfa_detections_run, NULL},
    [RFA_OP_STORE] = {"store", NULL, rfa_store_run, NULL},
    [RFA_OP_UNIT] = {"unit", NULL, rfa_unit_run, NULL},
    [RFA_OP_RETRIEVE] = {"retrieve", NULL, rfa_retrieve_run, NULL},
    [RFA_OP_GATHER] = {"gather", NULL, rfa_gather_run, NULL},
    [RFA_OP_CONV1D] = {"conv1d", NULL, rfa_conv1d_run, NULL},
    [RFA_OP_SCAN] = {"scan", rfa_scan_step_scratch, rfa_scan_run, NULL},
    [RFA_OP_MEAN] = {"mean", NULL, run_mean, NULL},
    [RFA_OP_MIX] = {"mix", NULL, run_mix, NULL},
    [RFA_OP_ACT] = {"act", NULL, run_act, NULL},
    [RFA_OP_RESHAPE] = {"reshape", NULL, rfa_reshape_run, NULL},
    [RFA_OP_SCORES] = {"scores", NULL, rfa_scores_run, NULL},
    [RFA_OP_SOFTMAX] = {"softmax", NULL, rfa_softmax_run, NULL},
    [RFA_OP_BLEND] = {"blend", NULL, rfa_blend_run, NULL},
    [RFA_OP_AGENTS] = {"agents", NULL, rfa_agents_run, NULL},
};

_Static_assert(RFA_OP_COUNT == 29, "a new op needs a row in this table and a case in the backends");

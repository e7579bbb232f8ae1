#include "ops_cuda.h"

#include <math.h>

#include "quant.h"
#include "sizes.h"

/* ------------------------------------------------------------------ arguments */

static void *data(const struct rfa_cuda_device *d, const struct rfa_session *s, int id)
{
    return id == RFA_NONE ? NULL : d->arena + s->block[id].offset;
}

static float *scales(const struct rfa_cuda_device *d, const struct rfa_session *s, int id)
{
    return (float *)(void *)(d->arena + ((unsigned char *)rfa_scales(s, id) - s->arena));
}

static struct rfa_cuda_q8 q8(const struct rfa_cuda_device *d, const struct rfa_session *s, int id)
{
    struct rfa_cuda_q8 none = {NULL, NULL, 0};
    return id == RFA_NONE ? none : (struct rfa_cuda_q8){data(d, s, id), scales(d, s, id), rfa_tensor(s, id)->zero};
}

static struct rfa_cuda_rows rows_of(const struct rfa_session *s, size_t unit, enum rfa_var var)
{
    return (struct rfa_cuda_rows){(uint32_t)unit, (uint32_t)var, (uint32_t)(unit * s->max_rows[var])};
}

static struct rfa_cuda_rows rows(const struct rfa_session *s, int id)
{
    const struct rfa_shape *shape = &rfa_tensor(s, id)->shape;
    return rows_of(s, shape->rows, shape->var);
}

static uint32_t cols(const struct rfa_session *s, int id)
{
    return (uint32_t)rfa_cols(s, id);
}

static const struct rfa_cuda_step *on_device(const struct rfa_cuda_device *d, const struct rfa_session *s,
                                             const struct rfa_step *step)
{
    return &d->step[step - s->model->graph.step];
}

static struct rfa_cuda_table table(const struct rfa_cuda_weight *w, const struct rfa_weight *host)
{
    return (struct rfa_cuda_table){w->data, host->type == RFA_TYPE_F16};
}

/* Where the float result goes: its tensor, or scratch if only the Q8 form is read. */
static float *float_result(const struct rfa_cuda_device *d, const struct rfa_session *s, const struct rfa_step *step)
{
    return step->out[0] == RFA_NONE ? (float *)(void *)d->scratch : data(d, s, step->out[0]);
}

static size_t scratch_result(const struct rfa_session *s, const struct rfa_step *step, size_t width)
{
    return step->out[0] == RFA_NONE ? rfa_max_rows(s, step->out[1]) * width * sizeof(float) : 0;
}

/* ------------------------------------------------------------------ inputs */

static void run_patches(const struct rfa_cuda_device *d, const struct rfa_session *s, const struct rfa_step *step)
{
    uint32_t image = step->p.patches.image, patch = step->p.patches.patch, side = image / patch;
    struct rfa_cuda_rows r = rows_of(s, (size_t)side * side, RFA_VAR_FRAMES);
    float *dst = float_result(d, s, step);
    rfa_cuda_patches(&d->run, dst, data(d, s, step->in[0]), image, patch, step->p.patches.fp16, r);
    if (step->out[1] != RFA_NONE)
        rfa_cuda_quantize(&d->run, q8(d, s, step->out[1]), dst, 3 * patch * patch, r);
}

static size_t scratch_patches(const struct rfa_session *s, const struct rfa_step *step)
{
    return scratch_result(s, step, (size_t)3 * step->p.patches.patch * step->p.patches.patch);
}

static void run_tokens(const struct rfa_cuda_device *d, const struct rfa_session *s, const struct rfa_step *step)
{
    const struct rfa_cuda_step *w = on_device(d, s, step);
    rfa_cuda_tokens(&d->run, data(d, s, step->out[0]), data(d, s, step->in[0]), table(&w->w, &step->w),
                    table(&w->w2, &step->w2), (uint32_t)step->w2.n, (uint32_t)step->w2.k, rows(s, step->out[0]));
}

static void run_constant(const struct rfa_cuda_device *d, const struct rfa_session *s, const struct rfa_step *step)
{
    rfa_cuda_constant(&d->run, data(d, s, step->out[0]), table(&on_device(d, s, step)->w, &step->w),
                      (uint32_t)step->w.n, (uint32_t)step->w.k, rows(s, step->out[0]));
}

static void run_zero(const struct rfa_cuda_device *d, const struct rfa_session *s, const struct rfa_step *step)
{
    size_t bytes = rfa_max_rows(s, step->out[0]) * rfa_cols(s, step->out[0]) * sizeof(float);
    cudaMemsetAsync(data(d, s, step->out[0]), 0, bytes, d->run.stream); /* checked after the step */
}

static void run_embed(const struct rfa_cuda_device *d, const struct rfa_session *s, const struct rfa_step *step)
{
    const struct rfa_cuda_step *w = on_device(d, s, step);
    rfa_cuda_embed(&d->run, data(d, s, step->out[0]), data(d, s, step->in[0]), table(&w->w, &step->w),
                   table(&w->w2, &step->w2), (uint32_t)step->w.k, rows(s, step->in[0]));
}

static void run_channels_last(const struct rfa_cuda_device *d, const struct rfa_session *s, const struct rfa_step *step)
{
    uint32_t channels = cols(s, step->out[0]);
    size_t values = rfa_max_rows(s, step->in[0]) * rfa_cols(s, step->in[0]);
    rfa_cuda_channels_last(&d->run, data(d, s, step->out[0]), data(d, s, step->in[0]), (uint32_t)(values / channels),
                           channels);
}

/* ------------------------------------------------------------------ rows */

static void run_norm(const struct rfa_cuda_device *d, const struct rfa_session *s, const struct rfa_step *step)
{
    const struct rfa_cuda_weight *w = &on_device(d, s, step)->w;
    struct rfa_cuda_norm_args args = {.dst = data(d, s, step->out[0]),
                                      .q = q8(d, s, step->out[1]),
                                      .x = data(d, s, step->in[0]),
                                      .gamma = w->data,
                                      .beta = w->bias,
                                      .eps = step->p.norm.eps,
                                      .n = (uint32_t)step->w.k,
                                      .rows = rows(s, step->in[0])};
    rfa_cuda_norm(&d->run, &args);
}

_Static_assert(RFA_CUDA_KEYS == 2815 && RFA_CUDA_NORM_COLUMNS == 12272, "as the refusals say");

static const char *refuses_norm(const struct rfa_session *s, const struct rfa_step *step)
{
    (void)s;
    return step->w.k > RFA_CUDA_NORM_COLUMNS ? "rows of more than 12272 columns to normalise" : NULL;
}

/* Where the step that made a map has left its largest magnitude; NULL: it has not, and that is to be found. */
static uint32_t *known_magnitude(const struct rfa_cuda_device *d, const struct rfa_session *s, int map)
{
    const struct rfa_step *step =
        rfa_map_magnitude(s, map) ? &s->model->graph.step[rfa_tensor(s, map)->producer] : NULL;
    bool int8_conv = step && step->op == RFA_OP_CONV && step->w.type == RFA_TYPE_I8;
    return int8_conv ? d->magnitude + (step - s->model->graph.step) : NULL;
}

static void quantize_map(const struct rfa_cuda_device *d, const struct rfa_session *s, const struct rfa_step *step)
{
    const float *x = data(d, s, step->in[0]);
    uint32_t *magnitude = known_magnitude(d, s, step->in[0]), pixels = (uint32_t)rfa_max_rows(s, step->in[0]);
    if (!magnitude) {
        magnitude = d->magnitude + (step - s->model->graph.step);
        rfa_cuda_magnitude(&d->run, magnitude, x, (size_t)pixels * cols(s, step->in[0]));
    }
    rfa_cuda_quantize_map(&d->run, q8(d, s, step->out[0]), x, pixels, cols(s, step->in[0]), magnitude);
}

static void run_quantize(const struct rfa_cuda_device *d, const struct rfa_session *s, const struct rfa_step *step)
{
    if (rfa_tensor(s, step->out[0])->type == RFA_TENSOR_Q8)
        rfa_cuda_quantize(&d->run, q8(d, s, step->out[0]), data(d, s, step->in[0]), cols(s, step->in[0]),
                          rows(s, step->in[0]));
    else
        quantize_map(d, s, step);
}

static void run_unit(const struct rfa_cuda_device *d, const struct rfa_session *s, const struct rfa_step *step)
{
    rfa_cuda_unit(&d->run, data(d, s, step->out[0]), data(d, s, step->in[0]), cols(s, step->in[0]),
                  rows(s, step->in[0]));
}

static void run_softmax(const struct rfa_cuda_device *d, const struct rfa_session *s, const struct rfa_step *step)
{
    rfa_cuda_softmax(&d->run, data(d, s, step->out[0]), data(d, s, step->in[0]), cols(s, step->in[0]),
                     rows(s, step->in[0]));
}

/* ------------------------------------------------------------------ products */

static void int8_product(const struct rfa_cuda_device *d, const struct rfa_session *s, const struct rfa_step *step,
                         enum rfa_act act, float *dst)
{
    const struct rfa_cuda_weight *w = &on_device(d, s, step)->w;
    enum rfa_var var = rfa_tensor(s, step->in[0])->shape.var;
    struct rfa_cuda_gemm_s8_args args = {.dst = dst,
                                         .a = data(d, s, step->in[0]),
                                         .a_stride = rfa_row_bytes(step->w.k),
                                         .a_scale = scales(d, s, step->in[0]),
                                         .a_scale_step = 1,
                                         .a_zero = rfa_tensor(s, step->in[0])->zero,
                                         .w = w->data,
                                         .w_sum = w->sum,
                                         .w_scale = w->scale,
                                         .bias = w->bias,
                                         .residual = data(d, s, step->in[1]),
                                         .n = (uint32_t)step->w.n,
                                         .chunks = (uint32_t)rfa_cuda_chunks(step->w.k),
                                         .rows = rows(s, step->in[0]),
                                         .act = act,
                                         .few = var == RFA_VAR_SENTENCE || var == RFA_VAR_KEYWORD};
    rfa_cuda_gemm_s8(&d->run, &args);
}

static void float_product(const struct rfa_cuda_device *d, const struct rfa_session *s, const struct rfa_step *step,
                          float *dst)
{
    const struct rfa_cuda_weight *w = &on_device(d, s, step)->w;
    struct rfa_cuda_gemm_f32_args args = {.dst = dst,
                                          .dst_stride = step->w.n,
                                          .a = (const float *)data(d, s, step->in[0]) + step->p.linear.first,
                                          .a_stride = rfa_cols(s, step->in[0]),
                                          .w = table(w, &step->w),
                                          .w_stride = step->w.k,
                                          .bias = w->bias,
                                          .residual = data(d, s, step->in[1]),
                                          .k = (uint32_t)step->w.k,
                                          .rows = rows(s, step->in[0]),
                                          .outputs = rows_of(s, step->w.n, RFA_VAR_ONE),
                                          .act = step->p.linear.act};
    rfa_cuda_gemm_f32(&d->run, &args);
}

static void run_linear(const struct rfa_cuda_device *d, const struct rfa_session *s, const struct rfa_step *step)
{
    float *dst = float_result(d, s, step);
    if (step->w.type == RFA_TYPE_I8)
        int8_product(d, s, step, step->p.linear.act, dst);
    else
        float_product(d, s, step, dst);
    if (step->out[1] != RFA_NONE)
        rfa_cuda_quantize(&d->run, q8(d, s, step->out[1]), dst, (uint32_t)step->w.n, rows(s, step->in[0]));
}

static size_t scratch_linear(const struct rfa_session *s, const struct rfa_step *step)
{
    return scratch_result(s, step, step->w.n);
}

static void run_scores(const struct rfa_cuda_device *d, const struct rfa_session *s, const struct rfa_step *step)
{
    const float *other = (const float *)data(d, s, step->in[1]) + step->p.scores.b_first;
    struct rfa_cuda_gemm_f32_args args = {.dst = data(d, s, step->out[0]),
                                          .dst_stride = rfa_cols(s, step->out[0]),
                                          .a = (const float *)data(d, s, step->in[0]) + step->p.scores.a_first,
                                          .a_stride = rfa_cols(s, step->in[0]),
                                          .w = {other, 0},
                                          .w_stride = rfa_cols(s, step->in[1]),
                                          .k = (uint32_t)step->w.k,
                                          .rows = rows(s, step->in[0]),
                                          .outputs = rows(s, step->in[1]),
                                          .scale = step->p.scores.scale,
                                          .scaled = 1};
    rfa_cuda_gemm_f32(&d->run, &args);
}

static void run_blend(const struct rfa_cuda_device *d, const struct rfa_session *s, const struct rfa_step *step)
{
    const struct rfa_cuda_weight *w = &on_device(d, s, step)->w;
    struct rfa_cuda_blend_args args = {.dst = data(d, s, step->out[0]),
                                       .weight = w->data ? w->data : data(d, s, step->in[1]),
                                       .bias = w->bias,
                                       .x = (const float *)data(d, s, step->in[0]) + step->p.blend.first,
                                       .x_stride = rfa_cols(s, step->in[0]),
                                       .d = cols(s, step->out[0]),
                                       .rows = rows(s, step->out[0]),
                                       .inner = rows(s, step->in[0])};
    rfa_cuda_blend(&d->run, &args);
}

/* ------------------------------------------------------------------ maps */

/* 1x1 with stride 1: the map's rows are the operand. */
static bool is_direct(const struct rfa_step *step)
{
    bool padded = step->w.type != RFA_TYPE_I8 || rfa_map_row_bytes(step->p.conv.channels) == rfa_row_bytes(step->w.k);
    return step->p.conv.kernel == 1 && step->p.conv.stride == 1 && padded;
}

static size_t window_row_bytes(const struct rfa_step *step)
{
    return step->w.type == RFA_TYPE_I8 ? rfa_row_bytes(step->w.k) : step->w.k * sizeof(float);
}

static size_t scratch_conv(const struct rfa_session *s, const struct rfa_step *step)
{
    (void)s;
    return is_direct(step) ? 0 : step->p.conv.out_height * step->p.conv.out_width * window_row_bytes(step);
}

static const void *windows(const struct rfa_cuda_device *d, const struct rfa_session *s, const struct rfa_step *step)
{
    bool int8 = step->w.type == RFA_TYPE_I8;
    size_t channels = step->p.conv.channels;
    if (is_direct(step))
        return data(d, s, step->in[0]);
    struct rfa_cuda_window args = {.dst = d->scratch,
                                   .map = data(d, s, step->in[0]),
                                   .row_bytes = window_row_bytes(step),
                                   .pixel_bytes = int8 ? rfa_map_row_bytes(channels) : channels * sizeof(float),
                                   .height = (uint32_t)step->p.conv.height,
                                   .width = (uint32_t)step->p.conv.width,
                                   .channel_bytes = (uint32_t)(channels * (int8 ? 1 : sizeof(float))),
                                   .kernel = (uint32_t)step->p.conv.kernel,
                                   .stride = (uint32_t)step->p.conv.stride,
                                   .pad = (uint32_t)step->p.conv.pad,
                                   .out_height = (uint32_t)step->p.conv.out_height,
                                   .out_width = (uint32_t)step->p.conv.out_width,
                                   .zero = 0x01010101u * (uint8_t)rfa_tensor(s, step->in[0])->zero};
    rfa_cuda_windows(&d->run, &args);
    return d->scratch;
}

static void run_conv(const struct rfa_cuda_device *d, const struct rfa_session *s, const struct rfa_step *step)
{
    const struct rfa_cuda_weight *w = &on_device(d, s, step)->w;
    const void *a = windows(d, s, step);
    float *dst = data(d, s, step->out[0]);
    const float *residual = data(d, s, step->in[1]);
    enum rfa_act act = step->p.conv.relu && !residual ? RFA_ACT_RELU : RFA_ACT_NONE;
    struct rfa_cuda_rows pixels = rows_of(s, step->p.conv.out_height * step->p.conv.out_width, RFA_VAR_ONE);
    struct rfa_cuda_gemm_s8_args int8 = {.dst = dst,
                                         .a = a,
                                         .a_stride = rfa_row_bytes(step->w.k),
                                         .w = w->data,
                                         .w_scale = w->scale,
                                         .w_sum = w->sum,
                                         .bias = w->bias,
                                         .residual = residual,
                                         .n = (uint32_t)step->w.n,
                                         .chunks = (uint32_t)rfa_cuda_chunks(step->w.k),
                                         .rows = pixels,
                                         .act = act,
                                         .relu_last = step->p.conv.relu && residual};
    struct rfa_cuda_gemm_f32_args wide = {.dst = dst,
                                          .dst_stride = step->w.n,
                                          .a = a,
                                          .a_stride = step->w.k,
                                          .w = table(w, &step->w),
                                          .w_stride = step->w.k,
                                          .bias = w->bias,
                                          .residual = residual,
                                          .k = (uint32_t)step->w.k,
                                          .rows = pixels,
                                          .outputs = rows_of(s, step->w.n, RFA_VAR_ONE),
                                          .act = act,
                                          .relu_last = int8.relu_last};
    if (step->w.type == RFA_TYPE_I8) {
        int8.a_scale = scales(d, s, step->in[0]);
        int8.a_zero = rfa_tensor(s, step->in[0])->zero;
        int8.magnitude = known_magnitude(d, s, step->out[0]);
        rfa_cuda_gemm_s8(&d->run, &int8);
    } else {
        rfa_cuda_gemm_f32(&d->run, &wide);
    }
}

static void run_max_pool(const struct rfa_cuda_device *d, const struct rfa_session *s, const struct rfa_step *step)
{
    rfa_cuda_max_pool(&d->run, data(d, s, step->out[0]), data(d, s, step->in[0]), (uint32_t)step->p.conv.height,
                      (uint32_t)step->p.conv.width, (uint32_t)step->p.conv.channels, (uint32_t)step->p.conv.out_height,
                      (uint32_t)step->p.conv.out_width);
}

/* ------------------------------------------------------------------ attention */

static bool per_frame(const struct rfa_session *s, int id)
{
    return rfa_tensor(s, id)->shape.var == RFA_VAR_FRAMES;
}

static struct rfa_cuda_operand operand(const struct rfa_cuda_device *d, const struct rfa_session *s, int id,
                                       size_t first)
{
    return (struct rfa_cuda_operand){(const float *)data(d, s, id) + first, rfa_cols(s, id), per_frame(s, id)};
}

/* Rows of one sequence. */
static struct rfa_cuda_rows sequence_rows(const struct rfa_session *s, int id)
{
    const struct rfa_shape *shape = &rfa_tensor(s, id)->shape;
    return rows_of(s, shape->rows, per_frame(s, id) ? RFA_VAR_ONE : shape->var);
}

static struct rfa_cuda_attention attention_args(const struct rfa_cuda_device *d, const struct rfa_session *s,
                                                const struct rfa_step *step, int queries, int keys)
{
    return (struct rfa_cuda_attention){.dst = data(d, s, step->out[0]),
                                       .dst_stride = rfa_cols(s, step->out[0]),
                                       .sequences = rows_of(s, 1, per_frame(s, queries) ? RFA_VAR_FRAMES : RFA_VAR_ONE),
                                       .rows = sequence_rows(s, queries),
                                       .keys = sequence_rows(s, keys),
                                       .heads = (uint32_t)step->p.attention.heads,
                                       .d = (uint32_t)step->p.attention.dim,
                                       .scale = 1.0f / sqrtf((float)step->p.attention.dim),
                                       .causal = step->p.attention.causal,
                                       .scratch = d->scratch};
}

static void run_attention(const struct rfa_cuda_device *d, const struct rfa_session *s, const struct rfa_step *step)
{
    struct rfa_cuda_attention args = attention_args(d, s, step, step->in[0], step->in[2]);
    args.q = operand(d, s, step->in[0], step->p.attention.q_first);
    args.k = operand(d, s, step->in[2], step->p.attention.k_first);
    args.v = operand(d, s, step->in[1], step->p.attention.v_first);
    if (step->p.attention.int8)
        rfa_cuda_attention_s8(&d->run, &args);
    else
        rfa_cuda_attention_f32(&d->run, &args);
}

static size_t int8_attention_scratch(const struct rfa_session *s, const struct rfa_step *step, int queries, int keys)
{
    size_t sequences = per_frame(s, queries) ? s->max_rows[RFA_VAR_FRAMES] : 1;
    return rfa_cuda_attention_scratch(sequences, step->p.attention.heads, sequence_rows(s, keys).most,
                                      step->p.attention.dim);
}

static size_t scratch_attention(const struct rfa_session *s, const struct rfa_step *step)
{
    return step->p.attention.int8 ? int8_attention_scratch(s, step, step->in[0], step->in[2]) : 0;
}

/* Of the projection's result, which lies in front of what attention needs. */
static size_t projected_bytes(const struct rfa_session *s, const struct rfa_step *step)
{
    return rfa_round_up(rfa_max_rows(s, step->in[0]) * step->w.n * sizeof(float), 256);
}

static void run_self_attention(const struct rfa_cuda_device *d, const struct rfa_session *s,
                               const struct rfa_step *step)
{
    float *qkv = (float *)(void *)d->scratch;
    int8_product(d, s, step, RFA_ACT_NONE, qkv);
    struct rfa_cuda_attention args = attention_args(d, s, step, step->in[0], step->in[0]);
    int sequences = per_frame(s, step->in[0]);
    args.q = (struct rfa_cuda_operand){qkv + step->p.attention.q_first, step->w.n, sequences};
    args.k = (struct rfa_cuda_operand){qkv + step->p.attention.k_first, step->w.n, sequences};
    args.v = (struct rfa_cuda_operand){qkv + step->p.attention.v_first, step->w.n, sequences};
    args.scratch = d->scratch + projected_bytes(s, step);
    rfa_cuda_attention_s8(&d->run, &args);
}

static size_t scratch_self_attention(const struct rfa_session *s, const struct rfa_step *step)
{
    return projected_bytes(s, step) + int8_attention_scratch(s, step, step->in[0], step->in[0]);
}

/* Self-attention is int8 always. */
static const char *refuses_attention(const struct rfa_session *s, const struct rfa_step *step)
{
    if (step->p.attention.dim > 256)
        return "heads of more than 256 columns";
    if (!step->p.attention.int8 && sequence_rows(s, step->in[2]).most > RFA_CUDA_KEYS)
        return "float attention over more than 2815 keys";
    return NULL;
}

/* ------------------------------------------------------------------ sums */

static void run_add(const struct rfa_cuda_device *d, const struct rfa_session *s, const struct rfa_step *step)
{
    bool one_row = step->in[1] != RFA_NONE && rfa_max_rows(s, step->in[1]) == 1 &&
                   rfa_tensor(s, step->in[1])->shape.var == RFA_VAR_ONE;
    rfa_cuda_add(&d->run, data(d, s, step->out[0]), data(d, s, step->in[0]), data(d, s, step->in[1]),
                 table(&on_device(d, s, step)->w, &step->w), one_row, cols(s, step->in[0]), rows(s, step->in[0]));
}

static void run_mean(const struct rfa_cuda_device *d, const struct rfa_session *s, const struct rfa_step *step)
{
    struct rfa_cuda_mean_args args = {.dst = data(d, s, step->out[0]),
                                      .x = data(d, s, step->in[0]),
                                      .rows = rows(s, step->out[0]),
                                      .count = rows_of(s, step->p.mean.count, step->p.mean.var),
                                      .step = (uint32_t)step->p.mean.step,
                                      .base = (uint32_t)step->p.mean.base,
                                      .d = cols(s, step->out[0])};
    rfa_cuda_mean(&d->run, &args);
}

static void run_mix(const struct rfa_cuda_device *d, const struct rfa_session *s, const struct rfa_step *step)
{
    rfa_cuda_mix(&d->run, data(d, s, step->out[0]), data(d, s, step->in[0]), data(d, s, step->in[1]),
                 step->p.mix.divisor, cols(s, step->in[0]), rows(s, step->in[0]));
}

static void run_act(const struct rfa_cuda_device *d, const struct rfa_session *s, const struct rfa_step *step)
{
    rfa_cuda_act(&d->run, data(d, s, step->out[0]), data(d, s, step->in[0]), step->p.act, cols(s, step->in[0]),
                 rows(s, step->in[0]));
}

static void run_reshape(const struct rfa_cuda_device *d, const struct rfa_session *s, const struct rfa_step *step)
{
    rfa_cuda_act(&d->run, data(d, s, step->out[0]), data(d, s, step->in[0]), RFA_ACT_NONE, cols(s, step->in[0]),
                 rows(s, step->in[0]));
}

static void run_agents(const struct rfa_cuda_device *d, const struct rfa_session *s, const struct rfa_step *step)
{
    rfa_cuda_agents(&d->run, data(d, s, step->out[0]), data(d, s, step->in[0]), data(d, s, step->in[1]),
                    cols(s, step->out[0]), rows(s, step->out[0]));
}

/* ------------------------------------------------------------------ head */

static void run_detections(const struct rfa_cuda_device *d, const struct rfa_session *s, const struct rfa_step *step)
{
    const struct rfa_cuda_weight *w = &on_device(d, s, step)->w;
    struct rfa_cuda_detections_args args = {.dst = data(d, s, step->out[0]),
                                            .logits = data(d, s, step->in[0]),
                                            .boxes = data(d, s, step->in[1]),
                                            .w = w->data,
                                            .bias = w->bias,
                                            .classes = step->p.detections.classes,
                                            .person = step->p.detections.person,
                                            .d = (uint32_t)step->w.n,
                                            .rows = rows(s, step->in[0])};
    rfa_cuda_detections(&d->run, &args);
}

static void run_store(const struct rfa_cuda_device *d, const struct rfa_session *s, const struct rfa_step *step)
{
    rfa_cuda_store(&d->run, data(d, s, step->out[0]), data(d, s, step->in[0]),
                   (uint32_t)(step->p.clip.tokens * rfa_cols(s, step->in[0])), rows_of(s, 1, RFA_VAR_FRAMES));
}

static void run_retrieve(const struct rfa_cuda_device *d, const struct rfa_session *s, const struct rfa_step *step)
{
    struct rfa_cuda_retrieve_args args = {.index = data(d, s, step->out[0]),
                                          .margin = data(d, s, step->out[1]),
                                          .query = data(d, s, step->in[0]),
                                          .token = data(d, s, step->in[1]),
                                          .n = (uint32_t)step->p.clip.tokens,
                                          .k = cols(s, step->in[0]),
                                          .frames = (uint32_t)step->p.clip.frames,
                                          .rows = rows(s, step->in[0])};
    rfa_cuda_retrieve(&d->run, &args);
}

static const char *refuses_retrieve(const struct rfa_session *s, const struct rfa_step *step)
{
    (void)s;
    return step->p.clip.tokens > 12288 ? "more than 12288 tokens a frame" : NULL; /* their cosines fill shared memory */
}

static void run_gather(const struct rfa_cuda_device *d, const struct rfa_session *s, const struct rfa_step *step)
{
    struct rfa_cuda_rows r = rows(s, step->in[0]);
    uint32_t frames = (uint32_t)step->p.clip.frames;
    r.unit *= frames;
    r.most *= frames;
    rfa_cuda_gather(&d->run, data(d, s, step->out[0]), data(d, s, step->in[0]), data(d, s, step->in[1]),
                    (uint32_t)step->p.clip.tokens, frames, cols(s, step->in[1]), r);
}

static void run_conv1d(const struct rfa_cuda_device *d, const struct rfa_session *s, const struct rfa_step *step)
{
    const struct rfa_cuda_weight *w = &on_device(d, s, step)->w;
    rfa_cuda_conv1d(&d->run, data(d, s, step->out[0]), data(d, s, step->in[0]), rfa_cols(s, step->in[0]), w->data,
                    w->bias, cols(s, step->out[0]), (uint32_t)step->p.mamba.taps, rows(s, step->out[0]));
}

static void run_scan(const struct rfa_cuda_device *d, const struct rfa_session *s, const struct rfa_step *step)
{
    const struct rfa_cuda_weight *w = &on_device(d, s, step)->w;
    size_t inner = rfa_cols(s, step->out[0]), states = step->p.mamba.states, rank = step->p.mamba.rank;
    const float *dbc = data(d, s, step->in[2]);
    struct rfa_cuda_scan_args args = {.dst = data(d, s, step->out[0]),
                                      .delta = data(d, s, step->in[0]),
                                      .u = data(d, s, step->in[1]),
                                      .z = (const float *)data(d, s, step->in[3]) + inner,
                                      .b = dbc + rank,
                                      .c = dbc + rank + states,
                                      .a = w->data,
                                      .d = w->bias,
                                      .z_stride = 2 * inner,
                                      .bc_stride = rank + 2 * states,
                                      .channels = (uint32_t)inner,
                                      .states = (uint32_t)states,
                                      .length = rows(s, step->out[0])};
    rfa_cuda_scan(&d->run, &args);
}

static const char *refuses_scan(const struct rfa_session *s, const struct rfa_step *step)
{
    (void)s;
    return step->p.mamba.states > 256 ? "more than 256 states" : NULL;
}

/* ------------------------------------------------------------------ the table */

const struct rfa_cuda_op rfa_cuda_ops[RFA_OP_COUNT] = {
    [RFA_OP_PATCHES] = {run_patches, scratch_patches, NULL},
    [RFA_OP_TOKENS] = {run_tokens, NULL, NULL},
    [RFA_OP_CONSTANT] = {run_constant, NULL, NULL},
    [RFA_OP_ZERO] = {run_zero, NULL, NULL},
    [RFA_OP_EMBED] = {run_embed, NULL, NULL},
    [RFA_OP_QUANTIZE] = {run_quantize, NULL, NULL},
    [RFA_OP_NORM] = {run_norm, NULL, refuses_norm},
    [RFA_OP_LINEAR] = {run_linear, scratch_linear, NULL},
    [RFA_OP_ATTENTION] = {run_attention, scratch_attention, refuses_attention},
    [RFA_OP_SELF_ATTENTION] = {run_self_attention, scratch_self_attention, refuses_attention},
    [RFA_OP_ADD] = {run_add, NULL, NULL},
    [RFA_OP_CHANNELS_LAST] = {run_channels_last, NULL, NULL},
    [RFA_OP_CONV] = {run_conv, scratch_conv, NULL},
    [RFA_OP_MAX_POOL] = {run_max_pool, NULL, NULL},
    [RFA_OP_DETECTIONS] = {run_detections, NULL, NULL},
    [RFA_OP_STORE] = {run_store, NULL, NULL},
    [RFA_OP_UNIT] = {run_unit, NULL, NULL},
    [RFA_OP_RETRIEVE] = {run_retrieve, NULL, refuses_retrieve},
    [RFA_OP_GATHER] = {run_gather, NULL, NULL},
    [RFA_OP_CONV1D] = {run_conv1d, NULL, NULL},
    [RFA_OP_SCAN] = {run_scan, NULL, refuses_scan},
    [RFA_OP_MEAN] = {run_mean, NULL, NULL},
    [RFA_OP_MIX] = {run_mix, NULL, NULL},
    [RFA_OP_ACT] = {run_act, NULL, NULL},
    [RFA_OP_RESHAPE] = {run_reshape, NULL, NULL},
    [RFA_OP_SCORES] = {run_scores, NULL, NULL},
    [RFA_OP_SOFTMAX] = {run_softmax, NULL, NULL},
    [RFA_OP_BLEND] = {run_blend, NULL, NULL},
    [RFA_OP_AGENTS] = {run_agents, NULL, NULL},
};

_Static_assert(RFA_OP_COUNT == 29, "a new op needs a row in this table");
_Static_assert((int)RFA_VAR_COUNT == (int)RFA_CUDA_VARS, "kernels read the current call by enum rfa_var");

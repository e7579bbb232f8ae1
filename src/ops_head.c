/* Ops of the head: person tokens, the clip's ring, retrieval, and the parts of a Mamba block. */
#include "ops.h"

#include <string.h>

struct head_task {
    const struct rfa_session *s;
    const struct rfa_step *step;
};

/* First index of the largest score: the reference's argmax. */
static size_t argmax(const float *x, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (x[i] > x[best])
            best = i;
    return best;
}

/* token = W b + (W' person_word + bias), b = corners of the box with width and height exchanged, as the reference has
 * them; zeros for everything that is not a person. The constant in brackets is the file's bias. */
static void detections_task(void *context, size_t i, int thread)
{
    const struct head_task *t = context;
    const struct rfa_step *step = t->step;
    size_t classes = step->p.detections.classes, d = step->w.n;
    const float *logits = (const float *)rfa_data(t->s, step->in[0]) + i * classes;
    const float *box = (const float *)rfa_data(t->s, step->in[1]) + i * 4;
    float *token = (float *)rfa_data(t->s, step->out[0]) + i * d;
    (void)thread;
    if (argmax(logits, classes) != step->p.detections.person) {
        memset(token, 0, d * sizeof *token);
        return;
    }
    float half_x = box[3] * 0.5f, half_y = box[2] * 0.5f; /* exchanged */
    const float corners[4] = {box[0] - half_x, box[1] - half_y, box[0] + half_x, box[1] + half_y};
    struct rfa_gemm_f32_args args = {.dst = token,
                                     .dst_stride = d,
                                     .a = corners,
                                     .a_stride = 4,
                                     .w = step->w.data,
                                     .w_stride = 4,
                                     .bias = step->w.bias,
                                     .m = 1,
                                     .n = d,
                                     .k = 4};
    t->s->kernels.gemm_f32(&args);
}

void rfa_detections_run(const struct rfa_session *s, const struct rfa_step *step)
{
    struct head_task t = {s, step};
    rfa_parallel_for(&s->team, rfa_rows(s, step->in[0]), detections_task, &t);
}

void rfa_store_run(const struct rfa_session *s, const struct rfa_step *step)
{
    size_t frame = step->p.clip.tokens * rfa_cols(s, step->in[0]);
    memcpy((float *)rfa_data(s, step->out[0]) + s->slot * frame, rfa_data(s, step->in[0]),
           s->rows[RFA_VAR_FRAMES] * frame * sizeof(float));
}

static struct rfa_split unit_split(const struct rfa_session *s, const struct rfa_step *step)
{
    return rfa_split_each(rfa_rows(s, step->in[0]), (size_t)s->options.threads);
}

static void unit_task(void *context, size_t task, int thread)
{
    const struct head_task *t = context;
    struct rfa_split split = unit_split(t->s, t->step);
    struct rfa_part rows = rfa_task_rows(&split, task);
    size_t d = rfa_cols(t->s, t->step->in[0]);
    const float *x = rfa_data(t->s, t->step->in[0]);
    float *dst = rfa_data(t->s, t->step->out[0]);
    (void)thread;
    for (size_t i = rows.first; i < rows.first + rows.count; i++)
        t->s->kernels.unit_f32(dst + i * d, x + i * d, d);
}

void rfa_unit_run(const struct rfa_session *s, const struct rfa_step *step)
{
    struct head_task t = {s, step};
    struct rfa_split split = unit_split(s, step);
    rfa_parallel_for(&s->team, rfa_split_tasks(&split), unit_task, &t);
}

/* One task a frame: its tokens stay in cache while all queries pass. */
static void retrieve_task(void *context, size_t frame, int thread)
{
    const struct head_task *t = context;
    const struct rfa_step *step = t->step;
    size_t d = rfa_cols(t->s, step->in[0]), n = step->p.clip.tokens;
    (void)thread;
    struct rfa_retrieve_args args = {.index = (int32_t *)rfa_data(t->s, step->out[0]) + frame,
                                     .margin = (float *)rfa_data(t->s, step->out[1]) + frame,
                                     .out_stride = step->p.clip.frames,
                                     .query = rfa_data(t->s, step->in[0]),
                                     .token = (const float *)rfa_data(t->s, step->in[1]) + frame * n * d,
                                     .query_stride = d,
                                     .token_stride = d,
                                     .m = rfa_rows(t->s, step->in[0]),
                                     .n = n,
                                     .k = d};
    t->s->kernels.retrieve_f32(&args);
}

void rfa_retrieve_run(const struct rfa_session *s, const struct rfa_step *step)
{
    struct head_task t = {s, step};
    rfa_parallel_for(&s->team, step->p.clip.frames, retrieve_task, &t);
}

static void gather_task(void *context, size_t m, int thread)
{
    const struct head_task *t = context;
    const struct rfa_step *step = t->step;
    size_t d = rfa_cols(t->s, step->in[1]), n = step->p.clip.tokens, frames = step->p.clip.frames;
    const int32_t *index = (const int32_t *)rfa_data(t->s, step->in[0]) + m * frames;
    const float *rows = rfa_data(t->s, step->in[1]);
    float *dst = (float *)rfa_data(t->s, step->out[0]) + m * frames * d;
    (void)thread;
    for (size_t f = 0; f < frames; f++) {
        size_t i = index[f] >= 0 && (size_t)index[f] < n ? (size_t)index[f] : 0; /* an index is data: never trusted */
        memcpy(dst + f * d, rows + (f * n + i) * d, d * sizeof *dst);
    }
}

void rfa_gather_run(const struct rfa_session *s, const struct rfa_step *step)
{
    struct head_task t = {s, step};
    rfa_parallel_for(&s->team, rfa_rows(s, step->in[0]), gather_task, &t);
}

/* ------------------------------------------------------------------ Mamba */

/* Channels of a task: as many as the scan takes through time together, half of them where threads would go without. */
static size_t task_channels(const struct rfa_session *s, const struct rfa_step *step)
{
    const size_t most = 16 * RFA_SCAN_PANELS;
    return rfa_cols(s, step->out[0]) >= most * (size_t)s->team.threads ? most : most / 2;
}

static size_t channel_tasks(const struct rfa_session *s, const struct rfa_step *step)
{
    size_t channels = task_channels(s, step);
    return (rfa_cols(s, step->out[0]) + channels - 1) / channels;
}

static size_t channels_of(const struct head_task *t, size_t first)
{
    size_t left = rfa_cols(t->s, t->step->out[0]) - first, most = task_channels(t->s, t->step);
    return left < most ? left : most;
}

static void conv1d_task(void *context, size_t task, int thread)
{
    const struct head_task *t = context;
    const struct rfa_step *step = t->step;
    size_t first = task * task_channels(t->s, step), taps = step->p.mamba.taps;
    (void)thread;
    struct rfa_conv1d_args args = {.dst = (float *)rfa_data(t->s, step->out[0]) + first,
                                   .dst_stride = rfa_cols(t->s, step->out[0]),
                                   .x = (const float *)rfa_data(t->s, step->in[0]) + first,
                                   .x_stride = rfa_cols(t->s, step->in[0]),
                                   .w = (const float *)step->w.data + first * taps,
                                   .bias = step->w.bias + first,
                                   .length = rfa_rows(t->s, step->out[0]),
                                   .channels = channels_of(t, first),
                                   .taps = taps};
    t->s->kernels.conv1d_silu_f32(&args);
}

void rfa_conv1d_run(const struct rfa_session *s, const struct rfa_step *step)
{
    struct head_task t = {s, step};
    rfa_parallel_for(&s->team, channel_tasks(s, step), conv1d_task, &t);
}

static void scan_task(void *context, size_t task, int thread)
{
    const struct head_task *t = context;
    const struct rfa_step *step = t->step;
    size_t first = task * task_channels(t->s, step);
    size_t inner = rfa_cols(t->s, step->out[0]), states = step->p.mamba.states;
    const float *dbc = rfa_data(t->s, step->in[2]);
    struct rfa_scan_args args = {.dst = (float *)rfa_data(t->s, step->out[0]) + first,
                                 .dst_stride = inner,
                                 .delta = (const float *)rfa_data(t->s, step->in[0]) + first,
                                 .u = (const float *)rfa_data(t->s, step->in[1]) + first,
                                 .z = (const float *)rfa_data(t->s, step->in[3]) + inner + first,
                                 .delta_stride = inner,
                                 .u_stride = inner,
                                 .z_stride = 2 * inner,
                                 .b = dbc + step->p.mamba.rank,
                                 .cmat = dbc + step->p.mamba.rank + states,
                                 .bc_stride = step->p.mamba.rank + 2 * states,
                                 .a = (const float *)step->w.data + first * states,
                                 .d = step->w.bias + first,
                                 .length = rfa_rows(t->s, step->out[0]),
                                 .channels = channels_of(t, first),
                                 .states = states,
                                 .scratch = rfa_scratch(t->s, step, thread)};
    t->s->kernels.scan_f32(&args);
}

size_t rfa_scan_step_scratch(const struct rfa_session *s, const struct rfa_step *step)
{
    (void)s;
    return rfa_scan_scratch(step->p.mamba.states);
}

void rfa_scan_run(const struct rfa_session *s, const struct rfa_step *step)
{
    struct head_task t = {s, step};
    rfa_parallel_for(&s->team, channel_tasks(s, step), scan_task, &t);
}

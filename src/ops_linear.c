/* Matrix products: how a step's rows and outputs are split into tasks. Every split gives the same bits; only speed
 * depends on it. */
#include "ops.h"

#include "backend_blas.h"
#include "quant.h"

/* Activation bytes that one task rereads while weights stream past: they should stay in a core's second-level cache. A
 * small one they share evenly with panels and results; from 1 MiB up, and where it is not known, they take 1 MiB. */
enum { A_BLOCK_BYTES = 1 << 20 };

size_t rfa_row_block_bytes(const struct rfa_options *options)
{
    size_t cache = options->cache_bytes;
    return cache && cache < A_BLOCK_BYTES ? cache / 2 : A_BLOCK_BYTES;
}

enum { FLOAT_ROWS = 128, FLOAT_OUTPUTS = 16 };

struct product {
    const struct rfa_session *s;
    const struct rfa_step *step;
    size_t rows, outputs; /* of the whole product */
    struct rfa_split split;
    float *dst;            /* of int8: [rows][outputs] */
    unsigned char *kernel; /* its scratch, of thread 0, and bytes from thread to thread */
    size_t kernel_step;
};

/* ------------------------------------------------------------------ float */

size_t rfa_float_product_scratch(const struct rfa_weight *w)
{
    return w->type == RFA_TYPE_F16 ? FLOAT_OUTPUTS * w->k * sizeof(float) : 0;
}

void rfa_float_product(const struct rfa_kernels *k, const struct rfa_weight *w, struct rfa_gemm_f32_args args,
                       void *scratch)
{
    args.w_stride = w->k;
    if (w->type == RFA_TYPE_F32) {
        k->gemm_f32(&args);
        return;
    }
    const uint16_t *half = (const uint16_t *)(const void *)args.w;
    size_t n = args.n;
    for (size_t i = 0; i < n; i += args.n) {
        args.n = rfa_smaller(FLOAT_OUTPUTS, n - i);
        k->f16_to_f32(scratch, half + i * w->k, args.n * w->k);
        args.w = scratch;
        k->gemm_f32(&args);
        args.dst += args.n;
        args.bias = args.bias ? args.bias + args.n : NULL;
        args.residual = args.residual ? args.residual + args.n : NULL;
    }
}

static void float_task(void *context, size_t task, int thread)
{
    const struct product *p = context;
    const struct rfa_step *step = p->step;
    const struct rfa_weight *w = &step->w;
    struct rfa_part rows = rfa_task_rows(&p->split, task), outputs = rfa_task_outputs(&p->split, task);
    size_t m = rows.first, n = outputs.first, stride = rfa_cols(p->s, step->in[0]);
    const float *residual = rfa_data(p->s, step->in[1]);
    struct rfa_gemm_f32_args args = {
        .dst = (float *)rfa_data(p->s, step->out[0]) + m * p->outputs + n,
        .dst_stride = p->outputs,
        .a = (const float *)rfa_data(p->s, step->in[0]) + m * stride + step->p.linear.first,
        .a_stride = stride,
        .w = (const float *)(const void *)((const char *)w->data + n * w->k * rfa_type_bytes(w->type)),
        .bias = w->bias ? w->bias + n : NULL,
        .residual = residual ? residual + m * p->outputs + n : NULL,
        .residual_stride = p->outputs,
        .m = rows.count,
        .n = outputs.count,
        .k = w->k,
        .act = step->p.linear.act,
    };
    rfa_float_product(&p->s->kernels, w, args, rfa_scratch(p->s, step, thread));
}

static void run_float(struct product *p)
{
    size_t threads = (size_t)p->s->options.threads;
    const struct rfa_split_rule rule = {.threads = threads,
                                        .tile = 1,
                                        .most_rows = FLOAT_ROWS,
                                        .least_rows = RFA_FEW_ROWS,
                                        .unit = FLOAT_OUTPUTS,
                                        .least_unit = FLOAT_OUTPUTS,
                                        .tasks = RFA_TASKS_A_THREAD};
    p->split = rfa_split_product(p->rows, p->outputs, &rule);
    rfa_parallel_for(&p->s->team, rfa_split_tasks(&p->split), float_task, p);
}

/* ------------------------------------------------------------------ float, by OpenBLAS */

/* From this many multiply-accumulates, measured: below, its own threads cost more than they bring. */
static const double BLAS_MACS = 4e6;

enum { BLAS_OUTPUTS = 256 }; /* F16 weights are widened this many rows at a time */

struct blas_chunk {
    const struct product *p;
    size_t first, count;
    float *wide;
};

static bool uses_blas(const struct rfa_session *s, const struct rfa_weight *w, size_t rows)
{
    return s->options.blas && w->type != RFA_TYPE_I8 && (double)rows * (double)w->n * (double)w->k >= BLAS_MACS;
}

static void widen_task(void *context, size_t i, int thread)
{
    const struct blas_chunk *c = context;
    const struct rfa_weight *w = &c->p->step->w;
    (void)thread;
    c->p->s->kernels.f16_to_f32(c->wide + i * w->k, (const uint16_t *)w->data + (c->first + i) * w->k, w->k);
}

/* Bias, activation and residual of one row's chunk. */
static void finish_task(void *context, size_t row, int thread)
{
    const struct blas_chunk *c = context;
    const struct product *p = c->p;
    const struct rfa_kernels *k = &p->s->kernels;
    size_t at = row * p->outputs + c->first;
    float *dst = (float *)rfa_data(p->s, p->step->out[0]) + at;
    const float *residual = rfa_data(p->s, p->step->in[1]);
    (void)thread;
    if (p->step->w.bias)
        k->add_f32(dst, dst, p->step->w.bias + c->first, c->count);
    if (p->step->p.linear.act != RFA_ACT_NONE)
        k->act_f32(dst, c->count, p->step->p.linear.act);
    if (residual)
        k->add_f32(dst, dst, residual + at, c->count);
}

static void run_blas(const struct product *p)
{
    const struct rfa_weight *w = &p->step->w;
    size_t stride = rfa_cols(p->s, p->step->in[0]);
    const float *a = (const float *)rfa_data(p->s, p->step->in[0]) + p->step->p.linear.first;
    size_t chunk = w->type == RFA_TYPE_F16 ? BLAS_OUTPUTS : w->n;
    struct blas_chunk c = {.p = p, .wide = rfa_scratch(p->s, p->step, 0)};
    for (c.first = 0; c.first < w->n; c.first += chunk) {
        c.count = rfa_smaller(chunk, w->n - c.first);
        const float *rows = (const float *)w->data + c.first * w->k;
        if (w->type == RFA_TYPE_F16) {
            rfa_parallel_for(&p->s->team, c.count, widen_task, &c);
            rows = c.wide;
        }
        rfa_blas_product((float *)rfa_data(p->s, p->step->out[0]) + c.first, p->outputs, a, stride, rows, w->k, p->rows,
                         c.count, w->k);
        rfa_parallel_for(&p->s->team, p->rows, finish_task, &c);
    }
}

/* All threads' scratch lies in one piece: the first thread's address serves for the widened rows. */
static size_t blas_scratch(const struct rfa_session *s, const struct rfa_weight *w)
{
    size_t bytes = w->type == RFA_TYPE_F16 ? BLAS_OUTPUTS * w->k * sizeof(float) : 0;
    return rfa_divide_up(bytes, (size_t)s->options.threads);
}

/* ------------------------------------------------------------------ int8 */

struct rfa_gemm_s8_args rfa_int8_operands(const struct rfa_session *s, const struct rfa_step *step, size_t row,
                                          size_t output)
{
    const struct rfa_weight *w = &step->w;
    int in = step->in[0];
    return (struct rfa_gemm_s8_args){
        .a = (const int8_t *)rfa_data(s, in) + row * rfa_row_bytes(w->k),
        .a_stride = rfa_row_bytes(w->k),
        .a_scale = rfa_scales(s, in) + row,
        .a_scale_step = 1,
        .a_zero = rfa_tensor(s, in)->zero,
        .w = (const int8_t *)w->data + rfa_panel_bytes(output, w->k),
        .w_scale = w->scale + output,
        .w_sum = w->sum + output,
        .bias = w->bias ? w->bias + output : NULL,
        .k = w->k,
    };
}

/* The product of these rows and outputs; the caller says where to. */
static struct rfa_gemm_s8_args int8_args(const struct product *p, struct rfa_part rows, struct rfa_part outputs)
{
    const float *residual = rfa_data(p->s, p->step->in[1]);
    struct rfa_gemm_s8_args args = rfa_int8_operands(p->s, p->step, rows.first, outputs.first);
    args.dst_stride = p->outputs;
    args.residual = residual ? residual + rows.first * p->outputs + outputs.first : NULL;
    args.residual_stride = p->outputs;
    args.m = rows.count;
    args.n = outputs.count;
    args.act = p->step->p.linear.act;
    return args;
}

static void int8_task(void *context, size_t task, int thread)
{
    const struct product *p = context;
    struct rfa_part rows = rfa_task_rows(&p->split, task), outputs = rfa_task_outputs(&p->split, task);
    struct rfa_gemm_s8_args args = int8_args(p, rows, outputs);
    args.dst = p->dst + rows.first * p->outputs + outputs.first;
    args.scratch = p->kernel + (size_t)thread * p->kernel_step;
    p->s->kernels.gemm_s8->run(&args);
}

static void run_int8(struct product *p)
{
    size_t fitting = rfa_row_block_bytes(&p->s->options) / rfa_row_bytes(p->step->w.k);
    size_t tile = p->s->kernels.gemm_s8->mr;
    p->split = rfa_split_int8(p->rows, p->outputs, tile, rfa_larger(fitting, tile), (size_t)p->s->options.threads);
    rfa_parallel_for(&p->s->team, rfa_split_tasks(&p->split), int8_task, p);
}

/* ------------------------------------------------------------------ int8, quantised at once */

/* Blocks of all outputs, so that the rows are quantised while they are in cache. */
static struct rfa_split fused_split(const struct rfa_session *s, size_t rows)
{
    const struct rfa_gemm_s8 *gemm = s->kernels.gemm_s8;
    return rfa_split_rows(rows, gemm->mr, gemm->mc, 1, (size_t)s->options.threads);
}

/* Every block reads all weights: with fewer rows than a quarter of what a kernel should get, threads would read them
 * too often. And rows alone may not come out for all threads. */
bool rfa_few_rows_for_all(const struct rfa_session *s, size_t rows)
{
    size_t threads = (size_t)s->options.threads;
    struct rfa_split split = fused_split(s, rows);
    return threads > 1 && (4 * rows < s->kernels.gemm_s8->mc * threads || rfa_split_leaves_waiting(&split, threads));
}

/* A thread's part of the rows of results that wait to be quantised. */
static size_t waiting_bytes(const struct rfa_session *s, const struct rfa_step *step, size_t rows)
{
    struct rfa_split split = fused_split(s, rows);
    size_t block = rfa_few_rows_for_all(s, rows) ? rfa_divide_up(rows, (size_t)s->options.threads)
                                                 : rfa_task_rows(&split, 0).count;
    return rfa_round_up(block * step->w.n * sizeof(float), 64);
}

static void quantize_rows(const struct product *p, struct rfa_part part, const float *rows)
{
    size_t row_bytes = rfa_row_bytes(p->outputs);
    int q = p->step->out[1], zero = rfa_tensor(p->s, q)->zero;
    const struct rfa_kernels *k = &p->s->kernels;
    int8_t *dst = (int8_t *)rfa_data(p->s, q) + part.first * row_bytes;
    float *scale = rfa_scales(p->s, q) + part.first;
    for (size_t i = 0; i < part.count; i++)
        scale[i] = k->quantize_row(dst + i * row_bytes, rows + i * p->outputs, p->outputs, zero, k->gemm_s8->a_xor);
}

static void fused_task(void *context, size_t task, int thread)
{
    const struct product *p = context;
    struct rfa_part rows = rfa_task_rows(&p->split, task);
    unsigned char *scratch = rfa_scratch(p->s, p->step, thread);
    struct rfa_gemm_s8_args args = int8_args(p, rows, (struct rfa_part){0, p->outputs});
    args.dst = p->dst ? p->dst + rows.first * p->outputs : (float *)(void *)scratch;
    args.scratch = p->dst ? scratch : scratch + waiting_bytes(p->s, p->step, p->rows);
    p->s->kernels.gemm_s8->run(&args);
    quantize_rows(p, rows, args.dst);
}

static void quantize_task(void *context, size_t task, int thread)
{
    const struct product *p = context;
    struct rfa_part rows = rfa_task_rows(&p->split, task);
    (void)thread;
    quantize_rows(p, rows, p->dst + rows.first * p->outputs);
}

/* The product as any other, and then its rows, which lie in all threads' scratch: one piece, of which each would have
 * had a block of the rows. */
static void run_apart(struct product *p)
{
    if (!p->dst) {
        size_t waiting = waiting_bytes(p->s, p->step, p->rows);
        p->dst = (float *)(void *)p->kernel;
        p->kernel += (size_t)p->s->options.threads * waiting;
        p->kernel_step -= waiting;
    }
    run_int8(p);
    p->split = rfa_split_rows(p->rows, 1, p->rows, RFA_TASKS_A_THREAD, (size_t)p->s->options.threads);
    rfa_parallel_for(&p->s->team, rfa_split_tasks(&p->split), quantize_task, p);
}

static void run_fused(struct product *p)
{
    if (rfa_few_rows_for_all(p->s, p->rows)) {
        run_apart(p);
        return;
    }
    p->split = fused_split(p->s, p->rows);
    rfa_parallel_for(&p->s->team, rfa_split_tasks(&p->split), fused_task, p);
}

/* ------------------------------------------------------------------ op */

static bool is_fused(const struct rfa_step *step)
{
    return step->out[1] != RFA_NONE;
}

size_t rfa_linear_scratch(const struct rfa_session *s, const struct rfa_step *step)
{
    const struct rfa_weight *w = &step->w;
    size_t rows = rfa_max_rows(s, step->in[0]);
    if (w->type != RFA_TYPE_I8) {
        size_t own = rfa_float_product_scratch(w), blas = uses_blas(s, w, rows) ? blas_scratch(s, w) : 0;
        return own > blas ? own : blas;
    }
    size_t bytes = s->kernels.gemm_s8->scratch_bytes(rows, w->n, w->k);
    if (!is_fused(step) || step->out[0] != RFA_NONE)
        return bytes;
    /* Fewer rows than the maximum may be split into larger blocks. */
    const struct rfa_shape *shape = &rfa_tensor(s, step->in[0])->shape;
    size_t block = 0;
    for (size_t i = 1; i <= s->max_rows[shape->var]; i++)
        block = rfa_larger(block, waiting_bytes(s, step, i * shape->rows));
    return rfa_round_up(bytes, 64) + block;
}

void rfa_linear_run(const struct rfa_session *s, const struct rfa_step *step)
{
    struct product p = {.s = s,
                        .step = step,
                        .rows = rfa_rows(s, step->in[0]),
                        .outputs = step->w.n,
                        .dst = rfa_data(s, step->out[0]),
                        .kernel = rfa_scratch(s, step, 0),
                        .kernel_step = rfa_scratch_step(s, step)};
    if (uses_blas(s, &step->w, p.rows))
        run_blas(&p);
    else if (step->w.type != RFA_TYPE_I8)
        run_float(&p);
    else if (is_fused(step))
        run_fused(&p);
    else
        run_int8(&p);
}

double rfa_linear_macs(const struct rfa_session *s, const struct rfa_step *step)
{
    return (double)rfa_rows(s, step->in[0]) * (double)step->w.n * (double)step->w.k;
}

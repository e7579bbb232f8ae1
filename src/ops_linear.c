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

enum { FLOAT_ROWS = 128, FLOAT_OUTPUTS = 16, TASKS_A_THREAD = 4 };

/* Products of so few rows wait for their weights. A kernel fetches ahead within a task, so tasks are few and long. */
enum { FEW_ROWS = 30, LONG_TASKS_A_THREAD = 2 };

struct product {
    const struct rfa_session *s;
    const struct rfa_step *step;
    size_t rows, outputs;           /* of the whole product */
    size_t row_block, output_block; /* of a task */
    size_t output_blocks;
};

static size_t divide_up(size_t a, size_t b)
{
    return (a + b - 1) / b;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t common_divisor(size_t a, size_t b)
{
    return b ? common_divisor(b, a % b) : a;
}

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
        args.n = smaller(FLOAT_OUTPUTS, n - i);
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
    size_t m = task / p->output_blocks * p->row_block, n = task % p->output_blocks * p->output_block;
    size_t stride = rfa_cols(p->s, step->in[0]);
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
        .m = smaller(p->row_block, p->rows - m),
        .n = smaller(p->output_block, p->outputs - n),
        .k = w->k,
        .act = step->p.linear.act,
    };
    rfa_float_product(&p->s->kernels, w, args, rfa_scratch(p->s, step, thread));
}

static void run_float(struct product *p)
{
    p->row_block = smaller(p->rows, FLOAT_ROWS);
    size_t row_blocks = divide_up(p->rows, p->row_block);
    size_t wanted = divide_up((size_t)p->s->options.threads * TASKS_A_THREAD, row_blocks);
    p->output_block = rfa_round_up(divide_up(p->outputs, wanted), FLOAT_OUTPUTS);
    p->output_blocks = divide_up(p->outputs, p->output_block);
    rfa_parallel_for(&p->s->team, row_blocks * p->output_blocks, float_task, p);
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
        c.count = smaller(chunk, w->n - c.first);
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
    return divide_up(bytes, (size_t)s->options.threads);
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

/* A task's product; its caller says where to. */
static struct rfa_gemm_s8_args int8_args(const struct product *p, size_t m, size_t n, void *scratch)
{
    const float *residual = rfa_data(p->s, p->step->in[1]);
    struct rfa_gemm_s8_args args = rfa_int8_operands(p->s, p->step, m, n);
    args.dst_stride = p->outputs;
    args.residual = residual ? residual + m * p->outputs + n : NULL;
    args.residual_stride = p->outputs;
    args.m = smaller(p->row_block, p->rows - m);
    args.n = smaller(p->output_block, p->outputs - n);
    args.act = p->step->p.linear.act;
    args.scratch = scratch;
    return args;
}

static void int8_task(void *context, size_t task, int thread)
{
    const struct product *p = context;
    size_t m = task / p->output_blocks * p->row_block, n = task % p->output_blocks * p->output_block;
    struct rfa_gemm_s8_args args = int8_args(p, m, n, rfa_scratch(p->s, p->step, thread));
    args.dst = (float *)rfa_data(p->s, p->step->out[0]) + m * p->outputs + n;
    p->s->kernels.gemm_s8->run(&args);
}

static void run_int8(struct product *p)
{
    const struct rfa_gemm_s8 *gemm = p->s->kernels.gemm_s8;
    size_t fitting = rfa_row_block_bytes(&p->s->options) / rfa_row_bytes(p->step->w.k);
    size_t row_blocks = divide_up(p->rows, fitting > gemm->mr ? fitting : gemm->mr);
    p->row_block = rfa_round_up(divide_up(p->rows, row_blocks), gemm->mr);
    row_blocks = divide_up(p->rows, p->row_block);
    size_t threads = (size_t)p->s->options.threads;
    size_t tasks = threads * (p->rows <= FEW_ROWS ? LONG_TASKS_A_THREAD : TASKS_A_THREAD);
    /* As many tasks for every thread, as far as whole lines of outputs allow: a last one alone would keep the others
     * waiting. */
    size_t wanted = 1;
    if (threads > 1)
        wanted = rfa_round_up(divide_up(tasks, row_blocks), threads / common_divisor(row_blocks, threads));
    p->output_block = rfa_round_up(divide_up(p->outputs, wanted), RFA_LINE);
    p->output_blocks = divide_up(p->outputs, p->output_block);
    rfa_parallel_for(&p->s->team, row_blocks * p->output_blocks, int8_task, p);
}

/* All outputs of a block of rows, so that the rows can be quantised while they are in cache. */
static void fused_task(void *context, size_t task, int thread)
{
    const struct product *p = context;
    const struct rfa_kernels *k = &p->s->kernels;
    size_t m = task * p->row_block, row_bytes = rfa_row_bytes(p->outputs);
    unsigned char *scratch = rfa_scratch(p->s, p->step, thread);
    float *rows = rfa_data(p->s, p->step->out[0]);
    if (rows) {
        rows += m * p->outputs;
    } else {
        rows = (float *)(void *)scratch;
        scratch += rfa_round_up(p->row_block * p->outputs * sizeof(float), 64);
    }
    struct rfa_gemm_s8_args args = int8_args(p, m, 0, scratch);
    args.dst = rows;
    k->gemm_s8->run(&args);
    int8_t *q = (int8_t *)rfa_data(p->s, p->step->out[1]) + m * row_bytes;
    float *scale = rfa_scales(p->s, p->step->out[1]) + m;
    int zero = rfa_tensor(p->s, p->step->out[1])->zero;
    for (size_t i = 0; i < args.m; i++)
        scale[i] = k->quantize_row(q + i * row_bytes, rows + i * p->outputs, p->outputs, zero, k->gemm_s8->a_xor);
}

static size_t fused_rows(const struct rfa_session *s, size_t rows)
{
    size_t threads = (size_t)s->options.threads, mc = s->kernels.gemm_s8->mc;
    size_t blocks = rfa_round_up(divide_up(rows, mc), threads);
    return rfa_round_up(divide_up(rows, blocks), s->kernels.gemm_s8->mr);
}

static void run_fused(struct product *p)
{
    p->row_block = fused_rows(p->s, p->rows);
    p->output_block = p->outputs;
    p->output_blocks = 1;
    rfa_parallel_for(&p->s->team, divide_up(p->rows, p->row_block), fused_task, p);
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
        block = fused_rows(s, i * shape->rows) > block ? fused_rows(s, i * shape->rows) : block;
    return rfa_round_up(bytes, 64) + rfa_round_up(block * w->n * sizeof(float), 64);
}

void rfa_linear_run(const struct rfa_session *s, const struct rfa_step *step)
{
    struct product p = {.s = s, .step = step, .rows = rfa_rows(s, step->in[0]), .outputs = step->w.n};
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

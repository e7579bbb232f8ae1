#include "kernel_job.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../quant/quant.h"
#include "../src/sizes.h"

/* Multiply-adds that one state update of the scan takes: dt * a, the five of the decay's polynomial, the state, dt u *
 * b, and y. */
enum { SCAN_MACS = 9 };

struct slot {
    const char *name;
    enum job_limit limit;
    void (*open)(struct job *job);
    job_run_fn *run;
};

/* ------------------------------------------------------------------ memory and inputs */

static void *take(struct job *job, size_t bytes)
{
    void *p = job->memory_count < JOB_BUFFERS ? aligned_alloc(64, (bytes + 63) / 64 * 64) : NULL;
    if (!p) {
        job->failed = true;
        return NULL;
    }
    memset(p, 0, bytes);
    job->memory[job->memory_count++] = p;
    return p;
}

/* xorshift32, uniform in [-1, 1), scaled and shifted. */
static float *take_random(struct job *job, size_t n, float scale, float shift)
{
    static uint32_t state = 2463534242u;
    float *x = take(job, n * sizeof *x);
    for (size_t i = 0; x && i < n; i++) {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        x[i] = shift + scale * (float)(int32_t)state * 0x1p-31f;
    }
    return x;
}

static void set_out(struct job *job, void *out, size_t bytes)
{
    job->out = out;
    job->out_bytes = bytes;
}

/* ------------------------------------------------------------------ matrix products */

static void open_gemm_s8(struct job *job)
{
    const struct kernel_case *c = job->c;
    size_t stride = rfa_row_bytes(c->k), panel_bytes = rfa_panel_bytes(c->n, c->k), np = rfa_divide_up(c->n, 16) * 16;
    job->a = take(job, c->m * stride);
    job->w = take(job, panel_bytes);
    job->f32[0] = take(job, c->m * c->n * sizeof(float));
    job->f32[1] = take_random(job, c->m, 0.001f, 0.01f);
    job->f32[2] = take_random(job, np, 0.001f, 0.01f);
    job->f32[3] = take_random(job, np, 1.0f, 0.0f);
    job->f32[4] = take(job, np * sizeof(int32_t));
    if (job->failed)
        return;
    int32_t *sum = (int32_t *)(void *)job->f32[4];
    for (size_t i = 0; i < c->m * stride; i++)
        job->a[i] = i % stride < c->k ? job->pool[i * 7 % job->pool_bytes] : 0;
    for (size_t n = 0; n < c->n; n++)
        for (size_t k = 0; k < c->k; k++) {
            int8_t v = job->pool[(n * 40503 + k) % job->pool_bytes];
            job->w[rfa_panel_index(n, k, c->k)] = v;
            sum[n] += v;
        }
    job->units = c->m;
    job->unit_work = (double)c->n * (double)c->k;
    set_out(job, job->f32[0], c->m * c->n * sizeof(float));
    if (c->m <= RFA_FEW_ROWS) {
        job->limit = LIMIT_MEMORY;
        job->unit_work = (double)panel_bytes / (double)c->m;
    }
}

static void run_gemm_block(const struct job *job, const struct rfa_kernels *k, size_t m, size_t rows, size_t n,
                           size_t cols, void *scratch)
{
    const struct kernel_case *c = job->c;
    const int8_t *w = job->turn ? job->pool + (job->turn - 1) * rfa_panel_bytes(c->n, c->k) : job->w;
    struct rfa_gemm_s8_args args = {
        .dst = job->f32[0] + m * c->n + n,
        .dst_stride = c->n,
        .a = job->a + m * rfa_row_bytes(c->k),
        .a_stride = rfa_row_bytes(c->k),
        .a_scale = job->f32[1] + m,
        .a_scale_step = 1,
        .w = w + n * rfa_divide_up(c->k, RFA_PANEL_K) * RFA_PANEL_K,
        .w_scale = job->f32[2] + n,
        .w_sum = (const int32_t *)(const void *)job->f32[4] + n,
        .bias = job->f32[3] + n,
        .m = rows,
        .n = cols,
        .k = c->k,
        .scratch = scratch,
    };
    k->gemm_s8->run(&args);
}

/* Tasks of the product as src/ops_linear.c cuts them. */
static size_t split_gemm_s8(struct job *job, const struct rfa_kernels *k, int threads)
{
    const struct kernel_case *c = job->c;
    size_t fitting = (1u << 20) / rfa_row_bytes(c->k), tile = k->gemm_s8->mr;
    job->split = rfa_split_int8(job->units, c->n, tile, rfa_larger(fitting, tile), (size_t)threads);
    return rfa_split_tasks(&job->split);
}

static void task_gemm_s8(const struct job *job, const struct rfa_kernels *k, size_t task, void *scratch)
{
    struct rfa_part rows = rfa_task_rows(&job->split, task), outputs = rfa_task_outputs(&job->split, task);
    run_gemm_block(job, k, rows.first, rows.count, outputs.first, outputs.count, scratch);
}

static void open_gemm_f32(struct job *job)
{
    const struct kernel_case *c = job->c;
    job->f32[0] = take(job, c->m * c->n * sizeof(float));
    job->f32[1] = take_random(job, c->m * c->k, 1.0f, 0.0f);
    job->f32[2] = take_random(job, c->n * c->k, 0.1f, 0.0f);
    job->f32[3] = take_random(job, c->n, 1.0f, 0.0f);
    job->units = c->m;
    job->unit_work = (double)c->n * (double)c->k;
    set_out(job, job->f32[0], c->m * c->n * sizeof(float));
}

static void run_gemm_f32(const struct job *job, const struct rfa_kernels *k, size_t first, size_t count, void *scratch)
{
    const struct kernel_case *c = job->c;
    (void)scratch;
    k->gemm_f32(&(struct rfa_gemm_f32_args){.dst = job->f32[0] + first * c->n,
                                            .dst_stride = c->n,
                                            .a = job->f32[1] + first * c->k,
                                            .a_stride = c->k,
                                            .w = job->f32[2],
                                            .w_stride = c->k,
                                            .bias = job->f32[3],
                                            .m = count,
                                            .n = c->n,
                                            .k = c->k});
}

/* ------------------------------------------------------------------ rows and elements */

/* f32[0]: results or what is changed in place; f32[1], f32[2]: inputs; f32[3], f32[4]: vectors of a row. Bytes: read
 * and written. */
static void open_rows(struct job *job, size_t out_bytes, size_t bytes_a_value, bool in_place)
{
    const struct kernel_case *c = job->c;
    job->f32[0] = take(job, c->m * c->n * sizeof(float) + c->m * 64);
    job->f32[1] = take_random(job, c->m * c->n, 3.0f, 0.1f);
    job->f32[2] = take_random(job, c->m * c->n, 3.0f, -0.1f);
    job->f32[3] = take_random(job, c->n, 0.1f, 1.0f);
    job->f32[4] = take_random(job, c->n, 0.1f, 0.0f);
    job->units = c->m;
    job->unit_work = (double)bytes_a_value * (double)c->n;
    set_out(job, job->f32[0], c->m * out_bytes);
    job->original = in_place ? job->f32[1] : NULL;
}

static void open_bytes(struct job *job)
{
    open_rows(job, rfa_row_bytes(job->c->n), 5, false);
}
static void open_two_bytes(struct job *job)
{
    open_rows(job, rfa_row_bytes(job->c->n), 6, false);
}
static void open_reduced(struct job *job)
{
    open_rows(job, sizeof(float), 4, false);
}
static void open_elements(struct job *job)
{
    open_rows(job, job->c->n * sizeof(float), 8, false);
}
static void open_in_place(struct job *job)
{
    open_rows(job, job->c->n * sizeof(float), 8, true);
}
static void open_sums(struct job *job)
{
    open_rows(job, job->c->n * sizeof(float), 12, false);
}
static void open_halves(struct job *job)
{
    open_rows(job, job->c->n * sizeof(float), 6, false);
    for (size_t i = 0; !job->failed && i < job->c->m * job->c->n; i++)
        ((uint16_t *)(void *)job->f32[2])[i] = (uint16_t)(i * 40503u & 0xbfffu); /* finite */
}

#define EACH_ROW(name, call)                                                                                           \
    static void run_##name(const struct job *job, const struct rfa_kernels *k, size_t first, size_t count,             \
                           void *scratch)                                                                              \
    {                                                                                                                  \
        size_t n = job->c->n;                                                                                          \
        (void)scratch;                                                                                                 \
        for (size_t i = first; i < first + count; i++) {                                                               \
            float *dst = job->f32[0] + i * n;                                                                          \
            int8_t *q = (int8_t *)job->f32[0] + i * rfa_row_bytes(n);                                                  \
            const float *x = job->f32[1] + i * n, *y = job->f32[2] + i * n;                                            \
            (void)dst, (void)q, (void)x, (void)y;                                                                      \
            call;                                                                                                      \
        }                                                                                                              \
    }

EACH_ROW(quantize_row, k->quantize_row(q, x, n, 0, 0x80))
EACH_ROW(quantize_scaled, k->quantize_scaled(q, x, n, 40.0f, 0, 0x80))
EACH_ROW(absmax_f32, ((uint32_t *)(void *)job->f32[0])[i] = k->absmax_f32(x, n))
EACH_ROW(f16_to_f32, k->f16_to_f32(dst, (const uint16_t *)(const void *)job->f32[2] + i * n, n))
EACH_ROW(round_f16, k->round_f16(dst, x, n))
EACH_ROW(act_f32, k->act_f32(dst, n, RFA_ACT_GELU))
EACH_ROW(add_f32, k->add_f32(dst, x, y, n))
EACH_ROW(norm_f32, k->norm_f32(dst, x, job->f32[3], job->f32[4], 1e-6f, n))
EACH_ROW(softmax_f32, k->softmax_f32(dst, n))
EACH_ROW(softmax_s8, k->softmax_s8(q, (int8_t *)job->f32[2] + i * rfa_row_bytes(n), x, n, 0.5f, 0x80))
EACH_ROW(normalise_f32, k->normalise_f32(dst, n, true, 0.45f, 0.27f))
EACH_ROW(unit_f32, k->unit_f32(dst, x, n))

static void open_mean(struct job *job)
{
    open_rows(job, 0, 4, false);
    job->units = 1;
    job->unit_work = 4.0 * (double)job->c->m * (double)job->c->n;
    job->out_bytes = job->c->n * sizeof(float);
}

static void run_mean(const struct job *job, const struct rfa_kernels *k, size_t first, size_t count, void *scratch)
{
    (void)first, (void)count, (void)scratch;
    k->mean_f32(job->f32[0], job->f32[1], job->c->n, job->c->m, job->c->n);
}

/* ------------------------------------------------------------------ panels of activations */

static void open_pack(struct job *job)
{
    const struct kernel_case *c = job->c;
    size_t np = rfa_divide_up(c->n, 16) * 16;
    job->w = take(job, c->m * rfa_panel_bytes(c->n, c->k));
    job->f32[0] = take(job, c->m * np * sizeof(float));
    job->f32[1] = take_random(job, c->m * c->n * c->k, 1.0f, 0.0f);
    job->f32[2] = take(job, c->m * np * sizeof(int32_t));
    job->units = c->m;
    job->unit_work = 5.0 * (double)c->n * (double)c->k;
    set_out(job, job->w, c->m * rfa_panel_bytes(c->n, c->k));
}

static void run_pack(const struct job *job, rfa_pack_rows_s8_t *pack, size_t stride, size_t first, size_t count)
{
    const struct kernel_case *c = job->c;
    size_t np = rfa_divide_up(c->n, 16) * 16;
    for (size_t i = first; i < first + count; i++)
        pack(job->w + i * rfa_panel_bytes(c->n, c->k), job->f32[0] + i * np, (int32_t *)(void *)job->f32[2] + i * np,
             job->f32[1] + i * c->n * c->k, stride, c->n, c->k);
}

static void run_pack_rows(const struct job *job, const struct rfa_kernels *k, size_t first, size_t count, void *scratch)
{
    (void)scratch;
    run_pack(job, k->pack_rows_s8, job->c->k, first, count);
}

static void run_pack_cols(const struct job *job, const struct rfa_kernels *k, size_t first, size_t count, void *scratch)
{
    (void)scratch;
    run_pack(job, k->pack_cols_s8, job->c->n, first, count);
}

/* ------------------------------------------------------------------ attention and head */

/* Heads lie beside each other in rows, as in the model. */
static void open_attention(struct job *job)
{
    const struct kernel_case *c = job->c;
    size_t width = c->count * c->k;
    job->f32[0] = take(job, c->m * width * sizeof(float));
    job->f32[1] = take_random(job, c->m * width, 1.0f, 0.0f);
    job->f32[2] = take_random(job, c->n * width, 1.0f, 0.0f);
    job->f32[3] = take_random(job, c->n * width, 1.0f, 0.0f);
    job->units = c->count;
    job->unit_work = 2.0 * (double)c->m * (double)c->n * (double)c->k;
    set_out(job, job->f32[0], c->m * width * sizeof(float));
}

static void run_attention(const struct job *job, const struct rfa_kernels *k, size_t first, size_t count, void *scratch)
{
    const struct kernel_case *c = job->c;
    size_t width = c->count * c->k;
    for (size_t head = first; head < first + count; head++) {
        size_t at = head * c->k;
        k->attention_f32(&(struct rfa_attention_args){.dst = job->f32[0] + at,
                                                      .dst_stride = width,
                                                      .q = job->f32[1] + at,
                                                      .q_stride = width,
                                                      .k = job->f32[2] + at,
                                                      .v = job->f32[3] + at,
                                                      .k_stride = width,
                                                      .v_stride = width,
                                                      .m = c->m,
                                                      .keys = c->n,
                                                      .d = c->k,
                                                      .scale = 1.0f / sqrtf((float)c->k),
                                                      .causal = c->causal,
                                                      .scratch = scratch});
    }
}

static void open_retrieve(struct job *job)
{
    const struct kernel_case *c = job->c;
    job->f32[0] = take(job, 2 * c->m * c->count * sizeof(float)); /* margins, then indices */
    job->f32[1] = take_random(job, c->m * c->k, 0.06f, 0.0f);
    job->f32[2] = take_random(job, c->count * c->n * c->k, 0.06f, 0.0f);
    job->units = c->count;
    job->unit_work = (double)c->m * (double)c->n * (double)c->k;
    set_out(job, job->f32[0], 2 * c->m * c->count * sizeof(float));
}

static void run_retrieve(const struct job *job, const struct rfa_kernels *k, size_t first, size_t count, void *scratch)
{
    const struct kernel_case *c = job->c;
    (void)scratch;
    for (size_t frame = first; frame < first + count; frame++)
        k->retrieve_f32(&(struct rfa_retrieve_args){.index = (int32_t *)(void *)(job->f32[0] + c->m * c->count) + frame,
                                                    .margin = job->f32[0] + frame,
                                                    .out_stride = c->count,
                                                    .query = job->f32[1],
                                                    .token = job->f32[2] + frame * c->n * c->k,
                                                    .query_stride = c->k,
                                                    .token_stride = c->k,
                                                    .m = c->m,
                                                    .n = c->n,
                                                    .k = c->k});
}

/* Units: panels of 16 channels. */
static void open_conv1d(struct job *job)
{
    const struct kernel_case *c = job->c;
    job->f32[0] = take(job, c->m * c->n * sizeof(float));
    job->f32[1] = take_random(job, c->m * c->n, 1.0f, 0.0f);
    job->f32[2] = take_random(job, rfa_divide_up(c->n, 16) * 16 * c->k, 0.5f, 0.0f);
    job->f32[3] = take_random(job, c->n, 0.5f, 0.0f);
    job->units = rfa_divide_up(c->n, 16);
    job->unit_work = 8.0 * 16.0 * (double)c->m;
    set_out(job, job->f32[0], c->m * c->n * sizeof(float));
}

static void run_conv1d(const struct job *job, const struct rfa_kernels *k, size_t first, size_t count, void *scratch)
{
    const struct kernel_case *c = job->c;
    size_t at = first * 16;
    (void)scratch;
    k->conv1d_silu_f32(&(struct rfa_conv1d_args){.dst = job->f32[0] + at,
                                                 .dst_stride = c->n,
                                                 .x = job->f32[1] + at,
                                                 .x_stride = c->n,
                                                 .w = job->f32[2] + at * c->k,
                                                 .bias = job->f32[3] + at,
                                                 .length = c->m,
                                                 .channels = rfa_smaller(count * 16, c->n - at),
                                                 .taps = c->k});
}

static void open_scan(struct job *job)
{
    const struct kernel_case *c = job->c;
    size_t panels = rfa_divide_up(c->n, 16);
    job->f32[0] = take(job, c->m * c->n * sizeof(float));
    job->f32[1] = take_random(job, c->m * c->n, 1.5f, -3.0f);          /* delta */
    job->f32[2] = take_random(job, c->m * c->n, 1.0f, 0.0f);           /* u */
    job->f32[3] = take_random(job, c->m * c->n, 1.0f, 0.0f);           /* z */
    job->f32[4] = take_random(job, c->m * 2 * c->k, 1.0f, 0.0f);       /* b and c */
    job->f32[5] = take_random(job, panels * 16 * c->k, 7.75f, -8.25f); /* a: -16 ... -0.5, as S4D-real starts */
    job->f32[6] = take_random(job, c->n, 0.5f, 1.0f);                  /* d */
    job->units = panels;
    job->unit_work = (double)SCAN_MACS * 16.0 * (double)c->m * (double)c->k;
    set_out(job, job->f32[0], c->m * c->n * sizeof(float));
}

static void run_scan(const struct job *job, const struct rfa_kernels *k, size_t first, size_t count, void *scratch)
{
    const struct kernel_case *c = job->c;
    size_t at = first * 16;
    k->scan_f32(&(struct rfa_scan_args){.dst = job->f32[0] + at,
                                        .dst_stride = c->n,
                                        .delta = job->f32[1] + at,
                                        .u = job->f32[2] + at,
                                        .z = job->f32[3] + at,
                                        .delta_stride = c->n,
                                        .u_stride = c->n,
                                        .z_stride = c->n,
                                        .b = job->f32[4],
                                        .cmat = job->f32[4] + c->k,
                                        .bc_stride = 2 * c->k,
                                        .a = job->f32[5] + at * c->k,
                                        .d = job->f32[6] + at,
                                        .length = c->m,
                                        .channels = rfa_smaller(count * 16, c->n - at),
                                        .states = c->k,
                                        .scratch = scratch});
}

/* ------------------------------------------------------------------ images */

static void open_pool(struct job *job)
{
    const struct kernel_case *c = job->c;
    size_t width = 2 * c->n - 1;
    job->f32[0] = take(job, c->m * c->n * c->k * sizeof(float));
    job->f32[1] = take_random(job, (2 * c->m + 1) * width * c->k, 1.0f, 0.0f);
    job->units = c->m;
    job->unit_work = (double)((2 * width + c->n) * c->k * sizeof(float)); /* every input once */
    set_out(job, job->f32[0], c->m * c->n * c->k * sizeof(float));
}

static void run_pool(const struct job *job, const struct rfa_kernels *k, size_t first, size_t count, void *scratch)
{
    const struct kernel_case *c = job->c;
    size_t width = 2 * c->n - 1, row = width * c->k;
    (void)scratch;
    for (size_t i = first; i < first + count; i++) {
        const float *r0 = job->f32[1] + 2 * i * row;
        k->max_pool_f32(job->f32[0] + i * c->n * c->k, r0, r0 + row, r0 + 2 * row, width, c->k);
    }
}

/* Antialiased bilinear windows: 2 n / k taps for each output. Units: source rows. */
static void open_resize(struct job *job, bool floats)
{
    const struct kernel_case *c = job->c;
    size_t stride = 2 * c->n / c->k + 2;
    job->f32[0] = take(job, c->m * c->k * 3 * sizeof(float));
    job->a = take(job, c->m * c->n * 3);
    job->f32[2] = take_random(job, c->k * stride, 0.5f, 0.5f);
    job->f32[3] = take(job, 2 * c->k * sizeof(int32_t));
    job->f32[4] = take_random(job, c->k * 3, 0.5f, 0.5f);
    if (job->failed)
        return;
    int32_t *first = (int32_t *)(void *)job->f32[3], *weight = (int32_t *)(void *)job->f32[2];
    for (size_t i = 0; i < c->k; i++) {
        first[i] = (int32_t)(i * c->n / c->k);
        first[c->k + i] = (int32_t)rfa_smaller(stride - 2, c->n - (size_t)first[i]);
    }
    for (size_t i = 0; !floats && i < c->k * stride; i++)
        weight[i] = (int32_t)((1u << 22) / stride);
    for (size_t i = 0; i < c->m * c->n * 3; i++)
        job->a[i] = job->pool[i % job->pool_bytes];
    job->units = c->m;
    job->unit_work = (double)(c->n * 3 + c->k * 3 * (floats ? sizeof(float) : 1));
    set_out(job, job->f32[0], c->m * c->k * 3 * (floats ? sizeof(float) : 1));
}

static void open_resize_f32(struct job *job)
{
    open_resize(job, true);
}
static void open_resize_u8(struct job *job)
{
    open_resize(job, false);
}

static struct rfa_resize_h_args resize_args(const struct job *job, size_t row, bool floats, void *scratch)
{
    const struct kernel_case *c = job->c;
    int32_t *first = (int32_t *)(void *)job->f32[3];
    return (struct rfa_resize_h_args){.dst =
                                          (unsigned char *)job->f32[0] + row * c->k * 3 * (floats ? sizeof(float) : 1),
                                      .src = (const uint8_t *)job->a + row * c->n * 3,
                                      .width = c->n,
                                      .out = c->k,
                                      .first = first,
                                      .count = first + c->k,
                                      .weight = job->f32[2],
                                      .stride = 2 * c->n / c->k + 2,
                                      .scratch = scratch};
}

static void run_resize_h_f32(const struct job *job, const struct rfa_kernels *k, size_t first, size_t count,
                             void *scratch)
{
    for (size_t i = first; i < first + count; i++) {
        struct rfa_resize_h_args args = resize_args(job, i, true, scratch);
        k->resize_h_f32(&args);
    }
}

static void run_resize_h_u8(const struct job *job, const struct rfa_kernels *k, size_t first, size_t count,
                            void *scratch)
{
    for (size_t i = first; i < first + count; i++) {
        struct rfa_resize_h_args args = resize_args(job, i, false, scratch);
        k->resize_h_u8(&args);
    }
}

/* Every source row is added to one accumulator row; bytes: the row and the sums, read and written. */
static void open_vertical(struct job *job, size_t row_bytes)
{
    const struct kernel_case *c = job->c;
    job->f32[0] = take(job, c->m * c->k * 3 * sizeof(float));
    job->f32[1] = take_random(job, c->m * c->k * 3, 0.5f, 0.5f);
    job->units = c->m;
    job->unit_work = (double)(c->k * 3 * (8 + row_bytes));
    set_out(job, job->f32[0], c->m * c->k * 3 * sizeof(float));
    if (row_bytes == 1 && !job->failed)
        for (size_t i = 0; i < c->m * c->k * 3; i++)
            ((uint8_t *)job->f32[1])[i] = (uint8_t)(i * 151);
    job->original = job->failed ? NULL : take(job, c->m * c->k * 3 * sizeof(float));
}

static void open_resize_v_f32(struct job *job)
{
    open_vertical(job, 4);
}
static void open_resize_v_u8(struct job *job)
{
    open_vertical(job, 1);
}

static void run_resize_v_f32(const struct job *job, const struct rfa_kernels *k, size_t first, size_t count,
                             void *scratch)
{
    size_t n = job->c->k * 3;
    (void)scratch;
    for (size_t i = first; i < first + count; i++)
        k->resize_v_f32(job->f32[0] + i * n, job->f32[1] + i * n, 0.25f, n);
}

static void run_resize_v_u8(const struct job *job, const struct rfa_kernels *k, size_t first, size_t count,
                            void *scratch)
{
    size_t n = job->c->k * 3;
    (void)scratch;
    for (size_t i = first; i < first + count; i++)
        k->resize_v_u8((int32_t *)(void *)job->f32[0] + i * n, (const uint8_t *)job->f32[1] + i * n, 1 << 19, n);
}

/* ------------------------------------------------------------------ the table */

static const struct slot slots[] = {
    {"gemm_s8", LIMIT_INT8, open_gemm_s8, NULL}, /* cut into blocks of its own */
    {"gemm_f32", LIMIT_FMA, open_gemm_f32, run_gemm_f32},
    {"quantize_row", LIMIT_CACHE, open_bytes, run_quantize_row},
    {"quantize_scaled", LIMIT_CACHE, open_bytes, run_quantize_scaled},
    {"absmax_f32", LIMIT_CACHE, open_reduced, run_absmax_f32},
    {"pack_rows_s8", LIMIT_CACHE, open_pack, run_pack_rows},
    {"pack_cols_s8", LIMIT_CACHE, open_pack, run_pack_cols},
    {"f16_to_f32", LIMIT_CACHE, open_halves, run_f16_to_f32},
    {"round_f16", LIMIT_CACHE, open_elements, run_round_f16},
    {"act_f32", LIMIT_CACHE, open_in_place, run_act_f32},
    {"add_f32", LIMIT_CACHE, open_sums, run_add_f32},
    {"norm_f32", LIMIT_CACHE, open_elements, run_norm_f32},
    {"softmax_f32", LIMIT_CACHE, open_in_place, run_softmax_f32},
    {"softmax_s8", LIMIT_CACHE, open_two_bytes, run_softmax_s8},
    {"mean_f32", LIMIT_CACHE, open_mean, run_mean},
    {"attention_f32", LIMIT_FMA, open_attention, run_attention},
    {"unit_f32", LIMIT_CACHE, open_elements, run_unit_f32},
    {"retrieve_f32", LIMIT_FMA, open_retrieve, run_retrieve},
    {"conv1d_silu_f32", LIMIT_CACHE, open_conv1d, run_conv1d},
    {"scan_f32", LIMIT_FMA, open_scan, run_scan},
    {"max_pool_f32", LIMIT_CACHE, open_pool, run_pool},
    {"resize_h_f32", LIMIT_CACHE, open_resize_f32, run_resize_h_f32},
    {"resize_h_u8", LIMIT_CACHE, open_resize_u8, run_resize_h_u8},
    {"resize_v_f32", LIMIT_CACHE, open_resize_v_f32, run_resize_v_f32},
    {"resize_v_u8", LIMIT_CACHE, open_resize_v_u8, run_resize_v_u8},
    {"normalise_f32", LIMIT_CACHE, open_in_place, run_normalise_f32},
};

static const struct slot *find(const char *name)
{
    for (size_t i = 0; i < sizeof slots / sizeof slots[0]; i++)
        if (strcmp(slots[i].name, name) == 0)
            return &slots[i];
    return NULL;
}

/* Scratch that is enough for any kernel but the int8 product, whose records say what they need. */
static size_t scratch_bytes(const struct kernel_case *c)
{
    size_t bytes = rfa_attention_scratch(c->n) + rfa_scan_scratch(c->k) + 4 * c->n * sizeof(float);
    if (strcmp(c->slot, "gemm_s8") != 0)
        return bytes;
#define KERNEL(slot, isa, bits)                                                                                        \
    {                                                                                                                  \
        rfa_gemm_s8_t *record = _Generic(&rfa_##slot##_##isa, rfa_gemm_s8_t * : &rfa_##slot##_##isa, default : NULL);  \
        size_t own = record ? record->scratch_bytes(c->m, c->n, c->k) : 0;                                             \
        bytes = own > bytes ? own : bytes;                                                                             \
    }
#include "../simd/kernels.def"
#undef KERNEL
    return bytes;
}

bool job_open(struct job *job, const struct kernel_case *c, int threads, const void *pool, size_t pool_bytes)
{
    const struct slot *slot = find(c->slot);
    *job = (struct job){.c = c, .pool = pool, .pool_bytes = pool_bytes};
    if (!slot)
        return false;
    job->limit = slot->limit;
    job->run = slot->run;
    slot->open(job);
    job->all_units = job->units;
    for (int i = 0; i < threads && i < JOB_THREADS && !job->failed; i++) {
        job->scratch[i] = aligned_alloc(64, (scratch_bytes(c) + 63) / 64 * 64);
        job->failed = !job->scratch[i];
    }
    return !job->failed;
}

void job_close(struct job *job)
{
    for (size_t i = 0; i < job->memory_count; i++)
        free(job->memory[i]);
    for (size_t i = 0; i < JOB_THREADS; i++)
        free(job->scratch[i]);
}

/* The stored form of activations: XOR with the record's byte. */
void job_prepare(struct job *job, const struct rfa_kernels *k)
{
    if (job->original)
        memcpy(job->out, job->original, job->out_bytes);
    if (job->run)
        return;
    size_t bytes = job->c->m * rfa_row_bytes(job->c->k);
    uint8_t change = job->a_form ^ k->gemm_s8->a_xor;
    for (size_t i = 0; change && i < bytes; i++)
        job->a[i] = (int8_t)((uint8_t)job->a[i] ^ change);
    job->a_form = k->gemm_s8->a_xor;
}

size_t job_tasks(struct job *job, const struct rfa_kernels *k, int threads)
{
    if (!job->run)
        return split_gemm_s8(job, k, threads);
    return threads == 1 ? 1 : rfa_smaller(job->units, 4 * (size_t)threads);
}

void job_task(const struct job *job, const struct rfa_kernels *k, size_t task, size_t tasks, int thread)
{
    if (!job->run) {
        task_gemm_s8(job, k, task, job->scratch[thread]);
        return;
    }
    size_t first = task * job->units / tasks, end = (task + 1) * job->units / tasks;
    job->run(job, k, first, end - first, job->scratch[thread]);
}

void job_next_weights(struct job *job)
{
    size_t bytes = job->limit == LIMIT_MEMORY ? rfa_panel_bytes(job->c->n, job->c->k) : 0;
    if (bytes && bytes <= job->pool_bytes)
        job->turn = job->turn % (job->pool_bytes / bytes) + 1;
}

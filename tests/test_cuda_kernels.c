/* The CUDA kernels that are cut into tiles, against the plain C kernels, byte for byte, at sizes around their tiles: on
 * the emulated device, and in a build with the backend on a real one (status 77 where none answers). What is small in
 * the test models, and so reached by nothing else: every shape of int8 product, long rows, whole maps. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cuda/launch.h"
#include "cuda_runtime_api.h"
#include "kernels.h"
#include "quant.h"

enum { UNTOUCHED = 0xee };

static struct rfa_kernels cpu; /* plain C */
static struct rfa_cuda_run on;

static uint32_t random32(void)
{
    static uint64_t state = 20240917;
    state = state * 6364136223846793005u + 1442695040888963407u; /* Knuth's MMIX generator */
    return (uint32_t)(state >> 33);
}

static float random_float(void)
{
    return (float)(random32() & 0xffff) / 32768.0f - 1.0f;
}

static void *taken(size_t bytes)
{
    void *memory = aligned_alloc(64, (bytes + 63) / 64 * 64);
    assert_non_null(memory);
    return memset(memory, 0, bytes);
}

static float *random_floats(size_t count)
{
    float *x = malloc(count * sizeof *x);
    assert_non_null(x);
    for (size_t i = 0; i < count; i++)
        x[i] = random_float();
    return x;
}

/* ------------------------------------------------------------------ the device */

static void *to_device(const void *host, size_t bytes)
{
    void *memory;
    assert_int_equal(cudaMalloc(&memory, bytes), cudaSuccess);
    assert_int_equal(cudaMemcpyAsync(memory, host, bytes, cudaMemcpyHostToDevice, on.stream), cudaSuccess);
    assert_int_equal(cudaStreamSynchronize(on.stream), cudaSuccess);
    return memory;
}

static void *untouched(size_t bytes)
{
    void *memory;
    assert_int_equal(cudaMalloc(&memory, bytes), cudaSuccess);
    assert_int_equal(cudaMemsetAsync(memory, UNTOUCHED, bytes, on.stream), cudaSuccess);
    return memory;
}

/* What the kernels left in device memory is what is expected, and nothing behind it was written; frees both. */
static void expect(void *device, void *expected, size_t bytes, size_t behind)
{
    unsigned char *got = malloc(bytes + behind);
    assert_non_null(got);
    assert_int_equal(cudaGetLastError(), cudaSuccess);
    assert_int_equal(cudaMemcpyAsync(got, device, bytes + behind, cudaMemcpyDeviceToHost, on.stream), cudaSuccess);
    assert_int_equal(cudaStreamSynchronize(on.stream), cudaSuccess);
    assert_memory_equal(got, expected, bytes);
    for (size_t i = 0; i < behind; i++)
        assert_int_equal(got[bytes + i], UNTOUCHED);
    free(got);
    free(expected);
    assert_int_equal(cudaFree(device), cudaSuccess);
}

/* `now` rows of the current call, of at most `most`. */
static struct rfa_cuda_rows set_rows(size_t now, size_t most)
{
    struct rfa_cuda_call call = {.rows = {1, (uint32_t)now, 1, 1}};
    assert_int_equal(cudaMemcpyAsync((void *)(uintptr_t)on.call, &call, sizeof call, cudaMemcpyHostToDevice, on.stream),
                     cudaSuccess);
    assert_int_equal(cudaStreamSynchronize(on.stream), cudaSuccess);
    return (struct rfa_cuda_rows){1, 1, (uint32_t)most};
}

static int start(void **state)
{
    (void)state;
    int count = 0;
    if (cudaGetDeviceCount(&count) != cudaSuccess || count == 0)
        return 1;
    struct rfa_cuda_call call = {{0}, 0};
    rfa_kernels_init(&cpu, 0);
    assert_int_equal(cudaStreamCreateWithFlags(&on.stream, cudaStreamNonBlocking), cudaSuccess);
    on.call = to_device(&call, sizeof call);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    assert_int_equal(cudaFree((void *)(uintptr_t)on.call), cudaSuccess);
    assert_int_equal(cudaStreamDestroy(on.stream), cudaSuccess);
    return 0;
}

/* ------------------------------------------------------------------ int8 products */

struct product {
    size_t rows, most, n, k;
    int few, zero, one_scale;
    bool bias, residual, relu_last;
    enum rfa_act act;
};

struct operands {
    int8_t *a, *w;
    float *a_scale, *w_scale, *bias, *residual;
    int32_t *w_sum;
};

static struct operands make_operands(const struct product *p)
{
    size_t stride = rfa_row_bytes(p->k), n16 = (p->n + 15) / 16 * 16;
    struct operands o = {calloc(p->rows, stride),     calloc(rfa_panel_bytes(p->n, p->k), 1),
                         random_floats(p->rows),      random_floats(n16),
                         random_floats(n16),          random_floats(p->rows * p->n),
                         calloc(n16, sizeof *o.w_sum)};
    assert_true(o.a && o.w && o.w_sum);
    for (size_t row = 0; row < p->rows; row++)
        for (size_t i = 0; i < stride; i++)
            o.a[row * stride + i] = i < p->k ? (int8_t)((int)(random32() % 255) - 127) : (int8_t)p->zero;
    for (size_t n = 0; n < p->n; n++)
        for (size_t k = 0; k < p->k; k++) {
            int8_t value = (int8_t)((int)(random32() % 255) - 127);
            o.w[rfa_panel_index(n, k, p->k)] = value;
            o.w_sum[n] += value;
        }
    return o;
}

static float *product_on_cpu(const struct product *p, const struct operands *o)
{
    float *dst = malloc(p->rows * p->n * sizeof *dst);
    void *scratch = aligned_alloc(64, rfa_row_bytes(cpu.gemm_s8->scratch_bytes(p->rows, p->n, p->k) + 64));
    assert_true(dst && scratch);
    struct rfa_gemm_s8_args args = {.dst = dst,
                                    .dst_stride = p->n,
                                    .a = o->a,
                                    .a_stride = rfa_row_bytes(p->k),
                                    .a_scale = o->a_scale,
                                    .a_scale_step = !p->one_scale,
                                    .a_zero = p->zero,
                                    .w = o->w,
                                    .w_scale = o->w_scale,
                                    .w_sum = o->w_sum,
                                    .bias = p->bias ? o->bias : NULL,
                                    .residual = p->residual ? o->residual : NULL,
                                    .residual_stride = p->n,
                                    .m = p->rows,
                                    .n = p->n,
                                    .k = p->k,
                                    .act = p->act,
                                    .relu_last = p->relu_last,
                                    .scratch = scratch};
    cpu.gemm_s8->run(&args);
    free(scratch);
    return dst;
}

static void one_product(const struct product *p)
{
    size_t n16 = (p->n + 15) / 16 * 16, bytes = p->rows * p->n * sizeof(float);
    struct operands o = make_operands(p);
    float *expected = product_on_cpu(p, &o);
    void *panels = to_device(o.w, rfa_panel_bytes(p->n, p->k)), *tiles = untouched(rfa_cuda_tile_bytes(p->n, p->k));
    rfa_cuda_retile(on.stream, tiles, panels, p->n, p->k);
    void *device[] = {panels,
                      tiles,
                      to_device(o.a, p->rows * rfa_row_bytes(p->k)),
                      to_device(o.a_scale, p->rows * sizeof(float)),
                      to_device(o.w_scale, n16 * sizeof(float)),
                      to_device(o.w_sum, n16 * sizeof(float)),
                      to_device(o.bias, n16 * sizeof(float)),
                      to_device(o.residual, bytes)};
    float *dst = untouched(bytes + p->n * sizeof(float));
    uint32_t none = 0, *largest = malloc(sizeof *largest), *magnitude = to_device(&none, sizeof none);
    assert_non_null(largest);
    *largest = cpu.absmax_f32(expected, p->rows * p->n);
    struct rfa_cuda_gemm_s8_args args = {.dst = dst,
                                         .a = device[2],
                                         .a_stride = rfa_row_bytes(p->k),
                                         .a_scale = device[3],
                                         .a_scale_step = !p->one_scale,
                                         .a_zero = p->zero,
                                         .w = tiles,
                                         .w_scale = device[4],
                                         .w_sum = device[5],
                                         .bias = p->bias ? device[6] : NULL,
                                         .residual = p->residual ? device[7] : NULL,
                                         .n = (uint32_t)p->n,
                                         .chunks = (uint32_t)rfa_cuda_chunks(p->k),
                                         .rows = set_rows(p->rows, p->most),
                                         .act = p->act,
                                         .relu_last = p->relu_last,
                                         .few = p->few,
                                         .magnitude = magnitude};
    rfa_cuda_gemm_s8(&on, &args);
    expect(magnitude, largest, sizeof *largest, 0);
    expect(dst, expected, bytes, p->n * sizeof(float));
    for (size_t i = 0; i < sizeof device / sizeof device[0]; i++)
        assert_int_equal(cudaFree(device[i]), cudaSuccess);
    free(o.a), free(o.w), free(o.a_scale), free(o.w_scale), free(o.bias), free(o.residual), free(o.w_sum);
}

/* Enough rows at most that the tiles are of 128 x 128, of 64 x 64, and neither; in the current call fewer. */
static void products(void **state)
{
    (void)state;
    static const struct product cases[] = {
        {8, 12288, 132, 64, 0, 0, 0, true, false, false, RFA_ACT_GELU},
        {137, 12288, 66, 200, 0, -111, 0, true, true, false, RFA_ACT_NONE},
        {256, 12288, 128, 130, 0, 0, 1, false, true, true, RFA_ACT_NONE},
        {265, 12288, 257, 330, 0, -111, 0, true, false, false, RFA_ACT_RELU},
        {300, 12288, 129, 1, 0, 0, 0, false, false, false, RFA_ACT_NONE},
        {65, 4096, 68, 191, 0, -111, 0, true, true, true, RFA_ACT_NONE},
        {17, 4096, 64, 65, 0, 0, 0, false, false, false, RFA_ACT_SILU},
        {130, 8192, 35, 576, 0, 0, 1, true, true, true, RFA_ACT_NONE},
        {1, 1, 1, 1, 0, 0, 0, true, true, false, RFA_ACT_NONE},
        {20, 512, 100, 2100, 1, 0, 0, true, true, false, RFA_ACT_RELU},
        {165, 512, 40, 300, 1, 0, 0, true, false, false, RFA_ACT_NONE},
        {33, 512, 48, 1088, 1, -111, 0, true, false, false, RFA_ACT_GELU},
        {32, 32, 31, 511, 0, 0, 0, false, true, false, RFA_ACT_SIGMOID},
        {165, 165, 96, 1030, 0, -111, 1, true, true, true, RFA_ACT_NONE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        one_product(&cases[i]);
}

/* ------------------------------------------------------------------ rows */

/* Rows that are ordinary, zero, one-sided, huge, denormal, infinite, and not a number. */
static float *odd_rows(size_t rows, size_t n)
{
    float *x = random_floats(rows * n);
    for (size_t row = 0; row < rows; row++)
        for (size_t i = 0; i < n; i++) {
            float *v = &x[row * n + i];
            *v = row == 1 ? 0.0f : row == 2 ? fabsf(*v) : row == 3 ? *v * 3e38f : row == 4 ? *v * 0x1p-140f : *v;
        }
    x[5 * n + n / 2] = INFINITY;
    x[6 * n + n - 1] = NAN;
    return x;
}

enum { ROWS = 9, MOST_ROWS = 14 };

static void one_row_length(size_t n, int zero)
{
    size_t stride = rfa_row_bytes(n);
    float *x = odd_rows(ROWS, n), *gamma = random_floats(n), *beta = random_floats(n);
    float *normal = malloc(ROWS * n * sizeof *normal),
          *scale[2] = {malloc(ROWS * sizeof(float)), malloc(ROWS * sizeof(float))};
    int8_t *q[2] = {malloc(ROWS * stride), malloc(ROWS * stride)};
    assert_true(normal && scale[0] && scale[1] && q[0] && q[1]);
    for (size_t row = 0; row < ROWS; row++) {
        cpu.norm_f32(normal + row * n, x + row * n, gamma, beta, 1e-5f, n);
        scale[0][row] = cpu.quantize_row(q[0] + row * stride, normal + row * n, n, zero, 0);
        scale[1][row] = cpu.quantize_row(q[1] + row * stride, x + row * n, n, zero, 0);
        for (size_t i = 0; i < n && row > 4; i++) /* a NaN's payload is nobody's promise */
            normal[row * n + i] = isnan(normal[row * n + i]) ? 0.0f : normal[row * n + i];
    }
    void *device[] = {to_device(x, ROWS * n * sizeof(float)), to_device(gamma, n * sizeof(float)),
                      to_device(beta, n * sizeof(float))};
    struct rfa_cuda_rows rows = set_rows(ROWS, MOST_ROWS);
    struct rfa_cuda_q8 q8[2];
    for (int i = 0; i < 2; i++)
        q8[i] = (struct rfa_cuda_q8){untouched((ROWS + 1) * stride), untouched((ROWS + 1) * sizeof(float)), zero};
    float *dst = untouched((ROWS + 1) * n * sizeof(float));
    struct rfa_cuda_norm_args args = {dst, q8[0], device[0], device[1], device[2], 1e-5f, (uint32_t)n, rows};
    rfa_cuda_norm(&on, &args);
    rfa_cuda_quantize(&on, q8[1], device[0], (uint32_t)n, rows);
    for (int i = 0; i < 2; i++) {
        expect(q8[i].q, q[i], ROWS * stride, stride);
        expect(q8[i].scale, scale[i], ROWS * sizeof(float), sizeof(float));
    }
    /* The rows that are numbers; then the place behind all. */
    float *ordinary = malloc(5 * n * sizeof *ordinary), *got = malloc((ROWS + 1) * n * sizeof *got);
    assert_true(ordinary && got);
    memcpy(ordinary, normal, 5 * n * sizeof *ordinary);
    assert_int_equal(cudaMemcpyAsync(got, dst, (ROWS + 1) * n * sizeof *got, cudaMemcpyDeviceToHost, on.stream),
                     cudaSuccess);
    assert_int_equal(cudaStreamSynchronize(on.stream), cudaSuccess);
    for (size_t i = 5 * n; i < ROWS * n; i++)
        got[i] = isnan(got[i]) ? 0.0f : got[i];
    assert_memory_equal(got, normal, ROWS * n * sizeof *got);
    expect(dst, ordinary, 5 * n * sizeof(float), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(cudaFree(device[i]), cudaSuccess);
    free(x), free(gamma), free(beta), free(normal), free(got);
}

static void row_lengths(void **state)
{
    (void)state;
    static const size_t length[] = {1, 3, 4, 15, 16, 17, 63, 64, 65, 130, 512, 513, 516, 1030, 1408, 12272};
    for (size_t i = 0; i < sizeof length / sizeof length[0]; i++) {
        one_row_length(length[i], 0);
        one_row_length(length[i], RFA_ZERO_ONE_SIDED);
    }
}

/* ------------------------------------------------------------------ maps */

static void one_map(size_t pixels, size_t channels, int zero)
{
    size_t stride = rfa_map_row_bytes(channels), bytes = pixels * stride;
    float *x = random_floats(pixels * channels), multiplier, *scale = malloc(sizeof *scale);
    int8_t *row = malloc(rfa_row_bytes(channels)), *q = malloc(bytes);
    assert_true(scale && row && q);
    *scale = rfa_quant_steps(cpu.absmax_f32(x, pixels * channels), (float)(RFA_QMAX - zero), &multiplier);
    for (size_t i = 0; i < pixels; i++) {
        cpu.quantize_scaled(row, x + i * channels, channels, multiplier, zero, 0);
        memcpy(q + i * stride, row, stride);
    }
    const uint32_t none = 0;
    void *device = to_device(x, pixels * channels * sizeof(float)), *magnitude = to_device(&none, sizeof none);
    struct rfa_cuda_q8 q8 = {untouched(bytes + 64), untouched(sizeof(float)), zero};
    rfa_cuda_magnitude(&on, magnitude, device, pixels * channels);
    rfa_cuda_quantize_map(&on, q8, device, (uint32_t)pixels, (uint32_t)channels, magnitude);
    expect(q8.q, q, bytes, 64);
    expect(q8.scale, scale, sizeof(float), 0);
    assert_int_equal(cudaFree(device), cudaSuccess);
    assert_int_equal(cudaFree(magnitude), cudaSuccess);
    free(x), free(row);
}

static void maps(void **state)
{
    (void)state;
    static const size_t channels[] = {1, 3, 4, 5, 16, 64, 65}, pixels[] = {1, 7, 130, 3001};
    for (size_t c = 0; c < sizeof channels / sizeof channels[0]; c++)
        for (size_t p = 0; p < sizeof pixels / sizeof pixels[0]; p++)
            one_map(pixels[p], channels[c], c % 2 ? RFA_ZERO_ONE_SIDED : 0);
}

/* ------------------------------------------------------------------ int8 attention */

struct heads {
    size_t sequences, heads, rows, keys, d, stride; /* from row to row of all operands */
};

struct packed {
    int8_t *k, *v;
    float *k_scale, *v_scale;
    int32_t *sum;
};

/* One row of one head, as src/ops_attention_s8.c does it. */
static void attend(float *dst, const float *q, const struct packed *p, const struct heads *h)
{
    size_t row = rfa_row_bytes(h->d), wide = rfa_row_bytes(h->keys);
    int8_t *own = taken(row), *high = taken(wide), *low = taken(wide);
    float *scores = taken(h->keys * sizeof *scores), scale = cpu.quantize_row(own, q, h->d, 0, 0);
    struct rfa_gemm_s8_args args = {.dst = scores,
                                    .dst_stride = h->keys,
                                    .a = own,
                                    .a_stride = row,
                                    .a_scale = &scale,
                                    .w = p->k,
                                    .w_scale = p->k_scale,
                                    .w_sum = p->sum,
                                    .m = 1,
                                    .n = h->keys,
                                    .k = h->d};
    cpu.gemm_s8->run(&args);
    float share = 1.0f / cpu.softmax_s8(high, low, scores, h->keys, 1.0f / sqrtf((float)h->d), 0);
    float high_scale = 128.0f * share;
    float *upper = taken(h->d * sizeof *upper);
    args = (struct rfa_gemm_s8_args){.dst = upper,
                                     .dst_stride = h->d,
                                     .a = high,
                                     .a_stride = wide,
                                     .a_scale = &high_scale,
                                     .w = p->v,
                                     .w_scale = p->v_scale,
                                     .w_sum = p->sum,
                                     .m = 1,
                                     .n = h->d,
                                     .k = h->keys};
    cpu.gemm_s8->run(&args);
    args.dst = dst;
    args.a = low;
    args.a_scale = &share;
    args.residual = upper;
    args.residual_stride = h->d;
    cpu.gemm_s8->run(&args);
    free(own), free(high), free(low), free(scores), free(upper);
}

static void attend_head(float *dst, const float *q, const float *k, const float *v, const struct heads *h)
{
    size_t k16 = (h->keys + 15) / 16 * 16, d16 = (h->d + 15) / 16 * 16;
    struct packed p = {taken(rfa_panel_bytes(h->keys, h->d)), taken(rfa_panel_bytes(h->d, h->keys)), taken(k16 * 4),
                       taken(d16 * 4), taken((k16 + d16) * 4)};
    cpu.pack_rows_s8(p.k, p.k_scale, p.sum, k, h->stride, h->keys, h->d);
    cpu.pack_cols_s8(p.v, p.v_scale, p.sum, v, h->stride, h->d, h->keys);
    for (size_t row = 0; row < h->rows; row++)
        attend(dst + row * h->stride, q + row * h->stride, &p, h);
    free(p.k), free(p.v), free(p.k_scale), free(p.v_scale), free(p.sum);
}

static void same_numbers(const float *got, const float *expected, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!(isnan(got[i]) && isnan(expected[i])))
            assert_memory_equal(&got[i], &expected[i], sizeof got[i]);
}

/* q, k and v are columns of one matrix each; a key of sequence 0 is large, and a query of the last one is no number. */
static void one_attention(const struct heads *h)
{
    size_t most = h->rows > h->keys ? h->rows : h->keys, count = h->sequences * most * h->stride;
    float *x[3] = {random_floats(count), random_floats(count), random_floats(count)}, *expected = taken(count * 4);
    for (size_t i = 0; i < h->d; i++)
        x[1][h->keys / 2 * h->stride + i] *= 40.0f;
    x[0][((h->sequences - 1) * h->rows + h->rows - 1) * h->stride] = NAN;
    memset(expected, UNTOUCHED, count * 4);
    for (size_t s = 0; s < h->sequences; s++)
        for (size_t i = 0; i < h->heads; i++)
            attend_head(expected + s * h->rows * h->stride + i * h->d, x[0] + s * h->rows * h->stride + i * h->d,
                        x[1] + s * h->keys * h->stride + i * h->d, x[2] + s * h->keys * h->stride + i * h->d, h);
    struct rfa_cuda_rows one = set_rows(h->sequences, h->sequences + 1),
                         rows = {(uint32_t)h->rows, 0, (uint32_t)h->rows},
                         keys = {(uint32_t)h->keys, 0, (uint32_t)h->keys + 9};
    struct rfa_cuda_operand o[3];
    for (int i = 0; i < 3; i++)
        o[i] = (struct rfa_cuda_operand){to_device(x[i], count * 4), h->stride, 1};
    struct rfa_cuda_attention args = {
        .dst = untouched(count * 4),
        .dst_stride = h->stride,
        .q = o[0],
        .k = o[1],
        .v = o[2],
        .sequences = one,
        .rows = rows,
        .keys = keys,
        .heads = (uint32_t)h->heads,
        .d = (uint32_t)h->d,
        .scale = 1.0f / sqrtf((float)h->d),
        .scratch = untouched(rfa_cuda_attention_scratch(h->sequences + 1, h->heads, h->keys + 9, h->d))};
    rfa_cuda_attention_s8(&on, &args);
    assert_int_equal(cudaGetLastError(), cudaSuccess);
    float *got = taken(count * 4);
    assert_int_equal(cudaMemcpyAsync(got, args.dst, count * 4, cudaMemcpyDeviceToHost, on.stream), cudaSuccess);
    assert_int_equal(cudaStreamSynchronize(on.stream), cudaSuccess);
    same_numbers(got, expected, count);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(cudaFree((void *)(uintptr_t)o[i].data), cudaSuccess);
        free(x[i]);
    }
    assert_int_equal(cudaFree(args.dst), cudaSuccess);
    assert_int_equal(cudaFree(args.scratch), cudaSuccess);
    free(expected), free(got);
}

/* Columns of one to four chunks, keys that end within and with a chunk and a group of tiles, rows that end within a
 * warp's. */
static void attention(void **state)
{
    (void)state;
    static const struct heads cases[] = {
        {2, 2, 70, 257, 88, 176}, {1, 3, 17, 64, 80, 250}, {1, 1, 33, 128, 256, 256}, {2, 1, 1, 1, 1, 4},
        {1, 2, 16, 65, 130, 260}, {3, 2, 15, 31, 64, 130}, {1, 1, 20, 97, 200, 203},  {1, 2, 100, 165, 32, 64},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        one_attention(&cases[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(products), cmocka_unit_test(row_lengths),
                                       cmocka_unit_test(maps), cmocka_unit_test(attention)};
    int count = 0;
    if (cudaGetDeviceCount(&count) != cudaSuccess || count == 0) {
        fprintf(stderr, "no device answers: nothing was tested\n");
        return 77;
    }
    return cmocka_run_group_tests_name("cuda_kernels", tests, start, stop);
}

/* Ops whose results do not depend on each other: a thread an element. */
#include "device.h"

/* Element i of the result is column i % d of row i / d; false beyond the current rows. */
static __device__ bool element(const rfa_cuda_call *call, rfa_cuda_rows rows, uint32_t d, size_t *row, uint32_t *col)
{
    size_t i = thread_index();
    *row = i / d;
    *col = (uint32_t)(i % d);
    return *row < rows_now(call, rows);
}

#define LAUNCH_ELEMENTS(kernel, rows, d, ...)                                                                          \
    RFA_LAUNCH(kernel, blocks_of((size_t)(rows).most * (d), THREADS), THREADS, 0, run->stream, run->call, __VA_ARGS__)

/* ------------------------------------------------------------------ inputs */

static __global__ void patches(const rfa_cuda_call *call, float *dst, const float *pixels, uint32_t image,
                               uint32_t patch, int fp16, rfa_cuda_rows rows)
{
    size_t row;
    uint32_t col, side = image / patch, d = 3 * patch * patch;
    if (!element(call, rows, d, &row, &col))
        return;
    size_t frame = row / (side * side), cell = row % (side * side);
    size_t y = cell / side * patch + col / 3 / patch, x = cell % side * patch + col / 3 % patch, c = col % 3;
    float value = pixels[((frame * 3 + c) * image + y) * image + x];
    dst[row * d + col] = fp16 ? rfa_half_to_float(rfa_float_to_half(value)) : value;
}

void rfa_cuda_patches(const rfa_cuda_run *run, float *dst, const float *pixels, uint32_t image, uint32_t patch,
                      int fp16, rfa_cuda_rows rows)
{
    LAUNCH_ELEMENTS(patches, rows, 3 * patch * patch, dst, pixels, image, patch, fp16, rows);
}

static __global__ void tokens(const rfa_cuda_call *call, float *dst, const float *cells, rfa_cuda_table first,
                              rfa_cuda_table position, uint32_t count, uint32_t d, rfa_cuda_rows rows)
{
    size_t row;
    uint32_t col;
    if (!element(call, rows, d, &row, &col))
        return;
    size_t frame = row / count, token = row % count;
    float value = token == 0 ? table_value(first, col) : cells[(frame * (count - 1) + token - 1) * d + col];
    dst[row * d + col] = value + table_value(position, token * d + col);
}

void rfa_cuda_tokens(const rfa_cuda_run *run, float *dst, const float *cells, rfa_cuda_table first,
                     rfa_cuda_table position, uint32_t count, uint32_t d, rfa_cuda_rows rows)
{
    LAUNCH_ELEMENTS(tokens, rows, d, dst, cells, first, position, count, d, rows);
}

static __global__ void constant(const rfa_cuda_call *call, float *dst, rfa_cuda_table table, uint32_t n, uint32_t d,
                                rfa_cuda_rows rows)
{
    size_t row;
    uint32_t col;
    if (element(call, rows, d, &row, &col))
        dst[row * d + col] = table_value(table, row % n * d + col);
}

void rfa_cuda_constant(const rfa_cuda_run *run, float *dst, rfa_cuda_table table, uint32_t n, uint32_t d,
                       rfa_cuda_rows rows)
{
    LAUNCH_ELEMENTS(constant, rows, d, dst, table, n, d, rows);
}

static __global__ void embed(const rfa_cuda_call *call, float *dst, const int32_t *ids, rfa_cuda_table token,
                             rfa_cuda_table position, uint32_t d, rfa_cuda_rows rows)
{
    size_t row;
    uint32_t col;
    if (element(call, rows, d, &row, &col)) /* the session checked the ids */
        dst[row * d + col] = table_value(token, (size_t)ids[row] * d + col) + table_value(position, row * d + col);
}

void rfa_cuda_embed(const rfa_cuda_run *run, float *dst, const int32_t *ids, rfa_cuda_table token,
                    rfa_cuda_table position, uint32_t d, rfa_cuda_rows rows)
{
    LAUNCH_ELEMENTS(embed, rows, d, dst, ids, token, position, d, rows);
}

static __global__ void channels_last(const rfa_cuda_call *, float *dst, const float *planes, uint32_t pixels,
                                     uint32_t channels)
{
    size_t i = thread_index();
    if (i < (size_t)pixels * channels)
        dst[i] = planes[i % channels * pixels + i / channels];
}

void rfa_cuda_channels_last(const rfa_cuda_run *run, float *dst, const float *planes, uint32_t pixels,
                            uint32_t channels)
{
    RFA_LAUNCH(channels_last, blocks_of((size_t)pixels * channels, THREADS), THREADS, 0, run->stream, run->call, dst,
               planes, pixels, channels);
}

/* ------------------------------------------------------------------ sums */

static __global__ void add(const rfa_cuda_call *call, float *dst, const float *x, const float *y, rfa_cuda_table table,
                           int one_row, uint32_t d, rfa_cuda_rows rows)
{
    size_t row;
    uint32_t col;
    if (!element(call, rows, d, &row, &col))
        return;
    float other = y ? y[(one_row ? 0 : row * d) + col] : table_value(table, row * d + col);
    dst[row * d + col] = x[row * d + col] + other;
}

void rfa_cuda_add(const rfa_cuda_run *run, float *dst, const float *x, const float *y, rfa_cuda_table table,
                  int one_row, uint32_t d, rfa_cuda_rows rows)
{
    LAUNCH_ELEMENTS(add, rows, d, dst, x, y, table, one_row, d, rows);
}

static __global__ void mean(const rfa_cuda_call *call, rfa_cuda_mean_args a)
{
    size_t row;
    uint32_t col, count = rows_now(call, a.count);
    if (!element(call, a.rows, a.d, &row, &col))
        return;
    const float *x = a.x + row * a.base * a.d + col;
    float sum = 0.0f;
    for (uint32_t i = 0; i < count; i++)
        sum += x[(size_t)i * a.step * a.d];
    a.dst[row * a.d + col] = sum / (float)count;
}

void rfa_cuda_mean(const rfa_cuda_run *run, const rfa_cuda_mean_args *args)
{
    LAUNCH_ELEMENTS(mean, args->rows, args->d, *args);
}

static __global__ void mix(const rfa_cuda_call *call, float *dst, const float *a, const float *b, float divisor,
                           uint32_t d, rfa_cuda_rows rows)
{
    size_t row;
    uint32_t col;
    if (element(call, rows, d, &row, &col))
        dst[row * d + col] = (a[row * d + col] + b[row * d + col]) / divisor;
}

void rfa_cuda_mix(const rfa_cuda_run *run, float *dst, const float *a, const float *b, float divisor, uint32_t d,
                  rfa_cuda_rows rows)
{
    LAUNCH_ELEMENTS(mix, rows, d, dst, a, b, divisor, d, rows);
}

static __global__ void act(const rfa_cuda_call *call, float *dst, const float *x, rfa_act function, uint32_t d,
                           rfa_cuda_rows rows)
{
    size_t row;
    uint32_t col;
    if (element(call, rows, d, &row, &col))
        dst[row * d + col] = rfa_act_value(x[row * d + col], function);
}

void rfa_cuda_act(const rfa_cuda_run *run, float *dst, const float *x, rfa_act function, uint32_t d, rfa_cuda_rows rows)
{
    LAUNCH_ELEMENTS(act, rows, d, dst, x, function, d, rows);
}

static __global__ void agents(const rfa_cuda_call *call, float *dst, const float *x, const float *gate, uint32_t d,
                              rfa_cuda_rows rows)
{
    size_t row;
    uint32_t col;
    if (!element(call, rows, d, &row, &col))
        return;
    float value = x[row * d + col];
    dst[row * d + col] = (value * gate[row * d + col] + 2.0f * value) / 3.0f;
}

void rfa_cuda_agents(const rfa_cuda_run *run, float *dst, const float *x, const float *gate, uint32_t d,
                     rfa_cuda_rows rows)
{
    LAUNCH_ELEMENTS(agents, rows, d, dst, x, gate, d, rows);
}

static __global__ void blend(const rfa_cuda_call *call, rfa_cuda_blend_args a)
{
    size_t row;
    uint32_t col, inner = rows_now(call, a.inner);
    if (!element(call, a.rows, a.d, &row, &col))
        return;
    float sum = a.bias ? a.bias[row] : 0.0f;
    for (uint32_t j = 0; j < inner; j++)
        sum = fmaf(a.weight[row * inner + j], a.x[j * a.x_stride + col], sum);
    a.dst[row * a.d + col] = sum;
}

void rfa_cuda_blend(const rfa_cuda_run *run, const rfa_cuda_blend_args *args)
{
    LAUNCH_ELEMENTS(blend, args->rows, args->d, *args);
}

/* ------------------------------------------------------------------ the clip */

static __global__ void store(const rfa_cuda_call *call, float *ring, const float *x, uint32_t frame,
                             rfa_cuda_rows frames)
{
    size_t row;
    uint32_t col;
    if (element(call, frames, frame, &row, &col))
        ring[(call->slot + row) * frame + col] = x[row * frame + col];
}

void rfa_cuda_store(const rfa_cuda_run *run, float *ring, const float *x, uint32_t frame, rfa_cuda_rows frames)
{
    LAUNCH_ELEMENTS(store, frames, frame, ring, x, frame, frames);
}

static __global__ void gather(const rfa_cuda_call *call, float *dst, const int32_t *index, const float *x,
                              uint32_t count, uint32_t frames, uint32_t d, rfa_cuda_rows rows)
{
    size_t row;
    uint32_t col;
    if (!element(call, rows, d, &row, &col))
        return;
    int32_t chosen = index[row];
    uint32_t i = chosen >= 0 && (uint32_t)chosen < count ? (uint32_t)chosen : 0; /* an index is data: never trusted */
    dst[row * d + col] = x[(row % frames * count + i) * d + col];
}

void rfa_cuda_gather(const rfa_cuda_run *run, float *dst, const int32_t *index, const float *x, uint32_t count,
                     uint32_t frames, uint32_t d, rfa_cuda_rows rows)
{
    LAUNCH_ELEMENTS(gather, rows, d, dst, index, x, count, frames, d, rows);
}

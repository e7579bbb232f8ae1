/* Ops over rows: half a warp a row, lane j with partial sum j of sum16. Rows are read again rather than kept: they stay
 * in the first-level cache. */
#include "device.h"

#define LAUNCH_ROWS(kernel, rows, ...)                                                                                 \
    RFA_LAUNCH(kernel, blocks_of((rows).most, THREADS / HALF_WARP), THREADS, 0, run->stream, run->call, __VA_ARGS__)

/* The half-warp's row. Beyond the last one it computes row 0 again and writes nothing, because all lanes of a warp must
 * take part in its exchanges. */
struct place {
    size_t row;
    uint32_t lane;
    bool active;
};

static __device__ place find_place(const rfa_cuda_call *call, rfa_cuda_rows rows)
{
    size_t row = thread_index() / HALF_WARP;
    bool active = row < rows_now(call, rows);
    return {active ? row : 0, threadIdx.x % HALF_WARP, active};
}

/* Quantises value(i), i < n, of the place's row; what sets its scale is found by all lanes together. */
template <class Value> static __device__ void write_q8(const place &p, rfa_cuda_q8 q, uint32_t n, Value value)
{
    uint32_t above = 0, below = 0, stride = (uint32_t)rfa_row_bytes(n);
    for (uint32_t i = p.lane; i < n; i += HALF_WARP) {
        float x = value(i);
        uint32_t *side = x < 0.0f ? &below : &above, magnitude = rfa_magnitude(x);
        *side = magnitude > *side ? magnitude : *side;
    }
    uint32_t reach = rfa_quant_reach(largest16(above), largest16(below), q.zero);
    float multiplier, scale = rfa_quant_steps(reach, (float)(RFA_QMAX - q.zero), &multiplier);
    if (!p.active)
        return;
    for (uint32_t i = p.lane; i < stride; i += HALF_WARP)
        q.q[p.row * stride + i] = i < n && multiplier != 0.0f ? rfa_quant_value_from(value(i), multiplier, q.zero) : (int8_t)q.zero;
    if (p.lane == 0)
        q.scale[p.row] = scale;
}

static __global__ void norm(const rfa_cuda_call *call, rfa_cuda_norm_args a)
{
    place p = find_place(call, a.rows);
    const float *x = a.x + p.row * a.n;
    float sum = 0.0f, squares = 0.0f;
    for (uint32_t i = p.lane; i < round16(a.n); i += HALF_WARP)
        sum = fmaf(i < a.n ? x[i] : 0.0f, 1.0f, sum);
    float mean = tree16(sum) / (float)a.n;
    for (uint32_t i = p.lane; i < round16(a.n); i += HALF_WARP) {
        float d = i < a.n ? x[i] - mean : 0.0f;
        squares = fmaf(d, d, squares);
    }
    float rstd = 1.0f / sqrtf(tree16(squares) / (float)a.n + a.eps);
    auto value = [&](uint32_t i) { return fmaf((x[i] - mean) * rstd, a.gamma[i], a.beta[i]); };
    if (a.dst && p.active)
        for (uint32_t i = p.lane; i < a.n; i += HALF_WARP)
            a.dst[p.row * a.n + i] = value(i);
    if (a.q.q)
        write_q8(p, a.q, a.n, value);
}

void rfa_cuda_norm(const rfa_cuda_run *run, const rfa_cuda_norm_args *args)
{
    LAUNCH_ROWS(norm, args->rows, *args);
}

static __global__ void quantize(const rfa_cuda_call *call, rfa_cuda_q8 q, const float *x, uint32_t n,
                                rfa_cuda_rows rows)
{
    place p = find_place(call, rows);
    write_q8(p, q, n, [&](uint32_t i) { return x[p.row * n + i]; });
}

void rfa_cuda_quantize(const rfa_cuda_run *run, rfa_cuda_q8 q, const float *x, uint32_t n, rfa_cuda_rows rows)
{
    LAUNCH_ROWS(quantize, rows, q, x, n, rows);
}

static __global__ void unit(const rfa_cuda_call *call, float *dst, const float *x, uint32_t n, rfa_cuda_rows rows)
{
    place p = find_place(call, rows);
    float sum = 0.0f;
    for (uint32_t i = p.lane; i < round16(n); i += HALF_WARP) {
        float value = i < n ? x[p.row * n + i] : 0.0f;
        sum = fmaf(value, value, sum);
    }
    float norm = sqrtf(tree16(sum));
    norm = norm < 1e-12f ? 1e-12f : norm; /* a NaN stays */
    for (uint32_t i = p.lane; p.active && i < n; i += HALF_WARP)
        dst[p.row * n + i] = x[p.row * n + i] / norm;
}

void rfa_cuda_unit(const rfa_cuda_run *run, float *dst, const float *x, uint32_t n, rfa_cuda_rows rows)
{
    LAUNCH_ROWS(unit, rows, dst, x, n, rows);
}

static __global__ void softmax(const rfa_cuda_call *call, float *dst, const float *x, uint32_t n, rfa_cuda_rows rows)
{
    place p = find_place(call, rows);
    const float *row = x + p.row * n;
    float max = -INFINITY, sum = 0.0f;
    for (uint32_t i = p.lane; i < n; i += HALF_WARP)
        max = rfa_max(max, row[i]);
    for (int lane = 8; lane > 0; lane /= 2)
        max = rfa_max(max, __shfl_xor_sync(ALL_LANES, max, lane));
    for (uint32_t i = p.lane; i < n; i += HALF_WARP)
        sum = fmaf(rfa_exp(row[i] - max), 1.0f, sum);
    sum = tree16(sum);
    for (uint32_t i = p.lane; p.active && i < n; i += HALF_WARP)
        dst[p.row * n + i] = rfa_exp(row[i] - max) / sum;
}

void rfa_cuda_softmax(const rfa_cuda_run *run, float *dst, const float *x, uint32_t n, rfa_cuda_rows rows)
{
    LAUNCH_ROWS(softmax, rows, dst, x, n, rows);
}

/* ------------------------------------------------------------------ one scale for a whole map */

/* A maximum of integers: the same in any order. */
static __global__ void map_magnitude(const rfa_cuda_call *, uint32_t *magnitude, const float *x, size_t count)
{
    uint32_t largest = 0;
    for (size_t i = thread_index(); i < count; i += (size_t)gridDim.x * blockDim.x) {
        uint32_t m = rfa_magnitude(x[i]);
        largest = m > largest ? m : largest;
    }
    largest = largest16(largest);
    if (threadIdx.x % HALF_WARP == 0)
        atomicMax(magnitude, largest);
}

static __global__ void map_values(const rfa_cuda_call *, rfa_cuda_q8 q, const float *x, uint32_t pixels,
                                  uint32_t channels, const uint32_t *magnitude)
{
    size_t i = thread_index(), stride = rfa_map_row_bytes(channels), pixel = i / stride;
    uint32_t c = (uint32_t)(i % stride);
    float multiplier, scale = rfa_quant_steps(*magnitude, (float)(RFA_QMAX - q.zero), &multiplier);
    if (pixel < pixels)
        q.q[i] = c < channels ? rfa_quant_value_from(x[pixel * channels + c], multiplier, q.zero) : (int8_t)q.zero;
    if (i == 0)
        *q.scale = scale;
}

void rfa_cuda_quantize_map(const rfa_cuda_run *run, rfa_cuda_q8 q, const float *x, uint32_t pixels, uint32_t channels,
                           uint32_t *magnitude)
{
    size_t count = (size_t)pixels * channels;
    unsigned blocks = blocks_of(count, 4 * THREADS);
    cudaMemsetAsync(magnitude, 0, sizeof *magnitude, run->stream); /* its failure shows with the next launch's */
    RFA_LAUNCH(map_magnitude, blocks < 1024 ? blocks : 1024, THREADS, 0, run->stream, run->call, magnitude, x, count);
    RFA_LAUNCH(map_values, blocks_of(pixels * rfa_map_row_bytes(channels), THREADS), THREADS, 0, run->stream, run->call,
               q, x, pixels, channels, magnitude);
}

/* Ops over rows. Lane j of half a warp holds partial sum j of sum16. */
#include <stddef.h>

#include "device.h"

/* ------------------------------------------------------------------ a block a row
 *
 * Where a row is quantised. A maximum is the same in any order, so all threads look for it, four columns at a time. */
enum { ROW_BLOCK = 128 };

/* Enough threads for a row's groups of four, in whole warps. */
static unsigned row_block(size_t n)
{
    size_t threads = (n + 127) / 128 * 32;
    return threads < ROW_BLOCK ? (unsigned)threads : (unsigned)ROW_BLOCK;
}

/* Columns i ... i+3 of a row of n, zeros past the end; `whole`: it begins on 16 bytes and n is a multiple of four. */
static __device__ void columns_of(float v[4], const float *x, uint32_t i, uint32_t n, bool whole)
{
    if (whole && i < n)
        return read4(v, x + i);
#pragma unroll
    for (uint32_t j = 0; j < 4; j++)
        v[j] = i + j < n ? x[i + j] : 0.0f;
}

/* The largest of all threads' a, and of their b; all get them. The block's first call. */
static __device__ void largest_of_block(uint32_t *a, uint32_t *b, uint32_t warps[2][ROW_BLOCK / 32])
{
    *a = largest32(*a);
    *b = largest32(*b);
    if (threadIdx.x % 32 == 0) {
        warps[0][threadIdx.x / 32] = *a;
        warps[1][threadIdx.x / 32] = *b;
    }
    __syncthreads();
    for (uint32_t w = 0; w < blockDim.x / 32; w++) {
        *a = larger(*a, warps[0][w]);
        *b = larger(*b, warps[1][w]);
    }
}

/* Quantises row blockIdx.x, whose columns i ... i+3 are four(v, i), zeros past column n. */
template <class Four>
static __device__ void write_q8(rfa_cuda_q8 q, uint32_t n, uint32_t warps[2][ROW_BLOCK / 32], Four four)
{
    uint32_t above = 0, below = 0, stride = (uint32_t)rfa_row_bytes(n);
    for (uint32_t i = threadIdx.x * 4; i < n; i += blockDim.x * 4) {
        float v[4];
        four(v, i);
#pragma unroll
        for (int j = 0; j < 4; j++) {
            uint32_t *side = v[j] < 0.0f ? &below : &above;
            *side = larger(*side, rfa_magnitude(v[j]));
        }
    }
    largest_of_block(&above, &below, warps);
    float multiplier, scale = rfa_quant_steps(rfa_quant_reach(above, below, q.zero), (float)(RFA_QMAX - q.zero), &multiplier);
    uint32_t *to = reinterpret_cast<uint32_t *>(q.q + (size_t)blockIdx.x * stride);
    for (uint32_t i = threadIdx.x * 4; i < stride; i += blockDim.x * 4) {
        float v[4];
        uint32_t bytes = 0;
        four(v, i);
#pragma unroll
        for (int j = 0; j < 4; j++) {
            int8_t value = multiplier != 0.0f ? rfa_quant_value_from(v[j], multiplier, q.zero) : (int8_t)q.zero;
            bytes |= (uint32_t)(uint8_t)value << 8 * j;
        }
        to[i / 4] = bytes;
    }
    if (threadIdx.x == 0)
        q.scale[blockIdx.x] = scale;
}

struct norm_memory {
    uint32_t warps[2][ROW_BLOCK / 32];
    float mean, rstd, pad[2];
    float x[4]; /* [n up to 16], zeros behind n */
};

/* Mean and deviation of the row in shared memory, by one warp: its halves do the same. */
static __device__ void find_moments(const rfa_cuda_norm_args &a, norm_memory *m)
{
    uint32_t lane = threadIdx.x % HALF_WARP;
    float sum = 0.0f, squares = 0.0f;
#pragma unroll 8
    for (uint32_t i = lane; i < round16(a.n); i += HALF_WARP)
        sum = fmaf(m->x[i], 1.0f, sum);
    float mean = tree16(sum) / (float)a.n;
#pragma unroll 8
    for (uint32_t i = lane; i < round16(a.n); i += HALF_WARP) {
        float d = i < a.n ? m->x[i] - mean : 0.0f;
        squares = fmaf(d, d, squares);
    }
    float rstd = 1.0f / sqrtf(tree16(squares) / (float)a.n + a.eps);
    if (threadIdx.x == 0) {
        m->mean = mean;
        m->rstd = rstd;
    }
}

static __global__ void __launch_bounds__(ROW_BLOCK) norm(const rfa_cuda_call *call, rfa_cuda_norm_args a)
{
    RFA_SHARED(norm_memory, m);
    if (blockIdx.x >= rows_now(call, a.rows))
        return;
    bool whole = a.n % 4 == 0;
    const float *x = a.x + (size_t)blockIdx.x * a.n;
    for (uint32_t i = threadIdx.x * 4; i < round16(a.n); i += blockDim.x * 4) {
        float v[4];
        columns_of(v, x, i, a.n, whole);
        write4(m->x + i, v);
    }
    __syncthreads();
    if (threadIdx.x < 32)
        find_moments(a, m);
    __syncthreads();
    float mean = m->mean, rstd = m->rstd;
    auto four = [&](float v[4], uint32_t i) {
        float gamma[4], beta[4];
        columns_of(gamma, a.gamma, i, a.n, whole);
        columns_of(beta, a.beta, i, a.n, whole);
#pragma unroll
        for (int j = 0; j < 4; j++)
            v[j] = i + j < a.n ? fmaf((m->x[i + j] - mean) * rstd, gamma[j], beta[j]) : 0.0f;
    };
    float *dst = a.dst + (size_t)blockIdx.x * a.n;
    for (uint32_t i = threadIdx.x * 4; a.dst && i < a.n; i += blockDim.x * 4) {
        float v[4];
        four(v, i);
        if (whole)
            write4(dst + i, v);
        else
#pragma unroll
            for (uint32_t j = 0; j < 4; j++)
                if (i + j < a.n)
                    dst[i + j] = v[j];
    }
    if (a.q.q)
        write_q8(a.q, a.n, m->warps, four);
}

static constexpr size_t norm_shared(size_t n)
{
    return offsetof(norm_memory, x) + (n + 15) / 16 * 16 * sizeof(float);
}
static_assert(norm_shared(RFA_CUDA_NORM_COLUMNS) <= MOST_SHARED, "what ops_cuda.c lets pass fits");

void rfa_cuda_norm(const rfa_cuda_run *run, const rfa_cuda_norm_args *args)
{
    RFA_LAUNCH(norm, args->rows.most, row_block(args->n), norm_shared(args->n), run->stream, run->call, *args);
}

static __global__ void __launch_bounds__(ROW_BLOCK) quantize(const rfa_cuda_call *call, rfa_cuda_q8 q, const float *x,
                                                             uint32_t n, rfa_cuda_rows rows)
{
    RFA_SHARED(uint32_t, warps); /* [2][ROW_BLOCK / 32] */
    if (blockIdx.x >= rows_now(call, rows))
        return;
    const float *row = x + (size_t)blockIdx.x * n;
    write_q8(q, n, reinterpret_cast<uint32_t(*)[ROW_BLOCK / 32]>(warps),
             [&](float v[4], uint32_t i) { columns_of(v, row, i, n, n % 4 == 0); });
}

void rfa_cuda_quantize(const rfa_cuda_run *run, rfa_cuda_q8 q, const float *x, uint32_t n, rfa_cuda_rows rows)
{
    RFA_LAUNCH(quantize, rows.most, row_block(n), 2 * (ROW_BLOCK / 32) * sizeof(uint32_t), run->stream, run->call, q, x, n,
               rows);
}

/* ------------------------------------------------------------------ half a warp a row */

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

static __global__ void map_magnitude(const rfa_cuda_call *, uint32_t *magnitude, const float *x, size_t count)
{
    uint32_t largest = 0;
    for (size_t i = thread_index(); i < count; i += (size_t)gridDim.x * blockDim.x)
        largest = larger(largest, rfa_magnitude(x[i]));
    grow_magnitude(magnitude, largest);
}

/* Byte i of the map before it is quantised; 0 behind a pixel's channels. */
static __device__ float map_value(const float *x, size_t i, uint32_t channels, uint32_t stride)
{
    if (channels == stride)
        return x[i];
    uint32_t c = (uint32_t)(i % stride);
    return c < channels ? x[i / stride * channels + c] : 0.0f;
}

/* Four bytes a thread; the last ones may be fewer. */
static __global__ void map_values(const rfa_cuda_call *, rfa_cuda_q8 q, const float *x, uint32_t pixels,
                                  uint32_t channels, const uint32_t *magnitude)
{
    uint32_t stride = (uint32_t)rfa_map_row_bytes(channels), bytes = 0;
    size_t i = thread_index() * 4, count = (size_t)pixels * stride;
    float multiplier, scale = rfa_quant_steps(*magnitude, (float)(RFA_QMAX - q.zero), &multiplier);
    if (i == 0)
        *q.scale = scale;
#pragma unroll
    for (uint32_t j = 0; j < 4; j++) {
        float value = i + j < count ? map_value(x, i + j, channels, stride) : 0.0f;
        bytes |= (uint32_t)(uint8_t)rfa_quant_value_from(value, multiplier, q.zero) << 8 * j;
    }
    if (i + 4 <= count)
        *reinterpret_cast<uint32_t *>(q.q + i) = bytes;
    else
        for (uint32_t j = 0; i + j < count; j++)
            q.q[i + j] = (int8_t)(bytes >> 8 * j);
}

void rfa_cuda_magnitude(const rfa_cuda_run *run, uint32_t *magnitude, const float *x, size_t count)
{
    unsigned blocks = blocks_of(count, 8 * THREADS);
    RFA_LAUNCH(map_magnitude, blocks < 256 ? blocks : 256, THREADS, 0, run->stream, run->call, magnitude, x, count);
}

void rfa_cuda_quantize_map(const rfa_cuda_run *run, rfa_cuda_q8 q, const float *x, uint32_t pixels, uint32_t channels,
                           const uint32_t *magnitude)
{
    RFA_LAUNCH(map_values, blocks_of(pixels * rfa_map_row_bytes(channels), 4 * THREADS), THREADS, 0, run->stream,
               run->call, q, x, pixels, channels, magnitude);
}

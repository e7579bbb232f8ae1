/* Softmax attention in float: a block takes some query rows of one head of one sequence and keeps their scores. */
#include "device.h"

enum { QUERIES = 4, BLOCK = 128, HALVES = BLOCK / HALF_WARP, MOST_COLUMNS = 256 };
static_assert(QUERIES * (MOST_COLUMNS + RFA_CUDA_KEYS + 1) * sizeof(float) <= MOST_SHARED, "what ops_cuda.c lets pass fits");

static __device__ const float *operand(const rfa_cuda_operand &o, uint32_t rows, uint32_t d)
{
    return o.data + (o.per_sequence ? (size_t)blockIdx.z * rows * o.stride : 0) + (size_t)blockIdx.y * d;
}

struct block_rows {
    uint32_t first, rows, keys, d16;
    float *q, *e, *sum; /* [QUERIES][d16], [QUERIES][keys], [QUERIES] in shared memory */
};

static __device__ uint32_t limit(const rfa_cuda_attention &a, const block_rows &b, uint32_t r)
{
    uint32_t visible = b.first + r + 1;
    return a.causal && visible < b.keys ? visible : b.keys;
}

/* e[r][j] = sum16(q[r] * k[j]) * scale; half a warp a key. */
static __device__ void scores(const rfa_cuda_attention &a, const block_rows &b, const float *k)
{
    uint32_t half = threadIdx.x / HALF_WARP, lane = threadIdx.x % HALF_WARP;
    for (uint32_t j = half; j < (b.keys + HALVES - 1) / HALVES * HALVES; j += HALVES) {
        float p[QUERIES] = {};
        for (uint32_t c = lane; c < b.d16; c += HALF_WARP) {
            float key = c < a.d && j < b.keys ? k[j * a.k.stride + c] : 0.0f;
#pragma unroll
            for (uint32_t r = 0; r < QUERIES; r++)
                p[r] = fmaf(b.q[r * b.d16 + c], key, p[r]);
        }
#pragma unroll
        for (uint32_t r = 0; r < QUERIES; r++) {
            float sum = tree16(p[r]);
            if (lane == 0 && j < b.keys)
                b.e[r * b.keys + j] = sum * a.scale;
        }
    }
}

/* Scores become numerators; half a warp a row. */
static __device__ void numerators(const rfa_cuda_attention &a, const block_rows &b)
{
    uint32_t r = threadIdx.x / HALF_WARP, lane = threadIdx.x % HALF_WARP;
    if (r >= QUERIES)
        return;
    uint32_t keys = limit(a, b, r);
    float *e = b.e + r * b.keys, max = -INFINITY, sum = 0.0f;
    for (uint32_t j = lane; j < keys; j += HALF_WARP)
        max = rfa_max(max, e[j]);
    for (int distance = 8; distance > 0; distance /= 2)
        max = rfa_max(max, __shfl_xor_sync(ALL_LANES, max, distance));
    for (uint32_t j = lane; j < keys; j += HALF_WARP) {
        e[j] = rfa_exp(e[j] - max);
        sum = fmaf(e[j], 1.0f, sum);
    }
    sum = tree16(sum);
    if (lane == 0)
        b.sum[r] = sum;
}

/* A thread a column: one chain over the keys for every row. */
static __device__ void values(const rfa_cuda_attention &a, const block_rows &b, const float *v)
{
    float *dst = a.dst + ((size_t)blockIdx.z * b.rows + b.first) * a.dst_stride + (size_t)blockIdx.y * a.d;
    for (uint32_t c = threadIdx.x; c < a.d; c += BLOCK) {
        float chain[QUERIES] = {};
        for (uint32_t j = 0; j < b.keys; j++) {
            float value = v[j * a.v.stride + c];
#pragma unroll
            for (uint32_t r = 0; r < QUERIES; r++)
                if (j < limit(a, b, r))
                    chain[r] = fmaf(b.e[r * b.keys + j], value, chain[r]);
        }
#pragma unroll
        for (uint32_t r = 0; r < QUERIES; r++)
            if (b.first + r < b.rows)
                dst[r * a.dst_stride + c] = chain[r] / b.sum[r];
    }
}

static __global__ void __launch_bounds__(BLOCK) attention_f32(const rfa_cuda_call *call, rfa_cuda_attention a)
{
    RFA_SHARED(float, memory);
    block_rows b = {blockIdx.x * QUERIES, rows_now(call, a.rows), rows_now(call, a.keys), round16(a.d), memory, 0, 0};
    if (blockIdx.z >= rows_now(call, a.sequences) || b.first >= b.rows)
        return;
    b.e = b.q + QUERIES * b.d16;
    b.sum = b.e + QUERIES * b.keys;
    const float *q = operand(a.q, b.rows, a.d);
    for (uint32_t i = threadIdx.x; i < QUERIES * b.d16; i += BLOCK) {
        uint32_t row = b.first + i / b.d16, c = i % b.d16;
        b.q[i] = row < b.rows && c < a.d ? q[row * a.q.stride + c] : 0.0f;
    }
    __syncthreads();
    scores(a, b, operand(a.k, b.keys, a.d));
    __syncthreads();
    numerators(a, b);
    __syncthreads();
    values(a, b, operand(a.v, b.keys, a.d));
}

void rfa_cuda_attention_f32(const rfa_cuda_run *run, const rfa_cuda_attention *args)
{
    dim3 grid(blocks_of(args->rows.most, QUERIES), args->heads, args->sequences.most);
    size_t shared = QUERIES * (round16(args->d) + args->keys.most + 1) * sizeof(float);
    RFA_LAUNCH(attention_f32, grid, BLOCK, shared, run->stream, run->call, *args);
}

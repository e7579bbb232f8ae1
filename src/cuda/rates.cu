/* What the device can do at most: loops in registers with the instructions of the products, and a read that no cache
 * holds. Nothing is stored, but the compiler cannot know that: what would be is asked of memory, which holds zeros. */
#include "device.h"

enum { CHAINS = 8, UNROLL = 8, TILE_MACS = 16 * 8 * 64, WARPS = THREADS / 32 };

/* Chains of tensor-core products, operands of both signs in registers. */
static __global__ void __launch_bounds__(THREADS) rate_int8(rfa_cuda_rate r)
{
    uint32_t seed = (blockIdx.x * THREADS + threadIdx.x) * 2654435761u | 1;
    uint4 upper = make_uint4(seed, seed * 5, seed * 25, seed * 125), lower = make_uint4(~seed, seed * 3, seed * 9, ~0u);
    uint4 w = make_uint4(seed * 7, ~seed * 11, seed * 13, ~seed * 17);
    int acc[CHAINS][4], sum = 0;
#pragma unroll
    for (int i = 0; i < CHAINS * 4; i++)
        acc[i / 4][i % 4] = i;
    for (uint32_t repeat = 0; repeat < r.repeats; repeat++)
#pragma unroll
        for (int i = 0; i < UNROLL * CHAINS; i++)
            mma_chunk(acc[i % CHAINS], upper, lower, w);
#pragma unroll
    for (int i = 0; i < CHAINS * 4; i++)
        sum ^= acc[i / 4][i % 4];
    if (*static_cast<const uint32_t *>(r.memory))
        *r.sink = (uint32_t)sum | 1;
}

double rfa_cuda_rate_int8(const rfa_cuda_rate *r)
{
    RFA_LAUNCH(rate_int8, r->blocks, THREADS, 0, r->stream, *r);
    return (double)r->blocks * WARPS * r->repeats * UNROLL * CHAINS * TILE_MACS;
}

/* Chains of float multiply-adds whose values stay between -1 and 1. */
static __global__ void __launch_bounds__(THREADS) rate_float(rfa_cuda_rate r)
{
    float x[CHAINS], factor = -0.9375f, sum = 0.0f, term = (float)(threadIdx.x % 32) * 0x1p-10f;
#pragma unroll
    for (int i = 0; i < CHAINS; i++)
        x[i] = (float)i * 0.125f;
    for (uint32_t repeat = 0; repeat < r.repeats; repeat++)
#pragma unroll
        for (int i = 0; i < UNROLL * CHAINS; i++)
            x[i % CHAINS] = fmaf(x[i % CHAINS], factor, term);
#pragma unroll
    for (int i = 0; i < CHAINS; i++)
        sum += x[i];
    if (*static_cast<const uint32_t *>(r.memory))
        *r.sink = sum < 0.0f ? 2 : 1;
}

double rfa_cuda_rate_float(const rfa_cuda_rate *r)
{
    RFA_LAUNCH(rate_float, r->blocks, THREADS, 0, r->stream, *r);
    return (double)r->blocks * THREADS * r->repeats * UNROLL * CHAINS;
}

/* A block reads RFA_CUDA_READ_BYTES in a row, 16 bytes a thread at a time. */
static __global__ void __launch_bounds__(THREADS) rate_read(rfa_cuda_rate r)
{
    const uint4 *at =
        static_cast<const uint4 *>(r.memory) + (size_t)blockIdx.x * (RFA_CUDA_READ_BYTES / 16) + threadIdx.x;
    uint32_t any = 0;
#pragma unroll 8
    for (int i = 0; i < RFA_CUDA_READ_BYTES / 16; i += THREADS) {
        uint4 value = at[i];
        any |= value.x | value.y | value.z | value.w;
    }
    if (any)
        *r.sink = any;
}

double rfa_cuda_rate_read(const rfa_cuda_rate *r)
{
    unsigned blocks = (unsigned)(r->bytes / RFA_CUDA_READ_BYTES);
    for (uint32_t repeat = 0; repeat < r->repeats; repeat++)
        RFA_LAUNCH(rate_read, blocks, THREADS, 0, r->stream, *r);
    return (double)r->repeats * blocks * RFA_CUDA_READ_BYTES;
}

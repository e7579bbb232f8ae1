/* What kernels share: rows of the current call, sum16 over half a warp, the tensor cores' product, asynchronous copies.
 *
 * The contract's float operations are those of simd/poly.h and quant/quant.h, compiled once more; -fmad=false keeps
 * products and sums apart and fmaf is one rounding. */
#ifndef RFA_CUDA_DEVICE_H
#define RFA_CUDA_DEVICE_H

#include <cuda_runtime.h>

#include "half.h"
#include "launch.h"
#include "poly.h"
#include "quant.h"
#include "sum16.h"

#ifndef RFA_LAUNCH
#define RFA_LAUNCH(kernel, grid, block, shared, stream, ...)                                                           \
    kernel<<<(grid), (block), (shared), (stream)>>>(__VA_ARGS__)
/* The block's shared memory; all of it is sized at the launch. */
#define RFA_SHARED(type, name)                                                                                         \
    extern __shared__ uint4 rfa_shared_memory[];                                                                       \
    type *const name = reinterpret_cast<type *>(rfa_shared_memory)
#endif

constexpr unsigned ALL_LANES = 0xffffffffu;
enum { THREADS = 256, HALF_WARP = 16, MOST_SHARED = 48 * 1024 }; /* bytes a block has on every device */

static inline unsigned blocks_of(size_t count, size_t block)
{
    return (unsigned)((count + block - 1) / block);
}

static inline __host__ __device__ uint32_t round16(uint32_t n)
{
    return (n + 15) / 16 * 16;
}

static inline __host__ __device__ size_t round16_bytes(size_t n)
{
    return (n + 15) / 16 * 16;
}

static inline __device__ uint32_t rows_now(const rfa_cuda_call *call, rfa_cuda_rows r)
{
    return r.unit * call->rows[r.var];
}

static inline __device__ size_t thread_index()
{
    return (size_t)blockIdx.x * blockDim.x + threadIdx.x;
}

/* A value of the file, binary16 or float. Exact: the device has an instruction for what half.h does with integers. */
static inline __device__ float weight_value(uint16_t half)
{
#ifdef RFA_EMULATED_DEVICE
    return rfa_half_to_float(half);
#else
    float value;
    asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(half));
    return value;
#endif
}

static inline __device__ float weight_value(float value)
{
    return value;
}

static inline __device__ float table_value(rfa_cuda_table t, size_t i)
{
    return t.half ? weight_value(static_cast<const uint16_t *>(t.data)[i]) : static_cast<const float *>(t.data)[i];
}

/* Four neighbours, the first on 16 bytes. */
static inline __device__ void read4(float v[4], const float *from)
{
    float4 all = *reinterpret_cast<const float4 *>(from);
    v[0] = all.x, v[1] = all.y, v[2] = all.z, v[3] = all.w;
}

static inline __device__ void write4(float *to, const float v[4])
{
    *reinterpret_cast<float4 *>(to) = make_float4(v[0], v[1], v[2], v[3]);
}

/* The end of sum16: lane j of a half-warp holds partial sum j, all get the result. Additions commute, so exchanging
 * both ways gives the tree's bits. All lanes of the warp take part. */
static inline __device__ float tree16(float p)
{
    p += __shfl_xor_sync(ALL_LANES, p, 8);
    p += __shfl_xor_sync(ALL_LANES, p, 4);
    p += __shfl_xor_sync(ALL_LANES, p, 2);
    p += __shfl_xor_sync(ALL_LANES, p, 1);
    return p;
}

static inline __device__ uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static inline __device__ uint32_t largest16(uint32_t m)
{
    for (int lane = 8; lane > 0; lane /= 2)
        m = larger(m, __shfl_xor_sync(ALL_LANES, m, lane));
    return m;
}

static inline __device__ uint32_t largest32(uint32_t m)
{
    uint32_t half = largest16(m);
    return larger(half, __shfl_xor_sync(ALL_LANES, half, 16));
}

/* A maximum of integers is the same in any order. One exchange with memory a warp, whose lanes all take part. */
static inline __device__ void grow_magnitude(uint32_t *magnitude, uint32_t own)
{
    own = largest32(own);
    if (threadIdx.x % 32 == 0)
        atomicMax(magnitude, own);
}

/* ------------------------------------------------------------------ tensor cores
 *
 * d[16][8] += a[16][32] b[8][32], int8 into int32, a fragment a lane. Which input stands in which byte is free as long
 * as a and b agree, because the sum is exact: so 16 neighbouring bytes of a row are the fragments of two products. */
#ifndef RFA_EMULATED_DEVICE
static inline __device__ void mma_s8(int d[4], uint32_t a0, uint32_t a1, uint32_t a2, uint32_t a3, uint32_t b0,
                                     uint32_t b1)
{
#if __CUDA_ARCH__ >= 800
    asm volatile("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                 : "+r"(d[0]), "+r"(d[1]), "+r"(d[2]), "+r"(d[3])
                 : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
#else
    const uint32_t a[4] = {a0, a1, a2, a3}, b[2] = {b0, b1};
    for (int i = 0; i < 4; i++) /* upper and lower eight rows, first and second half of the inputs */
        asm volatile("mma.sync.aligned.m8n8k16.row.col.s32.s8.s8.s32 {%0,%1}, {%2}, {%3}, {%0,%1};"
                     : "+r"(d[i % 2 * 2]), "+r"(d[i % 2 * 2 + 1])
                     : "r"(a[i]), "r"(b[i / 2]));
#endif
}

/* 16 bytes from global to shared memory, zeros where `valid` is false; complete after copies_wait and a barrier. */
static inline __device__ void copy16(void *shared, const void *global, bool valid)
{
#if __CUDA_ARCH__ >= 800
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"((uint32_t)__cvta_generic_to_shared(shared)),
                 "l"(global), "r"(valid ? 16 : 0)
                 : "memory");
#else
    *static_cast<uint4 *>(shared) = valid ? *static_cast<const uint4 *>(global) : make_uint4(0, 0, 0, 0);
#endif
}

static inline __device__ void copies_commit()
{
#if __CUDA_ARCH__ >= 800
    asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}

/* All but the newest `pending` groups have arrived. */
template <int pending> static inline __device__ void copies_wait()
{
#if __CUDA_ARCH__ >= 800
    asm volatile("cp.async.wait_group %0;" ::"n"(pending) : "memory");
#endif
}
#endif

/* The two products of one chunk of 64 inputs: rows g and g+8 of a, one lane's 16 bytes each, and of b. */
static inline __device__ void mma_chunk(int d[4], uint4 upper, uint4 lower, uint4 b)
{
    mma_s8(d, upper.x, lower.x, upper.y, lower.y, b.x, b.y);
    mma_s8(d, upper.z, lower.z, upper.w, lower.w, b.z, b.w);
}

#endif

/* Kernels as plain C++: qualifiers vanish, a launch calls the function once a thread. */
#ifndef CUDA_SHIM_RUNTIME_H
#define CUDA_SHIM_RUNTIME_H

#include <functional>
#include <stdint.h>
#include <string.h>

#include "cuda_runtime_api.h"

#define RFA_EMULATED_DEVICE
#define __global__
#define __device__
#define __host__
#define __launch_bounds__(...)

struct dim3 {
    unsigned x, y, z;
    dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};

struct alignas(16) uint4 {
    uint32_t x, y, z, w;
};
static inline uint4 make_uint4(uint32_t x, uint32_t y, uint32_t z, uint32_t w)
{
    return {x, y, z, w};
}

struct alignas(16) int4 {
    int x, y, z, w;
};
static inline int4 make_int4(int x, int y, int z, int w)
{
    return {x, y, z, w};
}

struct alignas(8) int2 {
    int x, y;
};
static inline int2 make_int2(int x, int y)
{
    return {x, y};
}

struct alignas(8) float2 {
    float x, y;
};

struct alignas(16) float4 {
    float x, y, z, w;
};
static inline float4 make_float4(float x, float y, float z, float w)
{
    return {x, y, z, w};
}

extern dim3 threadIdx, blockIdx, blockDim, gridDim; /* of the fiber that runs */

void shim_launch(const void *kernel, dim3 grid, dim3 block, size_t shared, cudaStream_t stream, const std::function<void()> &thread);
void *shim_shared(void);
void shim_barrier(int line);
uint32_t shim_exchange(uint32_t mask, uint32_t value, unsigned from);
void shim_mma(int d[4], const uint32_t a[4], const uint32_t b[2]);

#define RFA_LAUNCH(kernel, grid, block, shared, stream, ...)                                                           \
    shim_launch(reinterpret_cast<const void *>(kernel), (grid), (block), (shared), (stream), std::bind((kernel), __VA_ARGS__))
#define RFA_SHARED(type, name) type *const name = static_cast<type *>(shim_shared())

#define __syncthreads() shim_barrier(__LINE__)
#define __syncwarp()    ((void)shim_exchange(0xffffffffu, 0, threadIdx.x % 32))

template <class T> static inline T __shfl_xor_sync(unsigned mask, T value, int distance)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    bits = shim_exchange(mask, bits, (threadIdx.x % 32) ^ (unsigned)distance);
    memcpy(&value, &bits, sizeof bits);
    return value;
}

static inline uint32_t atomicMax(uint32_t *address, uint32_t value)
{
    uint32_t old = *address;
    *address = value > old ? value : old;
    return old;
}

static inline void mma_s8(int d[4], uint32_t a0, uint32_t a1, uint32_t a2, uint32_t a3, uint32_t b0, uint32_t b1)
{
    const uint32_t a[4] = {a0, a1, a2, a3}, b[2] = {b0, b1};
    shim_mma(d, a, b);
}

void copy16(void *shared, const void *global, bool valid);
void copies_commit();
void shim_wait(int pending);
template <int pending> static inline void copies_wait()
{
    shim_wait(pending);
}

#endif

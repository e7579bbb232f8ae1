/* Attention in int8 (quant/README.md section 5) without a matrix of scores: they are sums of integers, so they can be made
 * twice, once for the maximum of their row and once for the numerators, which go from the accumulators of the first
 * product straight into the operand of the second.
 *
 * A lane's accumulators of eight products of 8 keys are, of rows g and g+8, the keys 8 i + 2 t and 8 i + 2 t + 1: 16
 * numerators a row, 16 bytes. So value tiles hold their keys in this order: byte 2 i + j of lane (g, t) is key
 * 8 i + 2 t + j of the chunk. The same keys are partial sums 2 t, 2 t + 1, 8 + 2 t and 8 + 2 t + 1 of sum16. */
#include "device.h"

enum { WARPS = 4, BLOCK = 32 * WARPS, WARP_ROWS = 16, GROUP = 12, TILE_BYTES = 512 };

/* One head's quantised keys and values in scratch. */
struct packed {
    unsigned char *k, *v; /* [keys/8][d chunks][512], [d/8][key chunks][512] */
    float *k_scale, *v_scale;
    uint32_t k_tiles, v_tiles, k_chunks, v_chunks;
};

static __host__ __device__ size_t head_bytes(size_t keys, size_t d)
{
    size_t k_tiles = (keys + 7) / 8, v_tiles = (d + 7) / 8;
    return k_tiles * ((d + 63) / 64) * TILE_BYTES + v_tiles * ((keys + 63) / 64) * TILE_BYTES +
           (k_tiles + v_tiles) * 8 * sizeof(float);
}

static __device__ packed find_packed(const rfa_cuda_attention &a, uint32_t keys, uint32_t head, uint32_t sequence)
{
    packed p;
    p.k_tiles = (keys + 7) / 8;
    p.v_tiles = (a.d + 7) / 8;
    p.k_chunks = (a.d + 63) / 64;
    p.v_chunks = (keys + 63) / 64;
    p.k = static_cast<unsigned char *>(a.scratch) +
          ((size_t)sequence * a.heads + head) * round16_bytes(head_bytes(a.keys.most, a.d));
    p.v = p.k + (size_t)p.k_tiles * p.k_chunks * TILE_BYTES;
    p.k_scale = reinterpret_cast<float *>(p.v + (size_t)p.v_tiles * p.v_chunks * TILE_BYTES);
    p.v_scale = p.k_scale + p.k_tiles * 8;
    return p;
}

static __device__ const float *operand(const rfa_cuda_operand &o, uint32_t rows, uint32_t head, uint32_t sequence,
                                       uint32_t d)
{
    return o.data + (o.per_sequence ? (size_t)sequence * rows * o.stride : 0) + (size_t)head * d;
}

/* ------------------------------------------------------------------ keys and values */

/* Half a warp a key. */
static __global__ void __launch_bounds__(THREADS) pack_keys(const rfa_cuda_call *call, rfa_cuda_attention a)
{
    uint32_t keys = rows_now(call, a.keys), key = (uint32_t)(thread_index() / HALF_WARP),
             lane = threadIdx.x % HALF_WARP;
    if (blockIdx.z >= rows_now(call, a.sequences))
        return;
    packed p = find_packed(a, keys, blockIdx.y, blockIdx.z);
    const float *x = operand(a.k, keys, blockIdx.y, blockIdx.z, a.d) + (key < keys ? key : 0) * a.k.stride;
    uint32_t largest = 0;
    for (uint32_t c = lane; c < a.d && key < keys; c += HALF_WARP) {
        uint32_t m = rfa_magnitude(x[c]);
        largest = m > largest ? m : largest;
    }
    largest = largest16(largest);
    float multiplier, scale = rfa_quant_scale(largest, &multiplier);
    if (key >= p.k_tiles * 8)
        return;
    for (uint32_t c = lane; c < p.k_chunks * 64; c += HALF_WARP) {
        int8_t q = key < keys && c < a.d ? rfa_quant_value(x[c], multiplier) : (int8_t)0;
        p.k[((size_t)(key / 8) * p.k_chunks + c / 64) * TILE_BYTES + (key % 8 * 4 + c % 64 / 16) * 16 + c % 16] =
            (unsigned char)q;
    }
    if (lane == 0)
        p.k_scale[key] = key < keys ? scale : 0.0f;
}

/* 16 columns a block, 16 threads a column. */
static __global__ void __launch_bounds__(THREADS) pack_values(const rfa_cuda_call *call, rfa_cuda_attention a)
{
    RFA_SHARED(uint32_t, largest);
    uint32_t keys = rows_now(call, a.keys), c = blockIdx.x * 16 + threadIdx.x % 16, part = threadIdx.x / 16;
    if (blockIdx.z >= rows_now(call, a.sequences))
        return;
    packed p = find_packed(a, keys, blockIdx.y, blockIdx.z);
    const float *x = operand(a.v, keys, blockIdx.y, blockIdx.z, a.d) + (c < a.d ? c : 0);
    uint32_t own = 0;
    for (uint32_t j = part; j < keys && c < a.d; j += 16) {
        uint32_t m = rfa_magnitude(x[j * a.v.stride]);
        own = m > own ? m : own;
    }
    largest[threadIdx.x] = own;
    __syncthreads();
    for (uint32_t i = 0; i < 16; i++) {
        uint32_t m = largest[i * 16 + threadIdx.x % 16];
        own = m > own ? m : own;
    }
    float multiplier, scale = rfa_quant_scale(own, &multiplier);
    if (c >= p.v_tiles * 8)
        return;
    for (uint32_t j = part; j < p.v_chunks * 64; j += 16) {
        int8_t q = j < keys && c < a.d ? rfa_quant_value(x[j * a.v.stride], multiplier) : (int8_t)0;
        uint32_t lane = c % 8 * 4 + j % 8 / 2, byte = j % 64 / 8 * 2 + j % 2;
        p.v[((size_t)(c / 8) * p.v_chunks + j / 64) * TILE_BYTES + lane * 16 + byte] = (unsigned char)q;
    }
    if (part == 0)
        p.v_scale[c] = c < a.d ? scale : 0.0f;
}

/* ------------------------------------------------------------------ rows */

/* A warp's 16 query rows: quantised in shared memory, and what their lanes know of rows g and g+8. */
struct warp_rows {
    const uint4 *q; /* [16][chunks*4] */
    float scale[2]; /* of the queries */
    float max[2];   /* +infinity: a row without a usable maximum, whose numerators are zeros */
    float sum[2];   /* of the numerators */
};

static __device__ void quantize_queries(const rfa_cuda_attention &a, const float *x, uint32_t first, uint32_t rows,
                                        uint32_t stride, signed char *q, float *scales)
{
    uint32_t lane = threadIdx.x % HALF_WARP;
    for (uint32_t r = threadIdx.x % 32 / HALF_WARP; r < WARP_ROWS; r += 2) {
        bool active = first + r < rows;
        const float *row = x + (active ? first + r : 0) * a.q.stride;
        uint32_t largest = 0;
        for (uint32_t c = lane; c < a.d; c += HALF_WARP) {
            uint32_t m = rfa_magnitude(row[c]);
            largest = m > largest ? m : largest;
        }
        largest = largest16(largest);
        float multiplier, scale = rfa_quant_scale(largest, &multiplier);
        for (uint32_t c = lane; c < stride; c += HALF_WARP)
            q[r * stride + c] = active && c < a.d ? rfa_quant_value(row[c], multiplier) : (int8_t)0;
        if (lane == 0)
            scales[r] = active ? scale : 0.0f;
    }
}

/* Scores of rows g and g+8 with keys 8 tile + 2 t and the next: {g, g, g+8, g+8}. */
static __device__ void scores(const packed &p, const warp_rows &w, uint32_t tile, float s[4])
{
    uint32_t lane = threadIdx.x % 32;
    int acc[4] = {0, 0, 0, 0};
    const uint4 *q = w.q + lane / 4 * p.k_chunks * 4 + lane % 4;
#pragma unroll 2 /* there are four at most: more copies of the loop would only fill the instruction cache */
    for (uint32_t i = 0; i < p.k_chunks; i++)
        mma_chunk(acc, q[i * 4], q[i * 4 + 8 * p.k_chunks * 4],
                  reinterpret_cast<const uint4 *>(p.k)[((size_t)tile * p.k_chunks + i) * 32 + lane]);
    for (int i = 0; i < 4; i++)
        s[i] = fmaf((float)acc[i], w.scale[i / 2] * p.k_scale[tile * 8 + lane % 4 * 2 + i % 2], 0.0f);
}

static __device__ void find_maximum(const packed &p, warp_rows &w, uint32_t keys)
{
    bool bad[2] = {false, false};
    w.max[0] = w.max[1] = -INFINITY;
    for (uint32_t tile = 0; tile < p.k_tiles; tile++) {
        float s[4];
        scores(p, w, tile, s);
        for (int i = 0; i < 4; i++)
            if (tile * 8 + threadIdx.x % 4 * 2 + i % 2 < keys) {
                bad[i / 2] |= !(s[i] < INFINITY);
                w.max[i / 2] = rfa_max(w.max[i / 2], s[i]);
            }
    }
    for (int r = 0; r < 2; r++) {
        float max = bad[r] ? INFINITY : w.max[r];
        for (int distance = 1; distance < 4; distance *= 2)
            max = rfa_max(max, __shfl_xor_sync(ALL_LANES, max, distance));
        w.max[r] = max > -INFINITY ? max : INFINITY;
    }
}

/* One chunk of 64 keys: numerators of both rows in two parts, as operands, and into the partial sums. */
static __device__ void numerators(const packed &p, const warp_rows &w, uint32_t chunk, uint32_t keys, float factor,
                                  uint32_t high[2][4], uint32_t low[2][4], float sum[2][4])
{
    for (int i = 0; i < 4; i++)
        high[0][i] = high[1][i] = low[0][i] = low[1][i] = 0;
#pragma unroll
    for (uint32_t i = 0; i < 8; i++) {
        uint32_t tile = chunk * 8 + i;
        if (tile >= p.k_tiles)
            break;
        float s[4];
        scores(p, w, tile, s);
#pragma unroll
        for (int j = 0; j < 4; j++) {
            bool real = tile * 8 + threadIdx.x % 4 * 2 + j % 2 < keys && w.max[j / 2] < INFINITY;
            float n = real ? rintf(rfa_numerator(factor * (s[j] - w.max[j / 2]))) : 0.0f;
            float h = rintf(n * 0x1p-7f);
            uint32_t shift = i % 2 * 16 + j % 2 * 8;
            sum[j / 2][i % 2 * 2 + j % 2] += n;
            high[j / 2][i / 2] |= (uint32_t)(uint8_t)(int8_t)h << shift;
            low[j / 2][i / 2] |= (uint32_t)(uint8_t)(int8_t)fmaf(h, -128.0f, n) << shift;
        }
    }
}

/* sum16's tree over the four lanes of a row: partial sums 2t, 2t+1, 8+2t, 9+2t a lane. */
static __device__ float tree_of_row(const float p[4])
{
    float even = p[0] + p[2], odd = p[1] + p[3];
    for (int distance = 2; distance > 0; distance /= 2) {
        even += __shfl_xor_sync(ALL_LANES, even, distance);
        odd += __shfl_xor_sync(ALL_LANES, odd, distance);
    }
    return even + odd;
}

/* Columns of GROUP tiles, all keys; returns with the rows' sums. */
static __device__ void multiply_values(const packed &p, warp_rows &w, uint32_t first_tile, uint32_t keys, float factor,
                                       int acc_high[GROUP][4], int acc_low[GROUP][4])
{
    float sum[2][4] = {};
    for (uint32_t chunk = 0; chunk < p.v_chunks; chunk++) {
        uint32_t high[2][4], low[2][4];
        numerators(p, w, chunk, keys, factor, high, low, sum);
#pragma unroll
        for (uint32_t n = 0; n < GROUP; n++) {
            if (first_tile + n >= p.v_tiles)
                break;
            uint4 v = reinterpret_cast<const uint4 *>(
                p.v)[((size_t)(first_tile + n) * p.v_chunks + chunk) * 32 + threadIdx.x % 32];
            mma_chunk(acc_high[n], make_uint4(high[0][0], high[0][1], high[0][2], high[0][3]),
                      make_uint4(high[1][0], high[1][1], high[1][2], high[1][3]), v);
            mma_chunk(acc_low[n], make_uint4(low[0][0], low[0][1], low[0][2], low[0][3]),
                      make_uint4(low[1][0], low[1][1], low[1][2], low[1][3]), v);
        }
    }
    for (int r = 0; r < 2; r++)
        w.sum[r] = tree_of_row(sum[r]);
}

static __global__ void __launch_bounds__(BLOCK) attention_s8(const rfa_cuda_call *call, rfa_cuda_attention a)
{
    RFA_SHARED(unsigned char, memory);
    uint32_t rows = rows_now(call, a.rows), keys = rows_now(call, a.keys), warp = threadIdx.x / 32,
             lane = threadIdx.x % 32, first = (blockIdx.x * WARPS + warp) * WARP_ROWS;
    if (blockIdx.z >= rows_now(call, a.sequences) || first >= rows) /* whole warps; no barrier of the block follows */
        return;
    packed p = find_packed(a, keys, blockIdx.y, blockIdx.z);
    uint32_t stride = p.k_chunks * 64;
    unsigned char *own = memory + warp * (WARP_ROWS * stride + WARP_ROWS * sizeof(float));
    float *scales = reinterpret_cast<float *>(own + WARP_ROWS * stride);
    quantize_queries(a, operand(a.q, rows, blockIdx.y, blockIdx.z, a.d), first, rows, stride,
                     reinterpret_cast<signed char *>(own), scales);
    __syncwarp();
    warp_rows w = {reinterpret_cast<const uint4 *>(own), {scales[lane / 4], scales[lane / 4 + 8]}, {}, {}};
    find_maximum(p, w, keys);
    float factor = rfa_numerator_scale(a.scale);
    float *dst = a.dst + ((size_t)blockIdx.z * rows + first) * a.dst_stride + (size_t)blockIdx.y * a.d;
    for (uint32_t tile = 0; tile < p.v_tiles; tile += GROUP) {
        int high[GROUP][4] = {}, low[GROUP][4] = {};
        multiply_values(p, w, tile, keys, factor, high, low);
#pragma unroll
        for (uint32_t n = 0; n < GROUP; n++)
#pragma unroll
            for (int i = 0; i < 4; i++) {
                uint32_t row = lane / 4 + i / 2 * 8, c = (tile + n) * 8 + lane % 4 * 2 + i % 2;
                if (first + row >= rows || c >= a.d)
                    continue;
                float share = 1.0f / w.sum[i / 2]; /* sum 0: 0 * infinity makes the row NaN */
                float upper = fmaf((float)high[n][i], 128.0f * share * p.v_scale[c], 0.0f);
                dst[row * a.dst_stride + c] = fmaf((float)low[n][i], share * p.v_scale[c], 0.0f) + upper;
            }
    }
}

size_t rfa_cuda_attention_scratch(size_t sequences, size_t heads, size_t keys, size_t d)
{
    return sequences * heads * round16_bytes(head_bytes(keys, d));
}

void rfa_cuda_attention_s8(const rfa_cuda_run *run, const rfa_cuda_attention *args)
{
    unsigned heads = args->heads, sequences = args->sequences.most;
    uint32_t stride = (args->d + 63) / 64 * 64;
    dim3 key_grid(blocks_of((args->keys.most + 7) / 8 * 8, THREADS / HALF_WARP), heads, sequences),
        value_grid(blocks_of(args->d, 16), heads, sequences),
        grid(blocks_of(args->rows.most, WARPS * WARP_ROWS), heads, sequences);
    RFA_LAUNCH(pack_keys, key_grid, THREADS, 0, run->stream, run->call, *args);
    RFA_LAUNCH(pack_values, value_grid, THREADS, THREADS * sizeof(uint32_t), run->stream, run->call, *args);
    RFA_LAUNCH(attention_s8, grid, BLOCK, WARPS * WARP_ROWS * (stride + sizeof(float)), run->stream, run->call, *args);
}

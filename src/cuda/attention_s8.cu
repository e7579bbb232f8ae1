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
static __device__ void pack_keys(const rfa_cuda_attention &a, uint32_t keys, uint32_t block)
{
    uint32_t key = (block * THREADS + threadIdx.x) / HALF_WARP, lane = threadIdx.x % HALF_WARP;
    packed p = find_packed(a, keys, blockIdx.y, blockIdx.z);
    const float *x = operand(a.k, keys, blockIdx.y, blockIdx.z, a.d) + (key < keys ? key : 0) * a.k.stride;
    uint32_t largest = 0;
    for (uint32_t c = lane; c < a.d && key < keys; c += HALF_WARP)
        largest = larger(largest, rfa_magnitude(x[c]));
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

/* 16 columns a block, 16 threads a column; all of the block come here. */
static __device__ void pack_values(const rfa_cuda_attention &a, uint32_t keys, uint32_t block, uint32_t *largest)
{
    uint32_t c = block * 16 + threadIdx.x % 16, part = threadIdx.x / 16;
    packed p = find_packed(a, keys, blockIdx.y, blockIdx.z);
    const float *x = operand(a.v, keys, blockIdx.y, blockIdx.z, a.d) + (c < a.d ? c : 0);
    uint32_t own = 0;
    for (uint32_t j = part; j < keys && c < a.d; j += 16)
        own = larger(own, rfa_magnitude(x[j * a.v.stride]));
    largest[threadIdx.x] = own;
    __syncthreads();
    for (uint32_t i = 0; i < 16; i++)
        own = larger(own, largest[i * 16 + threadIdx.x % 16]);
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

/* The first blocks take keys, the others values. */
static __global__ void __launch_bounds__(THREADS) pack(const rfa_cuda_call *call, rfa_cuda_attention a, uint32_t key_blocks)
{
    RFA_SHARED(uint32_t, largest); /* [THREADS] */
    uint32_t keys = rows_now(call, a.keys);
    if (blockIdx.z >= rows_now(call, a.sequences))
        return;
    if (blockIdx.x < key_blocks)
        pack_keys(a, keys, blockIdx.x);
    else
        pack_values(a, keys, blockIdx.x - key_blocks, largest);
}

/* ------------------------------------------------------------------ rows */

/* A warp's 16 query rows: what its lanes know of rows g and g+8. */
template <int CHUNKS> struct warp_rows {
    static constexpr size_t shared = WARP_ROWS * (CHUNKS * 64 + sizeof(float)); /* bytes on the way there */
    uint4 q[CHUNKS][2]; /* quantised */
    float scale[2];     /* of the queries */
    float max[2];       /* +infinity: a row without a usable maximum, whose numerators are zeros */
    float sum[2];       /* of the numerators */
};

static __device__ void quantize_queries(const rfa_cuda_attention &a, const float *x, uint32_t first, uint32_t rows,
                                        uint32_t stride, signed char *q, float *scales)
{
    uint32_t lane = threadIdx.x % HALF_WARP;
    for (uint32_t r = threadIdx.x % 32 / HALF_WARP; r < WARP_ROWS; r += 2) {
        bool active = first + r < rows;
        const float *row = x + (active ? first + r : 0) * a.q.stride;
        uint32_t largest = 0;
        for (uint32_t c = lane; c < a.d; c += HALF_WARP)
            largest = larger(largest, rfa_magnitude(row[c]));
        largest = largest16(largest);
        float multiplier, scale = rfa_quant_scale(largest, &multiplier);
        for (uint32_t c = lane; c < stride; c += HALF_WARP)
            q[r * stride + c] = active && c < a.d ? rfa_quant_value(row[c], multiplier) : (int8_t)0;
        if (lane == 0)
            scales[r] = active ? scale : 0.0f;
    }
}

/* `own`: the warp's shared memory, 16 rows and their scales. */
template <int CHUNKS>
static __device__ warp_rows<CHUNKS> find_rows(const rfa_cuda_attention &a, const float *x, uint32_t first, uint32_t rows,
                                              unsigned char *own)
{
    const uint32_t stride = CHUNKS * 64, lane = threadIdx.x % 32;
    float *scales = reinterpret_cast<float *>(own + WARP_ROWS * stride);
    const uint4 *q = reinterpret_cast<const uint4 *>(own) + lane / 4 * CHUNKS * 4 + lane % 4;
    warp_rows<CHUNKS> w = {};
    quantize_queries(a, x, first, rows, stride, reinterpret_cast<signed char *>(own), scales);
    __syncwarp();
#pragma unroll
    for (int i = 0; i < CHUNKS; i++) {
        w.q[i][0] = q[i * 4];
        w.q[i][1] = q[i * 4 + 8 * CHUNKS * 4];
    }
    w.scale[0] = scales[lane / 4];
    w.scale[1] = scales[lane / 4 + 8];
    return w;
}

/* A sum of at most 256 products is below 2^22. In front of RFA_ROUND's bits it is the float RFA_ROUND + sum, which makes
 * a float of it with one subtraction: conversions have few units. */
constexpr int ROUND_BITS = 0x4b400000;

/* Scores of rows g and g+8 with keys 8 tile + 2 t and the next: {g, g, g+8, g+8}. */
template <int CHUNKS>
static __device__ void scores(const packed &p, const warp_rows<CHUNKS> &w, uint32_t tile, float s[4])
{
    uint32_t lane = threadIdx.x % 32;
    int acc[4] = {ROUND_BITS, ROUND_BITS, ROUND_BITS, ROUND_BITS};
    const uint4 *k = reinterpret_cast<const uint4 *>(p.k) + (size_t)tile * CHUNKS * 32 + lane;
    float2 scale = reinterpret_cast<const float2 *>(p.k_scale)[tile * 4 + lane % 4];
#pragma unroll
    for (int i = 0; i < CHUNKS; i++)
        mma_chunk(acc, w.q[i][0], w.q[i][1], k[i * 32]);
#pragma unroll
    for (int i = 0; i < 4; i++)
        s[i] = fmaf(rfa_bits_float((uint32_t)acc[i]) - RFA_ROUND, w.scale[i / 2] * (i % 2 ? scale.y : scale.x), 0.0f);
}

/* What a lane has seen of its two rows so far. */
struct maximum {
    float max[2];
    bool bad[2]; /* a score that is no number, or infinite */
};

/* TILES of keys at once, so that their products wait for memory together. ALL: none of their keys is past the last. */
template <bool ALL, int TILES, int CHUNKS>
static __device__ void add_to_maximum(const packed &p, const warp_rows<CHUNKS> &w, uint32_t first, uint32_t keys, maximum *m)
{
#pragma unroll
    for (uint32_t u = 0; u < TILES; u++) {
        uint32_t tile = first + u;
        if (!ALL && tile >= p.k_tiles)
            break;
        float s[4];
        scores(p, w, tile, s);
#pragma unroll
        for (int i = 0; i < 4; i++)
            if (ALL || tile * 8 + threadIdx.x % 4 * 2 + i % 2 < keys) {
                m->bad[i / 2] |= !(s[i] < INFINITY);
                m->max[i / 2] = rfa_max(m->max[i / 2], s[i]);
            }
    }
}

template <int CHUNKS>
static __device__ void find_maximum(const packed &p, warp_rows<CHUNKS> &w, uint32_t keys)
{
    enum { TILES = 4 };
    maximum m = {{-INFINITY, -INFINITY}, {false, false}};
    uint32_t tile = 0;
    for (; (tile + TILES) * 8 <= keys; tile += TILES)
        add_to_maximum<true, TILES>(p, w, tile, keys, &m);
    for (; tile < p.k_tiles; tile += TILES)
        add_to_maximum<false, TILES>(p, w, tile, keys, &m);
    for (int r = 0; r < 2; r++) {
        float max = m.bad[r] ? INFINITY : m.max[r];
        for (int distance = 1; distance < 4; distance *= 2)
            max = rfa_max(max, __shfl_xor_sync(ALL_LANES, max, distance));
        w.max[r] = max > -INFINITY ? max : INFINITY;
    }
}

/* Numerators of one chunk of 64 keys, both rows: in two parts, as operands, and added to the partial sums. */
struct shares {
    uint32_t high[2][4], low[2][4];
};

/* One numerator, a whole number up to 16256, as 128 high + low: both are rounded by adding RFA_ROUND, whose last bits then
 * are the number. */
static __device__ void add_share(shares *v, float *sum, float y, int row, uint32_t i, int j)
{
    float rounded = rfa_numerator(y) + RFA_ROUND, n = rounded - RFA_ROUND;
    uint32_t high = rfa_float_bits(fmaf(n, 0x1p-7f, RFA_ROUND)), low = rfa_float_bits(rounded) - (high << 7);
    uint32_t shift = i % 2 * 16 + j * 8;
    *sum += n;
    v->high[row][i / 2] |= (high & 0xff) << shift;
    v->low[row][i / 2] |= (low & 0xff) << shift;
}

template <bool ALL, int CHUNKS>
static __device__ void numerators(const packed &p, const warp_rows<CHUNKS> &w, uint32_t chunk, uint32_t keys, float factor,
                                  shares *v, float sum[2][4])
{
    *v = {};
#pragma unroll
    for (uint32_t i = 0; i < 8; i++) {
        uint32_t tile = chunk * 8 + i;
        if (!ALL && tile >= p.k_tiles)
            break;
        float s[4];
        scores(p, w, tile, s);
#pragma unroll
        for (int j = 0; j < 4; j++) {
            bool real = (ALL || tile * 8 + threadIdx.x % 4 * 2 + j % 2 < keys) && w.max[j / 2] < INFINITY;
            float y = real ? factor * (s[j] - w.max[j / 2]) : RFA_NUMERATOR_MIN; /* whose numerator is 0 */
            add_share(v, &sum[j / 2][i % 2 * 2 + j % 2], y, j / 2, i, j % 2);
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
template <int CHUNKS>
static __device__ void multiply_values(const packed &p, warp_rows<CHUNKS> &w, uint32_t first_tile, uint32_t keys,
                                       float factor, int acc_high[GROUP][4], int acc_low[GROUP][4])
{
    float sum[2][4] = {};
    for (uint32_t chunk = 0; chunk < p.v_chunks; chunk++) {
        shares s;
        if (chunk * 64 + 64 <= keys)
            numerators<true>(p, w, chunk, keys, factor, &s, sum);
        else
            numerators<false>(p, w, chunk, keys, factor, &s, sum);
#pragma unroll
        for (uint32_t n = 0; n < GROUP; n++) {
            if (first_tile + n >= p.v_tiles)
                break;
            uint4 v = reinterpret_cast<const uint4 *>(
                p.v)[((size_t)(first_tile + n) * p.v_chunks + chunk) * 32 + threadIdx.x % 32];
            mma_chunk(acc_high[n], make_uint4(s.high[0][0], s.high[0][1], s.high[0][2], s.high[0][3]),
                      make_uint4(s.high[1][0], s.high[1][1], s.high[1][2], s.high[1][3]), v);
            mma_chunk(acc_low[n], make_uint4(s.low[0][0], s.low[0][1], s.low[0][2], s.low[0][3]),
                      make_uint4(s.low[1][0], s.low[1][1], s.low[1][2], s.low[1][3]), v);
        }
    }
    for (int r = 0; r < 2; r++)
        w.sum[r] = tree_of_row(sum[r]);
}

/* CHUNKS: of a head's columns. */
template <int CHUNKS>
static __global__ void __launch_bounds__(BLOCK, 2) attention_s8(const rfa_cuda_call *call, rfa_cuda_attention a)
{
    RFA_SHARED(unsigned char, memory);
    uint32_t rows = rows_now(call, a.rows), keys = rows_now(call, a.keys), warp = threadIdx.x / 32,
             lane = threadIdx.x % 32, first = (blockIdx.x * WARPS + warp) * WARP_ROWS;
    if (blockIdx.z >= rows_now(call, a.sequences) || first >= rows) /* whole warps; no barrier of the block follows */
        return;
    packed p = find_packed(a, keys, blockIdx.y, blockIdx.z);
    warp_rows<CHUNKS> w = find_rows<CHUNKS>(a, operand(a.q, rows, blockIdx.y, blockIdx.z, a.d), first, rows,
                                            memory + warp * warp_rows<CHUNKS>::shared);
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

template <int CHUNKS> static void launch(const rfa_cuda_run *run, const rfa_cuda_attention &a)
{
    dim3 grid(blocks_of(a.rows.most, WARPS * WARP_ROWS), a.heads, a.sequences.most);
    RFA_LAUNCH(attention_s8<CHUNKS>, grid, BLOCK, WARPS * warp_rows<CHUNKS>::shared, run->stream, run->call, a);
}

void rfa_cuda_attention_s8(const rfa_cuda_run *run, const rfa_cuda_attention *args)
{
    static void (*const start[])(const rfa_cuda_run *, const rfa_cuda_attention &) = {launch<1>, launch<2>, launch<3>,
                                                                                    launch<4>};
    unsigned key_blocks = blocks_of((args->keys.most + 7) / 8 * 8, THREADS / HALF_WARP);
    dim3 grid(key_blocks + blocks_of(args->d, 16), args->heads, args->sequences.most);
    RFA_LAUNCH(pack, grid, THREADS, THREADS * sizeof(uint32_t), run->stream, run->call, *args, key_blocks);
    start[(args->d - 1) / 64](run, *args); /* ops_cuda.c lets heads of 256 columns pass */
}

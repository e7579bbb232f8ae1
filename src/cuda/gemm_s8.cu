/* int8 products on the tensor cores. The sum is exact, so blocks, pipeline stages and parts of the inputs may be of any
 * shape; the epilogue is the contract's formula.
 *
 *     a   [rows][chunks*64]     lane (g, t), g = lane / 4, t = lane % 4, takes bytes 16 t ... of row g in every chunk of 64
 *     w   [n/8][chunks][512]    the same 16 bytes of 8 outputs, lane after lane, as retile lays them out at open
 *
 * Two kernels: where there are many tiles, a block shares its operands through shared memory ([BM][64 bytes] of a chunk:
 * 8 lanes read 128 bytes in a row, without bank conflicts); where there are few, or few rows, a tile's inputs are shared
 * out among the warps of a block, and every operand is read once, straight into registers. */
#include "device.h"

enum { CHUNK = 64, TILE_BYTES = 512, STAGES = 3, PAD = 8 };

static __global__ void retile(uint4 *tiles, const uint32_t *panels, uint32_t n, uint32_t lines, uint32_t chunks)
{
    size_t i = thread_index();
    uint32_t lane = i % 32, chunk = (uint32_t)(i / 32 % chunks), output = (uint32_t)(i / 32 / chunks) * 8 + lane / 4;
    if (output >= round16(n))
        return;
    uint32_t word[4], line = chunk * 16 + lane % 4 * 4;
    for (uint32_t j = 0; j < 4; j++)
        word[j] = line + j < lines ? panels[((size_t)(output / 16) * lines + line + j) * 16 + output % 16] : 0;
    tiles[i] = make_uint4(word[0], word[1], word[2], word[3]);
}

void rfa_cuda_retile(cudaStream_t stream, void *tiles, const void *panels, size_t n, size_t k)
{
    RFA_LAUNCH(retile, blocks_of(rfa_cuda_tile_bytes(n, k) / 16, THREADS), THREADS, 0, stream,
               static_cast<uint4 *>(tiles), static_cast<const uint32_t *>(panels), (uint32_t)n, (uint32_t)((k + 3) / 4),
               (uint32_t)rfa_cuda_chunks(k));
}

/* ------------------------------------------------------------------ epilogue */

/* What four neighbouring outputs have in common for all rows. The file's arrays reach to the end of the last panel. */
struct columns {
    float scale[4], bias[4];
    int zero[4]; /* what the rows' zero point adds to their sums */
};

static __device__ columns find_columns(const rfa_cuda_gemm_s8_args &g, uint32_t output)
{
    columns c = {};
    if (output >= g.n)
        return c;
#pragma unroll
    for (uint32_t j = 0; j < 4; j++) {
        c.scale[j] = g.w_scale[output + j];
        c.bias[j] = g.bias ? g.bias[output + j] : 0.0f;
        c.zero[j] = g.a_zero ? g.a_zero * g.w_sum[output + j] : 0;
    }
    return c;
}

/* Four results of a row, kept inside of it; returns the largest magnitude. */
static __device__ uint32_t finish(const rfa_cuda_gemm_s8_args &g, const columns &c, uint32_t row, uint32_t output,
                                  int4 sums)
{
    const int acc[4] = {sums.x, sums.y, sums.z, sums.w};
    size_t at = (size_t)row * g.n + output;
    float scale = g.a_scale[row * g.a_scale_step], residual[4] = {}, y[4];
    bool whole = g.n % 4 == 0; /* then rows begin on 16 bytes, and end with a group */
    uint32_t count = output + 4 <= g.n ? 4 : g.n - output, largest = 0;
    if (g.residual && whole)
        read4(residual, g.residual + at);
    else if (g.residual)
#pragma unroll
        for (uint32_t j = 0; j < 4; j++)
            residual[j] = j < count ? g.residual[at + j] : 0.0f;
#pragma unroll
    for (uint32_t j = 0; j < 4; j++) {
        y[j] = rfa_act_value(fmaf((float)(acc[j] - c.zero[j]), scale * c.scale[j], c.bias[j]), g.act);
        y[j] = g.residual ? y[j] + residual[j] : y[j];
        y[j] = g.relu_last ? rfa_relu(y[j]) : y[j];
        largest = larger(largest, j < count ? rfa_magnitude(y[j]) : 0);
    }
    if (whole)
        write4(g.dst + at, y);
    else
#pragma unroll
        for (uint32_t j = 0; j < 4; j++)
            if (j < count)
                g.dst[at + j] = y[j];
    return largest;
}

/* ------------------------------------------------------------------ many tiles */

/* DOWN x ACROSS warps, each ROWS x OUTPUTS tiles of 16 x 8. A warp's tiles of rows are every DOWN-th of the block, so that
 * all warps have the same number that are not past the last row. */
template <int DOWN, int ACROSS, int ROWS, int OUTPUTS> struct shape {
    static constexpr int threads = 32 * DOWN * ACROSS, rows = DOWN * ROWS * 16, outputs = ACROSS * OUTPUTS * 8;
    static constexpr int a_bytes = rows * CHUNK, w_bytes = outputs / 8 * TILE_BYTES, stage = a_bytes + w_bytes;
    static constexpr int a_copies = a_bytes / 16 / threads, w_copies = w_bytes / 16 / threads; /* of a thread */
    static constexpr int slab_rows = DOWN * 16, pitch = outputs + PAD; /* sums on their way to the epilogue */
    static constexpr int groups = outputs / 4, step = threads / groups;
    static_assert(a_copies * threads * 16 == a_bytes && w_copies * threads * 16 == w_bytes, "no thread is idle");
    static_assert(step * groups == threads && slab_rows % step == 0, "a thread keeps its columns");
    static_assert(slab_rows * pitch * 4 <= STAGES * stage && STAGES * stage <= MOST_SHARED, "it fits in shared memory");
};

/* Where a thread's 16-byte pieces of a chunk come from; past the last row or output, from the first one, as zeros. */
template <class S> struct sources {
    const unsigned char *a[S::a_copies], *w[S::w_copies];
    bool a_valid[S::a_copies], w_valid[S::w_copies];
};

template <class S> static __device__ sources<S> find_sources(const rfa_cuda_gemm_s8_args &g, uint32_t rows)
{
    sources<S> from;
#pragma unroll
    for (int j = 0; j < S::a_copies; j++) {
        uint32_t i = threadIdx.x + j * S::threads, row = blockIdx.x * S::rows + i / 4;
        from.a_valid[j] = row < rows;
        from.a[j] = reinterpret_cast<const unsigned char *>(g.a) + (row < rows ? row : 0) * g.a_stride + i % 4 * 16;
    }
#pragma unroll
    for (int j = 0; j < S::w_copies; j++) {
        uint32_t i = threadIdx.x + j * S::threads, tile = blockIdx.y * (S::outputs / 8) + i / 32;
        from.w_valid[j] = tile * 8 < round16(g.n);
        from.w[j] = static_cast<const unsigned char *>(g.w) +
                    (size_t)(from.w_valid[j] ? tile : 0) * g.chunks * TILE_BYTES + i % 32 * 16;
    }
    return from;
}

/* One chunk of both operands on its way to a stage of shared memory. */
template <class S> static __device__ void load_chunk(const sources<S> &from, uint32_t chunk, unsigned char *stage)
{
    unsigned char *to = stage + threadIdx.x * 16;
#pragma unroll
    for (int j = 0; j < S::a_copies; j++)
        copy16(to + j * S::threads * 16, from.a[j] + chunk * CHUNK, from.a_valid[j]);
#pragma unroll
    for (int j = 0; j < S::w_copies; j++)
        copy16(to + S::a_bytes + j * S::threads * 16, from.w[j] + (size_t)chunk * TILE_BYTES, from.w_valid[j]);
}

/* The first `live` tiles of rows, the same for the whole block; ALL: every one, without asking in between. */
template <class S, bool ALL, int DOWN, int ROWS, int OUTPUTS>
static __device__ void multiply(int acc[ROWS][OUTPUTS][4], const unsigned char *stage, int down, int across,
                                uint32_t live)
{
    int lane = threadIdx.x % 32;
    const uint4 *a = reinterpret_cast<const uint4 *>(stage) + down * 64 + lane;
    const uint4 *w = reinterpret_cast<const uint4 *>(stage + S::a_bytes) + across * OUTPUTS * 32 + lane;
    uint4 b[OUTPUTS];
#pragma unroll
    for (int n = 0; n < OUTPUTS; n++)
        b[n] = w[n * 32];
#pragma unroll
    for (uint32_t m = 0; m < ROWS; m++) {
        if (!ALL && m >= live)
            break;
        uint4 upper = a[m * DOWN * 64], lower = a[m * DOWN * 64 + 32];
#pragma unroll
        for (int n = 0; n < OUTPUTS; n++)
            mma_chunk(acc[m][n], upper, lower, b[n]);
    }
}

/* One tile of rows of every warp: the sums go through shared memory, so that a thread has four in a row to finish, and
 * the epilogue is a loop. Begins and ends with nobody reading there. */
template <class S, int OUTPUTS>
static __device__ uint32_t finish_slab(const rfa_cuda_gemm_s8_args &g, const columns &c, const int acc[OUTPUTS][4], int *slab,
                                   int down, int across, uint32_t first, uint32_t rows)
{
    uint32_t lane = threadIdx.x % 32;
    int *to = slab + (down * 16 + lane / 4) * S::pitch + across * OUTPUTS * 8 + lane % 4 * 2;
#pragma unroll
    for (int n = 0; n < OUTPUTS; n++) {
        *reinterpret_cast<int2 *>(to + n * 8) = make_int2(acc[n][0], acc[n][1]);
        *reinterpret_cast<int2 *>(to + n * 8 + 8 * S::pitch) = make_int2(acc[n][2], acc[n][3]);
    }
    __syncthreads();
    uint32_t column = threadIdx.x % S::groups * 4, output = blockIdx.y * S::outputs + column, largest = 0;
#pragma unroll 1
    for (uint32_t r = threadIdx.x / S::groups; r < S::slab_rows; r += S::step)
        if (first + r < rows && output < g.n) {
            int4 sums = *reinterpret_cast<const int4 *>(slab + r * S::pitch + column);
            largest = larger(largest, finish(g, c, first + r, output, sums));
        }
    __syncthreads();
    return largest;
}

template <int DOWN, int ACROSS, int ROWS, int OUTPUTS>
static __global__ void __launch_bounds__(32 * DOWN *ACROSS) gemm_s8(const rfa_cuda_call *call, rfa_cuda_gemm_s8_args g)
{
    typedef shape<DOWN, ACROSS, ROWS, OUTPUTS> S;
    RFA_SHARED(unsigned char, memory);
    uint32_t rows = rows_now(call, g.rows), first = blockIdx.x * S::rows;
    if (first >= rows)
        return;
    uint32_t live = (rows - first + S::slab_rows - 1) / S::slab_rows; /* may be more than ROWS */
    int down = threadIdx.x / 32 / ACROSS, across = threadIdx.x / 32 % ACROSS;
    int acc[ROWS][OUTPUTS][4] = {};
    sources<S> from = find_sources<S>(g, rows);
    for (uint32_t i = 0; i < STAGES - 1; i++) {
        if (i < g.chunks)
            load_chunk<S>(from, i, memory + i * S::stage);
        copies_commit();
    }
    for (uint32_t i = 0; i < g.chunks; i++) {
        copies_wait<STAGES - 2>();
        __syncthreads(); /* chunk i has arrived, and nobody reads the stage that is filled next */
        uint32_t next = i + STAGES - 1;
        if (next < g.chunks)
            load_chunk<S>(from, next, memory + next % STAGES * S::stage);
        copies_commit();
        if (live >= ROWS)
            multiply<S, true, DOWN, ROWS, OUTPUTS>(acc, memory + i % STAGES * S::stage, down, across, live);
        else
            multiply<S, false, DOWN, ROWS, OUTPUTS>(acc, memory + i % STAGES * S::stage, down, across, live);
    }
    copies_wait<0>();
    __syncthreads(); /* nobody reads operands any more */
    columns c = find_columns(g, blockIdx.y * S::outputs + threadIdx.x % S::groups * 4);
    uint32_t largest = 0;
#pragma unroll
    for (uint32_t m = 0; m < ROWS; m++) {
        if (m >= live)
            break;
        largest = larger(largest, finish_slab<S, OUTPUTS>(g, c, acc[m], reinterpret_cast<int *>(memory), down, across,
                                                          first + m * S::slab_rows, rows));
    }
    if (g.magnitude)
        grow_magnitude(g.magnitude, largest);
}

/* ------------------------------------------------------------------ few tiles */

/* A block's tile, and its warps, each of which takes every PARTS-th chunk, BATCH of them on their way at a time. */
enum { PARTS = 8, BATCH = 2, FEW_ROWS = 32, FEW_OUTPUTS = 32, ROW_TILES = FEW_ROWS / 16, OUTPUT_TILES = FEW_OUTPUTS / 8 };

struct few_sources {
    const unsigned char *a[ROW_TILES][2], *w[OUTPUT_TILES]; /* [..][0] rows g, [..][1] rows g+8 */
};

/* Past the last row or output it is the last one again: nobody reads what comes of it. */
static __device__ few_sources find_few(const rfa_cuda_gemm_s8_args &g, uint32_t first, uint32_t rows)
{
    few_sources from;
    uint32_t lane = threadIdx.x % 32, tiles = round16(g.n) / 8;
#pragma unroll
    for (uint32_t m = 0; m < ROW_TILES * 2; m++) {
        uint32_t row = first + m * 8 + lane / 4;
        from.a[m / 2][m % 2] = reinterpret_cast<const unsigned char *>(g.a) +
                               (row < rows ? row : rows - 1) * g.a_stride + lane % 4 * 16;
    }
#pragma unroll
    for (uint32_t n = 0; n < OUTPUT_TILES; n++) {
        uint32_t tile = blockIdx.y * OUTPUT_TILES + n;
        from.w[n] = static_cast<const unsigned char *>(g.w) +
                    (size_t)(tile < tiles ? tile : tiles - 1) * g.chunks * TILE_BYTES + lane * 16;
    }
    return from;
}

struct few_operands {
    uint4 a[ROW_TILES][2], w[OUTPUT_TILES];
};

static __device__ void load_few(few_operands &o, const few_sources &from, uint32_t chunk)
{
#pragma unroll
    for (int n = 0; n < OUTPUT_TILES; n++)
        o.w[n] = *reinterpret_cast<const uint4 *>(from.w[n] + (size_t)chunk * TILE_BYTES);
#pragma unroll
    for (int m = 0; m < ROW_TILES * 2; m++)
        o.a[m / 2][m % 2] = *reinterpret_cast<const uint4 *>(from.a[m / 2][m % 2] + chunk * CHUNK);
}

static __device__ void multiply_few(int acc[ROW_TILES][OUTPUT_TILES][4], const few_operands &o)
{
#pragma unroll
    for (int m = 0; m < ROW_TILES; m++)
#pragma unroll
        for (int n = 0; n < OUTPUT_TILES; n++)
            mma_chunk(acc[m][n], o.a[m][0], o.a[m][1], o.w[n]);
}

/* This warp's part of the sums. */
static __device__ void sum_part(int acc[ROW_TILES][OUTPUT_TILES][4], const few_sources &from, uint32_t chunks)
{
    uint32_t chunk = threadIdx.x / 32;
    for (; chunk + (BATCH - 1) * PARTS < chunks; chunk += BATCH * PARTS) {
        few_operands o[BATCH];
#pragma unroll
        for (int i = 0; i < BATCH; i++)
            load_few(o[i], from, chunk + i * PARTS);
#pragma unroll
        for (int i = 0; i < BATCH; i++)
            multiply_few(acc, o[i]);
    }
    for (; chunk < chunks; chunk += PARTS) {
        few_operands o;
        load_few(o, from, chunk);
        multiply_few(acc, o);
    }
}

/* Four sums of the tile, of all warps. */
static __device__ int4 add_parts(const int4 *part)
{
    static_assert(32 * PARTS * 4 == FEW_ROWS * FEW_OUTPUTS, "a thread has four of them");
    int4 sum = part[threadIdx.x];
#pragma unroll
    for (int p = 1; p < PARTS; p++) {
        int4 more = part[p * 32 * PARTS + threadIdx.x];
        sum = make_int4(sum.x + more.x, sum.y + more.y, sum.z + more.z, sum.w + more.w);
    }
    return sum;
}

/* The tile of the rows from `first` on. Ends with nobody reading the parts. */
static __device__ void few_tile(const rfa_cuda_gemm_s8_args &g, uint32_t first, uint32_t rows, int *part)
{
    int acc[ROW_TILES][OUTPUT_TILES][4] = {};
    uint32_t lane = threadIdx.x % 32;
    sum_part(acc, find_few(g, first, rows), g.chunks);
    int *own = part + (threadIdx.x / 32 * FEW_ROWS + lane / 4) * FEW_OUTPUTS + lane % 4 * 2;
#pragma unroll
    for (int i = 0; i < ROW_TILES * OUTPUT_TILES * 2; i++) {
        const int *pair = &acc[i / 2 / OUTPUT_TILES][i / 2 % OUTPUT_TILES][i % 2 * 2];
        int row = i / 2 / OUTPUT_TILES * 16 + i % 2 * 8, column = i / 2 % OUTPUT_TILES * 8;
        *reinterpret_cast<int2 *>(own + row * FEW_OUTPUTS + column) = make_int2(pair[0], pair[1]);
    }
    __syncthreads();
    uint32_t row = first + threadIdx.x / (FEW_OUTPUTS / 4), largest = 0,
             output = blockIdx.y * FEW_OUTPUTS + threadIdx.x % (FEW_OUTPUTS / 4) * 4;
    if (row < rows && output < g.n)
        largest = finish(g, find_columns(g, output), row, output, add_parts(reinterpret_cast<const int4 *>(part)));
    if (g.magnitude)
        grow_magnitude(g.magnitude, largest);
    __syncthreads();
}

/* Where rows are usually few, there are not blocks for all that there may be: these take every gridDim.x-th tile. */
static __global__ void __launch_bounds__(32 * PARTS, 2) gemm_s8_few(const rfa_cuda_call *call, rfa_cuda_gemm_s8_args g)
{
    RFA_SHARED(int, part); /* [PARTS][FEW_ROWS][FEW_OUTPUTS] */
    uint32_t rows = rows_now(call, g.rows);
#pragma unroll 1
    for (uint32_t first = blockIdx.x * FEW_ROWS; first < rows; first += gridDim.x * FEW_ROWS)
        few_tile(g, first, rows, part);
}

/* ------------------------------------------------------------------ launches */

template <int DOWN, int ACROSS, int ROWS, int OUTPUTS>
static void launch(const rfa_cuda_run *run, const rfa_cuda_gemm_s8_args &g)
{
    typedef shape<DOWN, ACROSS, ROWS, OUTPUTS> S;
    dim3 grid(blocks_of(g.rows.most, S::rows), blocks_of(g.n, S::outputs));
    RFA_LAUNCH((gemm_s8<DOWN, ACROSS, ROWS, OUTPUTS>), grid, S::threads, STAGES * S::stage, run->stream, run->call, g);
}

static size_t tiles_of(const rfa_cuda_gemm_s8_args &g, size_t side)
{
    return (size_t)blocks_of(g.rows.most, side) * blocks_of(g.n, side);
}

/* The largest tiles of which there are enough for most of a device's multiprocessors: 40 to 132. */
void rfa_cuda_gemm_s8(const rfa_cuda_run *run, const rfa_cuda_gemm_s8_args *args)
{
    bool few = args->few || args->rows.most <= FEW_ROWS;
    if (!few && args->n > 64 && tiles_of(*args, 128) >= 96)
        launch<2, 2, 4, 8>(run, *args); /* 128 x 128 */
    else if (!few && tiles_of(*args, 64) >= 64)
        launch<2, 2, 2, 4>(run, *args); /* 64 x 64 */
    else {
        unsigned down = blocks_of(args->rows.most, FEW_ROWS);
        dim3 grid(args->few && down > 2 ? 2 : down, blocks_of(args->n, FEW_OUTPUTS));
        RFA_LAUNCH(gemm_s8_few, grid, 32 * PARTS, PARTS * FEW_ROWS * FEW_OUTPUTS * sizeof(int), run->stream, run->call,
                   *args);
    }
}

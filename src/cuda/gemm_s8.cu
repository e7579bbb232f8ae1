/* int8 products on the tensor cores. The sum is exact, so blocks and pipeline stages may be of any shape; the epilogue is
 * the contract's formula.
 *
 *     a   [rows][chunks*64]     a block's chunk in shared memory: [BM][64 bytes], read 16 bytes a lane: lane (g, t), g =
 *                               lane / 4, t = lane % 4, takes bytes 16 t ... of row g; 8 lanes read 128 bytes in a row,
 *                               without bank conflicts
 *     w   [n/8][chunks][512]    the same 16 bytes of 8 outputs, lane after lane, as retile lays them out at open */
#include "device.h"

enum { CHUNK = 64, TILE_BYTES = 512, STAGES = 3 };

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

/* DOWN x ACROSS warps, each ROWS x OUTPUTS tiles of 16 x 8. */
template <int DOWN, int ACROSS, int ROWS, int OUTPUTS> struct shape {
    static constexpr int threads = 32 * DOWN * ACROSS, rows = DOWN * ROWS * 16, outputs = ACROSS * OUTPUTS * 8;
    static constexpr int a_bytes = rows * CHUNK, w_bytes = outputs / 8 * TILE_BYTES, stage = a_bytes + w_bytes;
    static constexpr int a_copies = a_bytes / 16 / threads, w_copies = w_bytes / 16 / threads; /* of a thread */
    static_assert(a_copies * threads * 16 == a_bytes && w_copies * threads * 16 == w_bytes, "no thread is idle");
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

template <class S, int ROWS, int OUTPUTS>
static __device__ void multiply(int acc[ROWS][OUTPUTS][4], const unsigned char *stage, int row, int output)
{
    int lane = threadIdx.x % 32;
    const uint4 *a = reinterpret_cast<const uint4 *>(stage) + row * 4 + lane;
    const uint4 *w = reinterpret_cast<const uint4 *>(stage + S::a_bytes) + output / 8 * 32 + lane;
    uint4 b[OUTPUTS];
#pragma unroll
    for (int n = 0; n < OUTPUTS; n++)
        b[n] = w[n * 32];
#pragma unroll
    for (int m = 0; m < ROWS; m++) {
        uint4 upper = a[m * 64], lower = a[m * 64 + 32];
#pragma unroll
        for (int n = 0; n < OUTPUTS; n++)
            mma_chunk(acc[m][n], upper, lower, b[n]);
    }
}

static __device__ void finish(const rfa_cuda_gemm_s8_args &g, uint32_t row, uint32_t output, int acc)
{
    size_t at = (size_t)row * g.n + output;
    acc -= g.a_zero ? g.a_zero * g.w_sum[output] : 0;
    float scale = g.a_scale[row * g.a_scale_step] * g.w_scale[output];
    float y = rfa_act_value(fmaf((float)acc, scale, g.bias ? g.bias[output] : 0.0f), g.act);
    if (g.residual)
        y += g.residual[at];
    g.dst[at] = g.relu_last ? rfa_relu(y) : y;
}

template <int DOWN, int ACROSS, int ROWS, int OUTPUTS>
static __global__ void __launch_bounds__(32 * DOWN *ACROSS) gemm_s8(const rfa_cuda_call *call, rfa_cuda_gemm_s8_args g)
{
    typedef shape<DOWN, ACROSS, ROWS, OUTPUTS> S;
    RFA_SHARED(unsigned char, memory);
    uint32_t rows = rows_now(call, g.rows);
    if (blockIdx.x * S::rows >= rows)
        return;
    int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    int warp_row = warp / ACROSS * ROWS * 16, warp_output = warp % ACROSS * OUTPUTS * 8;
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
        multiply<S, ROWS, OUTPUTS>(acc, memory + i % STAGES * S::stage, warp_row, warp_output);
    }
#pragma unroll
    for (int m = 0; m < ROWS; m++)
#pragma unroll
        for (int n = 0; n < OUTPUTS; n++)
#pragma unroll
            for (int i = 0; i < 4; i++) {
                uint32_t row = blockIdx.x * S::rows + warp_row + m * 16 + i / 2 * 8 + lane / 4;
                uint32_t output = blockIdx.y * S::outputs + warp_output + n * 8 + lane % 4 * 2 + i % 2;
                if (row < rows && output < g.n)
                    finish(g, row, output, acc[m][n][i]);
            }
}

template <int DOWN, int ACROSS, int ROWS, int OUTPUTS>
static void launch(const rfa_cuda_run *run, const rfa_cuda_gemm_s8_args &g)
{
    typedef shape<DOWN, ACROSS, ROWS, OUTPUTS> S;
    static_assert(STAGES * S::stage <= MOST_SHARED, "all stages fit into shared memory");
    dim3 grid(blocks_of(g.rows.most, S::rows), blocks_of(g.n, S::outputs));
    RFA_LAUNCH((gemm_s8<DOWN, ACROSS, ROWS, OUTPUTS>), grid, S::threads, STAGES * S::stage, run->stream, run->call, g);
}

void rfa_cuda_gemm_s8(const rfa_cuda_run *run, const rfa_cuda_gemm_s8_args *args)
{
    if (args->few || args->rows.most <= 32)
        launch<1, 4, 2, 1>(run, *args); /* 32 x 32: the weights pass once, as many blocks as possible fetch them */
    else if (args->rows.most <= 512)
        launch<2, 2, 2, 4>(run, *args); /* 64 x 64 */
    else
        launch<2, 4, 4, 4>(run, *args); /* 128 x 128 */
}

/* Float products in sum16's order: half a warp makes a tile of outputs, lane j with partial sum j of each, so that both
 * operands are read along k. */
#include "device.h"

enum { TILE_ROWS = 4, TILE_OUTPUTS = 8, HALVES = THREADS / HALF_WARP, HALVES_DOWN = 4, HALVES_ACROSS = HALVES / HALVES_DOWN };

struct tile {
    uint32_t row, output, rows, outputs; /* first, and all there are */
};

/* The lane's next input in the rows of both operands; past the last row it is the last one again, whose results nobody
 * writes. */
template <class W> struct operands {
    const float *a[TILE_ROWS];
    const W *w[TILE_OUTPUTS];
};

template <class W> static __device__ operands<W> find_operands(const rfa_cuda_gemm_f32_args &g, const tile &t)
{
    operands<W> from;
    uint32_t lane = threadIdx.x % HALF_WARP;
#pragma unroll
    for (uint32_t r = 0; r < TILE_ROWS; r++)
        from.a[r] = g.a + (t.row + r < t.rows ? t.row + r : t.rows - 1) * g.a_stride + lane;
#pragma unroll
    for (uint32_t n = 0; n < TILE_OUTPUTS; n++)
        from.w[n] = static_cast<const W *>(g.w.data) +
                    (t.output + n < t.outputs ? t.output + n : t.outputs - 1) * g.w_stride + lane;
    return from;
}

/* One input of every row, or zeros; then the next. */
template <class W>
static __device__ void add_input(operands<W> &from, bool real, float p[TILE_ROWS][TILE_OUTPUTS])
{
    float a[TILE_ROWS], w[TILE_OUTPUTS];
#pragma unroll
    for (uint32_t r = 0; r < TILE_ROWS; r++)
        a[r] = real ? *from.a[r] : 0.0f;
#pragma unroll
    for (uint32_t n = 0; n < TILE_OUTPUTS; n++)
        w[n] = real ? weight_value(*from.w[n]) : 0.0f;
#pragma unroll
    for (uint32_t r = 0; r < TILE_ROWS; r++)
#pragma unroll
        for (uint32_t n = 0; n < TILE_OUTPUTS; n++)
            p[r][n] = fmaf(a[r], w[n], p[r][n]);
#pragma unroll
    for (uint32_t r = 0; r < TILE_ROWS; r++)
        from.a[r] += HALF_WARP;
#pragma unroll
    for (uint32_t n = 0; n < TILE_OUTPUTS; n++)
        from.w[n] += HALF_WARP;
}

template <class W>
static __device__ void sum_tile(const rfa_cuda_gemm_f32_args &g, const tile &t, float p[TILE_ROWS][TILE_OUTPUTS])
{
    operands<W> from = find_operands<W>(g, t);
#pragma unroll 2
    for (uint32_t groups = g.k / HALF_WARP; groups > 0; groups--)
        add_input(from, true, p);
    if (g.k % HALF_WARP) /* the last group is filled up with zeros */
        add_input(from, threadIdx.x % HALF_WARP < g.k % HALF_WARP, p);
}

static __device__ void finish(const rfa_cuda_gemm_f32_args &g, uint32_t row, uint32_t output, float y)
{
    size_t at = row * g.dst_stride + output;
    if (g.scaled)
        y *= g.scale;
    if (g.bias)
        y += g.bias[output];
    y = rfa_act_value(y, g.act);
    if (g.residual)
        y += g.residual[at];
    g.dst[at] = g.relu_last ? rfa_relu(y) : y;
}

template <class W>
static __global__ void __launch_bounds__(THREADS) gemm_f32(const rfa_cuda_call *call, rfa_cuda_gemm_f32_args g)
{
    uint32_t half = threadIdx.x / HALF_WARP, lane = threadIdx.x % HALF_WARP;
    tile t = {(blockIdx.x * HALVES_DOWN + half / HALVES_ACROSS) * TILE_ROWS,
              (blockIdx.y * HALVES_ACROSS + half % HALVES_ACROSS) * TILE_OUTPUTS, rows_now(call, g.rows),
              rows_now(call, g.outputs)};
    if (blockIdx.x * HALVES_DOWN * TILE_ROWS >= t.rows || t.outputs == 0)
        return;
    float p[TILE_ROWS][TILE_OUTPUTS] = {};
    sum_tile<W>(g, t, p);
#pragma unroll
    for (uint32_t r = 0; r < TILE_ROWS; r++)
#pragma unroll
        for (uint32_t n = 0; n < TILE_OUTPUTS; n++) {
            float y = tree16(p[r][n]);
            if (lane == (r * TILE_OUTPUTS + n) % HALF_WARP && t.row + r < t.rows && t.output + n < t.outputs)
                finish(g, t.row + r, t.output + n, y);
        }
}

void rfa_cuda_gemm_f32(const rfa_cuda_run *run, const rfa_cuda_gemm_f32_args *args)
{
    dim3 grid(blocks_of(args->rows.most, HALVES_DOWN * TILE_ROWS),
              blocks_of(args->outputs.most, HALVES_ACROSS * TILE_OUTPUTS));
    if (args->w.half)
        RFA_LAUNCH(gemm_f32<uint16_t>, grid, THREADS, 0, run->stream, run->call, *args);
    else
        RFA_LAUNCH(gemm_f32<float>, grid, THREADS, 0, run->stream, run->call, *args);
}

/* Ops of the head: person tokens, retrieval, and the parts of a Mamba block. */
#include "device.h"
#include "retrieve.h"

/* ------------------------------------------------------------------ detections */

/* A block a detection. First index of the largest score; the corners as the reference has them. */
static __global__ void detections(const rfa_cuda_call *call, rfa_cuda_detections_args a)
{
    uint32_t i = blockIdx.x, best = 0;
    if (i >= rows_now(call, a.rows))
        return;
    const float *logits = a.logits + (size_t)i * a.classes, *box = a.boxes + (size_t)i * 4;
    for (uint32_t c = 1; c < a.classes; c++)
        if (logits[c] > logits[best])
            best = c;
    float half_w = box[3] * 0.5f, half_h = box[2] * 0.5f;
    const float corners[4] = {box[0] - half_w, box[1] - half_h, box[0] + half_w, box[1] + half_h};
    for (uint32_t c = threadIdx.x; c < a.d; c += blockDim.x) {
        float token = rfa_sum16_dot(corners, a.w + (size_t)c * 4, 4);
        token = a.bias ? token + a.bias[c] : token;
        a.dst[(size_t)i * a.d + c] = best == a.person ? token : 0.0f;
    }
}

void rfa_cuda_detections(const rfa_cuda_run *run, const rfa_cuda_detections_args *args)
{
    RFA_LAUNCH(detections, args->rows.most, THREADS, 0, run->stream, run->call, *args);
}

/* ------------------------------------------------------------------ retrieval */

/* A block a query and frame: half a warp a token, then one thread chooses in ascending order. */
static __global__ void retrieve(const rfa_cuda_call *call, rfa_cuda_retrieve_args a)
{
    RFA_SHARED(float, cosine);
    uint32_t m = blockIdx.x, frame = blockIdx.y, lane = threadIdx.x % HALF_WARP, halves = blockDim.x / HALF_WARP;
    if (m >= rows_now(call, a.rows))
        return;
    const float *query = a.query + (size_t)m * a.k, *token = a.token + (size_t)frame * a.n * a.k;
    for (uint32_t i = threadIdx.x / HALF_WARP; i < (a.n + halves - 1) / halves * halves; i += halves) {
        float p = 0.0f;
        for (uint32_t c = lane; c < round16(a.k) && i < a.n; c += HALF_WARP)
            p = fmaf(c < a.k ? query[c] : 0.0f, c < a.k ? token[(size_t)i * a.k + c] : 0.0f, p);
        p = tree16(p);
        if (lane == 0 && i < a.n)
            cosine[i] = p;
    }
    __syncthreads();
    if (threadIdx.x != 0)
        return;
    rfa_retrieve_best best = {-INFINITY, -INFINITY, 0, 0};
    for (uint32_t i = 0; i < a.n; i++)
        rfa_retrieve_offer(&best, cosine[i], i);
    a.index[m * a.frames + frame] = best.index;
    a.margin[m * a.frames + frame] = rfa_retrieve_margin(&best);
}

void rfa_cuda_retrieve(const rfa_cuda_run *run, const rfa_cuda_retrieve_args *args)
{
    dim3 grid(args->rows.most, args->frames);
    RFA_LAUNCH(retrieve, grid, 128, args->n * sizeof(float), run->stream, run->call, *args);
}

/* ------------------------------------------------------------------ Mamba */

static __global__ void conv1d(const rfa_cuda_call *call, float *dst, const float *x, size_t x_stride, const float *w,
                              const float *bias, uint32_t channels, uint32_t taps, rfa_cuda_rows length)
{
    size_t i = thread_index(), t = i / channels, c = i % channels;
    if (t >= rows_now(call, length))
        return;
    float sum = bias[c];
    for (uint32_t tap = 0; tap < taps; tap++) {
        float value = t + tap + 1 >= taps ? x[(t + tap + 1 - taps) * x_stride + c] : 0.0f;
        sum = fmaf(w[(c / 16 * taps + tap) * 16 + c % 16], value, sum);
    }
    dst[i] = rfa_silu(sum);
}

void rfa_cuda_conv1d(const rfa_cuda_run *run, float *dst, const float *x, size_t x_stride, const float *w,
                     const float *bias, uint32_t channels, uint32_t taps, rfa_cuda_rows length)
{
    RFA_LAUNCH(conv1d, blocks_of((size_t)length.most * channels, THREADS), THREADS, 0, run->stream, run->call, dst, x,
               x_stride, w, bias, channels, taps, length);
}

/* A block takes a panel of 16 channels through the sequence, 16 moments at a time: first a thread is a channel and a
 * state and runs its recurrence through the moments, then it is a channel and a moment and runs the chain over the
 * states. So nothing but the recurrence itself is serial, and the contract's order stands. */
enum { PANEL = 16, MOMENTS = 16, LANES = 16 };

struct scan_memory {
    float dt[MOMENTS][PANEL], dtu[MOMENTS][PANEL], history[MOMENTS][LANES][PANEL];
    float state[1]; /* [states up to 16][PANEL] */
};

static __device__ void advance(const rfa_cuda_scan_args &a, scan_memory *m, uint32_t first, uint32_t count, uint32_t n)
{
    uint32_t c = threadIdx.x % PANEL, lane = threadIdx.x / PANEL;
    if (n >= a.states)
        return;
    float rate = a.a[((size_t)blockIdx.x * a.states + n) * PANEL + c] * RFA_LOG2E_HI, h = m->state[n * PANEL + c];
    for (uint32_t t = 0; t < count; t++) {
        float decay = rfa_decay(m->dt[t][c], rate);
        h = fmaf(decay, h, m->dtu[t][c] * a.b[(first + t) * a.bc_stride + n]);
        m->history[t][lane][c] = h;
    }
    m->state[n * PANEL + c] = h;
}

static __global__ void __launch_bounds__(THREADS) scan(const rfa_cuda_call *call, rfa_cuda_scan_args a)
{
    RFA_SHARED(scan_memory, m);
    uint32_t c = threadIdx.x % PANEL, lane = threadIdx.x / PANEL, channel = blockIdx.x * PANEL + c,
             length = rows_now(call, a.length), groups = (a.states + LANES - 1) / LANES;
    for (uint32_t g = 0; g < groups; g++)
        m->state[(g * LANES + lane) * PANEL + c] = 0.0f;
    for (uint32_t first = 0; first < length; first += MOMENTS) {
        uint32_t count = length - first < MOMENTS ? length - first : (uint32_t)MOMENTS;
        bool real = lane < count && channel < a.channels;
        size_t at = (size_t)(first + lane) * a.channels + channel;
        float u = real ? a.u[at] : 0.0f, dt = real ? rfa_softplus(a.delta[at]) : 0.0f;
        float y = real ? a.d[channel] * u : 0.0f;
        m->dt[lane][c] = dt;
        m->dtu[lane][c] = dt * u;
        for (uint32_t g = 0; g < groups; g++) {
            __syncthreads();
            advance(a, m, first, count, g * LANES + lane);
            __syncthreads();
            for (uint32_t n = 0; real && n < LANES && g * LANES + n < a.states; n++)
                y = fmaf(a.c[(first + lane) * a.bc_stride + g * LANES + n], m->history[lane][n][c], y);
        }
        if (real)
            a.dst[at] = y * rfa_silu(a.z[(size_t)(first + lane) * a.z_stride + channel]);
    }
}

void rfa_cuda_scan(const rfa_cuda_run *run, const rfa_cuda_scan_args *args)
{
    size_t states = round16(args->states);
    RFA_LAUNCH(scan, blocks_of(args->channels, PANEL), THREADS, sizeof(scan_memory) + states * PANEL * sizeof(float),
               run->stream, run->call, *args);
}

/* Feature maps, [pixels][channels]: windows gathered into the rows of a product, and the maximum over windows. */
#include "device.h"

static __device__ uint32_t filled(uint32_t four, uint32_t)
{
    return four;
}

static __device__ uint4 filled(uint32_t four, uint4)
{
    return make_uint4(four, four, four, four);
}

/* Byte `at` of a window's row in the map; NULL out of the map, and behind the window. */
static __device__ const unsigned char *source(const rfa_cuda_window &w, uint32_t pixel, uint32_t at)
{
    uint32_t tap = at / w.channel_bytes, y = pixel / w.out_width * w.stride + tap / w.kernel - w.pad,
             x = pixel % w.out_width * w.stride + tap % w.kernel - w.pad; /* wraps to huge left of 0 */
    if (tap >= w.kernel * w.kernel || y >= w.height || x >= w.width)
        return nullptr;
    return static_cast<const unsigned char *>(w.map) + ((size_t)y * w.width + x) * w.pixel_bytes + at % w.channel_bytes;
}

/* A piece of a row of the result: as many bytes as T, never across two pixels of the map. Out of the map, and behind
 * the window: zeros, which in int8 is the map's zero point. */
template <class T> static __global__ void windows(const rfa_cuda_call *, rfa_cuda_window w)
{
    size_t i = thread_index();
    uint32_t pieces = (uint32_t)(w.row_bytes / sizeof(T)), pixel = (uint32_t)(i / pieces);
    if (pixel >= w.out_height * w.out_width)
        return;
    const unsigned char *src = source(w, pixel, (uint32_t)(i % pieces) * sizeof(T));
    static_cast<T *>(w.dst)[i] = src ? *reinterpret_cast<const T *>(src) : filled(w.zero, T());
}

/* Four bytes where pixels do not begin on words. */
static __global__ void windows_of_bytes(const rfa_cuda_call *, rfa_cuda_window w)
{
    size_t i = thread_index();
    uint32_t words = (uint32_t)(w.row_bytes / 4), pixel = (uint32_t)(i / words), word = 0;
    if (pixel >= w.out_height * w.out_width)
        return;
    for (uint32_t j = 0; j < 4; j++) {
        const unsigned char *src = source(w, pixel, (uint32_t)(i % words) * 4 + j);
        word |= (src ? *src : w.zero & 0xff) << 8 * j;
    }
    static_cast<uint32_t *>(w.dst)[i] = word;
}

void rfa_cuda_windows(const rfa_cuda_run *run, const rfa_cuda_window *args)
{
    size_t rows = (size_t)args->out_height * args->out_width;
    if (args->channel_bytes % 16 == 0 && args->pixel_bytes % 16 == 0 && args->row_bytes % 16 == 0)
        RFA_LAUNCH(windows<uint4>, blocks_of(rows * args->row_bytes / 16, THREADS), THREADS, 0, run->stream, run->call,
                   *args);
    else if (args->channel_bytes % 4 == 0 && args->pixel_bytes % 4 == 0)
        RFA_LAUNCH(windows<uint32_t>, blocks_of(rows * args->row_bytes / 4, THREADS), THREADS, 0, run->stream,
                   run->call, *args);
    else
        RFA_LAUNCH(windows_of_bytes, blocks_of(rows * args->row_bytes / 4, THREADS), THREADS, 0, run->stream, run->call,
                   *args);
}

static __global__ void max_pool(const rfa_cuda_call *, float *dst, const float *x, uint32_t height, uint32_t width,
                                uint32_t channels, uint32_t out_height, uint32_t out_width)
{
    size_t i = thread_index(), pixel = i / channels, c = i % channels;
    if (pixel >= (size_t)out_height * out_width)
        return;
    float max = -INFINITY;
    for (uint32_t tap = 0; tap < 9; tap++) {
        size_t row = pixel / out_width * 2 + tap / 3 - 1, col = pixel % out_width * 2 + tap % 3 - 1; /* as above */
        if (row < height && col < width)
            max = rfa_max(max, x[(row * width + col) * channels + c]);
    }
    dst[i] = max;
}

void rfa_cuda_max_pool(const rfa_cuda_run *run, float *dst, const float *x, uint32_t height, uint32_t width,
                       uint32_t channels, uint32_t out_height, uint32_t out_width)
{
    RFA_LAUNCH(max_pool, blocks_of((size_t)out_height * out_width * channels, THREADS), THREADS, 0, run->stream,
               run->call, dst, x, height, width, channels, out_height, out_width);
}

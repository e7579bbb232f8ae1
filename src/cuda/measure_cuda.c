#include "measure_cuda.h"

#include "cuda_error.h"
#include "launch.h"
#include "sizes.h"

enum {
    BLOCKS_EACH = 4,  /* of 256 threads: as many as any multiprocessor holds at once */
    MOST_CACHES = 32, /* the read goes over so many times the second-level cache, */
    LEAST_CACHES = 4, /* or over less where memory is short, but not below this */
    LEAST_CACHE = 1 << 16,
    SAMPLES = 10
};

static const float least_ms = 2; /* of a sample: starting a kernel is little beside it */
static const char remedy[] = "close other programs on it, or leave cuda out of the benchmark";

struct clock {
    const struct rfa_log *log;
    cudaEvent_t begin, end;
};

static enum rfa_status time_once(double *work, float *ms, const struct clock *c, const struct rfa_cuda_rate *r,
                                 double (*start)(const struct rfa_cuda_rate *))
{
    static const char what[] = "measuring its ceilings";
    CUDA_TRY(c->log, what, remedy, cudaEventRecord(c->begin, r->stream));
    *work = start(r);
    CUDA_TRY(c->log, what, remedy, cudaGetLastError());
    CUDA_TRY(c->log, what, remedy, cudaEventRecord(c->end, r->stream));
    CUDA_TRY(c->log, what, remedy, cudaEventSynchronize(c->end));
    CUDA_TRY(c->log, what, remedy, cudaEventElapsedTime(ms, c->begin, c->end));
    return RFA_OK;
}

/* The best of some samples. The first loads the kernel, the next ones grow until they are long enough. */
static enum rfa_status best_rate(double *best, const struct clock *c, struct rfa_cuda_rate r,
                                 double (*start)(const struct rfa_cuda_rate *))
{
    r.repeats = 1;
    for (int i = 0; i < SAMPLES; i++) {
        double work = 0;
        float ms = 0;
        RFA_TRY(time_once(&work, &ms, c, &r, start));
        ms = ms > 1e-3f ? ms : 1e-3f; /* the clock's resolution */
        *best = work / ms * 1e3 > *best ? work / ms * 1e3 : *best;
        if (ms < least_ms)
            r.repeats = (uint32_t)((float)r.repeats * 1.2f * least_ms / ms) + 1;
    }
    return RFA_OK;
}

static enum rfa_status measure_all(struct rfa_device_rates *rates, struct clock *c, const struct rfa_cuda_rate *r)
{
    CUDA_TRY(c->log, "an event", remedy, cudaEventCreate(&c->begin));
    CUDA_TRY(c->log, "an event", remedy, cudaEventCreate(&c->end));
    CUDA_TRY(c->log, "clearing memory", remedy,
             cudaMemsetAsync((void *)(uintptr_t)r->memory, 0, r->bytes + RFA_CUDA_READ_BYTES, r->stream));
    RFA_TRY(best_rate(&rates->int8_macs, c, *r, rfa_cuda_rate_int8));
    RFA_TRY(best_rate(&rates->float_macs, c, *r, rfa_cuda_rate_float));
    return best_rate(&rates->bytes_per_second, c, *r, rfa_cuda_rate_read);
}

/* As much as there is of what is wanted; the sink lies behind it. */
static cudaError_t take_memory(void **memory, size_t *bytes, size_t cache)
{
    cudaError_t error = cudaErrorMemoryAllocation;
    for (size_t caches = MOST_CACHES; error != cudaSuccess && caches >= LEAST_CACHES; caches /= 2) {
        *bytes = rfa_round_up(caches * cache, RFA_CUDA_READ_BYTES);
        error = cudaMalloc(memory, *bytes + RFA_CUDA_READ_BYTES);
        if (error != cudaSuccess)
            cudaGetLastError(); /* the next one may do */
    }
    return error;
}

enum rfa_status rfa_cuda_measure(struct rfa_device_rates *rates, const struct rfa_log *log, cudaStream_t stream,
                                 const struct rfa_cuda_size *size)
{
    size_t cache = size->cache_bytes > LEAST_CACHE ? (size_t)size->cache_bytes : LEAST_CACHE;
    unsigned multiprocessors = size->multiprocessors > 0 ? (unsigned)size->multiprocessors : 1;
    struct rfa_cuda_rate r = {.stream = stream, .blocks = BLOCKS_EACH * multiprocessors};
    struct clock c = {.log = log};
    void *memory = NULL;
    CUDA_TRY(log, "memory to measure reads", remedy, take_memory(&memory, &r.bytes, cache));
    r.memory = memory;
    r.sink = (uint32_t *)((unsigned char *)memory + r.bytes);
    enum rfa_status status = measure_all(rates, &c, &r);
    if (c.begin)
        cudaEventDestroy(c.begin);
    if (c.end)
        cudaEventDestroy(c.end);
    cudaFree(memory);
    return status;
}

/* One kernel on one shape: buffers, inputs, and how to run it over a part of its units (rows, heads, frames, panels of
 * channels). */
#ifndef RFA_BENCH_KERNEL_JOB_H
#define RFA_BENCH_KERNEL_JOB_H

#include "../simd/kernels.h"
#include "../src/split.h"
#include "../tests/kernel_cases.h"

enum { JOB_BUFFERS = 12, JOB_THREADS = 64 };

enum job_limit {
    LIMIT_INT8,   /* products of int8 */
    LIMIT_FMA,    /* float multiply-adds */
    LIMIT_CACHE,  /* bytes in the second-level cache */
    LIMIT_MEMORY, /* bytes of memory */
};

struct job;

/* Runs units first ... first+count-1 on one thread. */
typedef void job_run_fn(const struct job *job, const struct rfa_kernels *k, size_t first, size_t count, void *scratch);

struct job {
    job_run_fn *run; /* NULL: gemm_s8, whose tasks are blocks of rows and outputs */
    const struct kernel_case *c;
    enum job_limit limit;
    size_t units, all_units; /* that a run covers: fewer for the comparison with C, and all there are */
    double unit_work;        /* MACs or bytes of a unit */
    float *f32[JOB_BUFFERS];
    void *memory[JOB_BUFFERS];
    size_t memory_count;
    int8_t *a, *w;      /* gemm_s8: activations as stored, weights */
    uint8_t a_form;     /* what the stored activations are XORed with */
    const int8_t *pool; /* gemm_s8 of few rows: weights in more memory than caches hold, taken in turn */
    size_t pool_bytes, turn;
    struct rfa_split split; /* gemm_s8 */
    void *out;              /* compared with C */
    size_t out_bytes;
    const void *original; /* kernels in place: what `out` holds before a run; NULL: nothing to restore */
    void *scratch[JOB_THREADS];
    bool failed; /* out of memory */
};

/* Buffers and inputs for a case. `pool` is memory of int8 values in [-127, 127], 64-byte aligned. False: out of memory.
 */
bool job_open(struct job *job, const struct kernel_case *c, int threads, const void *pool, size_t pool_bytes);
void job_close(struct job *job);

/* What must precede each run of this row and is not part of the time: inputs in the form the kernel wants. */
void job_prepare(struct job *job, const struct rfa_kernels *k);

/* Number of tasks for these threads over job->units, and one of them. */
size_t job_tasks(struct job *job, const struct rfa_kernels *k, int threads);
void job_task(const struct job *job, const struct rfa_kernels *k, size_t task, size_t tasks, int thread);

/* The next weights of the pool; between runs. */
void job_next_weights(struct job *job);

#endif

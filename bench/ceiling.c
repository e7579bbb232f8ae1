#include "ceiling.h"

#include <string.h>

#include "clock.h"
#include "core_clock.h"
#include "session.h"
#include "timing.h"

const struct rfa_loop_row rfa_loop_rows[] = {
#define LOOP(kind, isa, bits) {#kind, #isa, (uint32_t)(bits), &rfa_loop_##kind##_##isa},
#include "ceiling.def"
#undef LOOP
};
const size_t rfa_loop_count = sizeof rfa_loop_rows / sizeof rfa_loop_rows[0];

/* The last row that the tier's instructions suffice for: its own, else one of what it builds on. */
const struct rfa_loop_row *rfa_loop_find(const char *kind, const char *isa)
{
    const struct rfa_loop_row *best = NULL;
    uint32_t bits;
    if (rfa_cpu_mask(&bits, isa) != RFA_OK)
        return NULL;
    for (size_t i = 0; i < rfa_loop_count; i++)
        if (strcmp(rfa_loop_rows[i].kind, kind) == 0 && !(rfa_loop_rows[i].bits & ~bits))
            best = &rfa_loop_rows[i];
    return best;
}

struct pass {
    const struct rfa_loop *loop;
    size_t iterations;
    const unsigned char *data;
    size_t bytes, repeats; /* of a task */
};

static void compute_task(void *context, size_t task, int thread)
{
    const struct pass *p = context;
    (void)task;
    (void)thread;
    p->loop->run(p->iterations);
}

/* Tasks are many and short, so that a thread that the system delays does not hold up the figure. */
double rfa_ceiling_compute(const struct rfa_loop *loop, const struct rfa_team *team, int samples)
{
    const size_t tasks = 16 * (size_t)team->threads;
    struct pass p = {.loop = loop, .iterations = 1000};
    double best = 0;
    loop->run(p.iterations);
    for (int i = 0; i < samples; i++) {
        double start = rfa_now();
        rfa_parallel_for(team, tasks, compute_task, &p);
        double seconds = rfa_now() - start, rate = (double)tasks * (double)p.iterations * loop->work / seconds;
        best = rate > best ? rate : best;
        if (seconds < 1e-3)
            p.iterations = (size_t)((double)p.iterations * 1.2e-3 / seconds) + 1;
    }
    return best;
}

double rfa_ceiling_a_cycle(const struct rfa_loop *loop)
{
    enum { SAMPLES = 15, ITERATIONS = 4000 }; /* tens of microseconds */
    double sample[SAMPLES];
    for (int i = 0; i < SAMPLES; i++) {
        double start = rfa_now();
        loop->run(ITERATIONS);
        double seconds = rfa_now() - start, clock = rfa_core_clock();
        sample[i] = clock > 0 ? ITERATIONS * loop->work / seconds / clock : 0;
    }
    rfa_bench_sort(sample, SAMPLES);
    return rfa_bench_quantile(sample, SAMPLES, 0.5);
}

double rfa_ceiling_model(const char **what, const char *weights, const char *tier, int threads)
{
    enum { SAMPLES = 20 };
    struct rfa_team team = {.threads = threads};
    const struct rfa_loop_row *row = rfa_loop_find(strcmp(weights, "int8") == 0 ? "int8" : "fma", tier);
    *what = row ? row->loop->what : NULL;
    return row ? rfa_ceiling_compute(row->loop, &team, SAMPLES) : 0;
}

static void read_task(void *context, size_t task, int thread)
{
    const struct pass *p = context;
    (void)thread;
    for (size_t i = 0; i < p->repeats; i++)
        p->loop->read(p->data + task * p->bytes, p->bytes);
}

double rfa_ceiling_read(const struct rfa_loop *loop, const struct rfa_team *team, const void *data, size_t bytes,
                        int samples)
{
    size_t pieces = (size_t)team->threads * (bytes > (1u << 24) ? 16 : 1);
    struct pass p = {.loop = loop, .data = data, .bytes = bytes / pieces / 1024 * 1024};
    p.repeats = bytes > (1u << 24) ? 1 : (1u << 26) / bytes + 1;
    double best = 0;
    for (int i = 0; i < samples; i++) {
        double start = rfa_now();
        rfa_parallel_for(team, pieces, read_task, &p);
        double rate = (double)p.repeats * (double)pieces * (double)p.bytes / (rfa_now() - start);
        best = rate > best ? rate : best;
    }
    return best;
}

double rfa_ceiling_weights(const rfa_model *model, const char *tier, int threads)
{
    enum { SAMPLES = 3, MOST = 1 << 30 };
    struct rfa_team team = {.threads = threads};
    size_t bytes = model->map_bytes < MOST ? model->map_bytes : MOST;
    return rfa_ceiling_read(rfa_loop_find("read", tier)->loop, &team, model->map, bytes, SAMPLES);
}

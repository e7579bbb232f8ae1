/* Every row of kernels.def that this machine can run, on every case: compared with plain C bit by bit, then timed, and
 * set against the ceiling of its own instructions, measured just before and just after. */
#define _POSIX_C_SOURCE 200809L
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "ceiling.h"
#include "clock.h"
#include "core_clock.h"
#include "kernel_job.h"
#include "timing.h"

enum { MAX_SAMPLES = 2000, MIN_SAMPLES = 5, CACHE_BYTES = 512 * 1024, LOOP_SAMPLES = 5 };

static const double CHECKED_WORK = 1.5e8, SHORTEST_SAMPLE = 20e-6, CLOCKED_SECONDS = 0.5e-3;

struct row {
    const char *slot, *isa;
    uint32_t bits;
};

static const struct row rows[] = {
#define KERNEL(slot, isa, bits) {#slot, #isa, (uint32_t)(bits)},
#include "../simd/kernels.def"
#undef KERNEL
};

enum { ROWS = sizeof rows / sizeof rows[0] };

struct bench {
    const struct rfa_bench_options *options;
    uint32_t cpu;
    struct rfa_team team[2]; /* one thread; the threads asked for */
    int teams;
    int8_t *pool; /* much more than the caches hold */
    size_t pool_bytes;
    unsigned char *cached; /* CACHE_BYTES a thread */
    double memory[2];      /* bytes a second, by team */
    double samples[MAX_SAMPLES];
    int failures;
};

/* What one row's measurement says. */
struct figure {
    double median, low, high, c; /* seconds: median, 10th and 90th percentile; the C row's, scaled to the same work */
    double work;                 /* of a run */
    double clock;                /* of the core under the row, in cycles a second; 0: unknown */
    double ceiling, a_cycle;     /* work in a second, in a cycle; 0: unknown */
    const char *unit, *limit;    /* "MAC" or "B"; what the ceiling is */
    bool equal;
};

/* ------------------------------------------------------------------ output */

static void print_heading(const struct bench *b)
{
    if (b->options->json)
        return;
    fprintf(b->options->out, "\n%-16s %-10s %-16s %2s %12s %7s %11s %7s %6s %8s  %s\n", "kernel", "tier", "shape", "T",
            "median us", "spread", "rate", "times C", "share", "at clock", "of");
}

static double share(const struct figure *f)
{
    return f->ceiling > 0 ? f->work / f->median / f->ceiling : 0;
}

/* The share of what the ceiling's loop does in the cycles that the row took; 0 where they are not known. */
static double share_at_clock(const struct figure *f)
{
    double most = f->clock * f->a_cycle;
    return most > 0 ? f->work / f->median / most : 0;
}

static void print_json(FILE *out, const char *kernel, const char *tier, const char *shape, int threads,
                       const struct figure *f)
{
    fprintf(out,
            "{\"kernel\": \"%s\", \"tier\": \"%s\", \"shape\": \"%s\", \"threads\": %d, \"median_ns\": %.1f, \"work\": "
            "%.0f, \"unit\": \"%s\", "
            "\"ceiling\": %.6g, \"share\": %.4f, \"clock_hz\": %.4g, \"share_at_clock\": %.4f, "
            "\"p10_ns\": %.1f, \"p90_ns\": %.1f, \"c_ns\": %.1f, \"ceiling_of\": \"%s\", \"equal\": %s}\n",
            kernel, tier, shape, threads, f->median * 1e9, f->work, f->unit, f->ceiling, share(f), f->clock,
            share_at_clock(f), f->low * 1e9, f->high * 1e9, f->c * 1e9, f->limit, f->equal ? "true" : "false");
}

static void print_text(FILE *out, const char *kernel, const char *tier, const char *shape, int threads,
                       const struct figure *f)
{
    fprintf(out, "%-16s %-10s %-16s %2d %12.2f %6.1f%% %7.1f %-3s ", kernel, tier, shape, threads, f->median * 1e6,
            100 * (f->high - f->low) / f->median, f->work / f->median * 1e-9, f->unit[0] == 'M' ? "GM" : "GB");
    if (f->c > 0)
        fprintf(out, "%7.1f ", f->c / f->median);
    else
        fprintf(out, "%7s ", "");
    if (f->ceiling <= 0)
        fprintf(out, "%6s\n", "-");
    else if (share_at_clock(f) <= 0)
        fprintf(out, "%5.1f%% %8s  %s %.1f\n", 100 * share(f), "", f->limit, f->ceiling * 1e-9);
    else
        fprintf(out, "%5.1f%% %7.1f%%  %s %.1f; at %.2f GHz\n", 100 * share(f), 100 * share_at_clock(f), f->limit,
                f->ceiling * 1e-9, f->clock * 1e-9);
}

static void print_figure(const struct bench *b, const char *kernel, const char *tier, const char *shape, int threads,
                         const struct figure *f)
{
    if (b->options->json)
        print_json(b->options->out, kernel, tier, shape, threads, f);
    else
        print_text(b->options->out, kernel, tier, shape, threads, f);
    fflush(b->options->out);
}

/* ------------------------------------------------------------------ ceilings */

static const char *best_reader(const struct bench *b)
{
    const char *isa = "c";
    for (size_t i = 0; i < rfa_loop_count; i++)
        if (strcmp(rfa_loop_rows[i].kind, "read") == 0 && (b->cpu & rfa_loop_rows[i].bits) == rfa_loop_rows[i].bits)
            isa = rfa_loop_rows[i].isa;
    return isa;
}

static void report_ceiling(const struct bench *b, const char *kind, const char *isa, const char *what, const char *unit,
                           double rate, int threads)
{
    char name[32];
    struct figure f = {.median = 1e-3,
                       .low = 1e-3,
                       .high = 1e-3,
                       .work = rate * 1e-3,
                       .ceiling = rate,
                       .unit = unit,
                       .limit = what,
                       .equal = true};
    snprintf(name, sizeof name, "ceiling_%s", kind);
    if (b->options->json)
        print_json(b->options->out, name, isa, what, threads, &f);
    else
        fprintf(b->options->out, "ceiling  %-11s %2d threads  %9.1f %s  %s\n", isa, threads, rate * 1e-9,
                unit[0] == 'M' ? "GMAC/s" : "GB/s  ", what);
}

static void measure_ceilings(struct bench *b)
{
    const struct rfa_loop *read = rfa_loop_find("read", best_reader(b))->loop;
    for (int t = 0; t < b->teams; t++) {
        int threads = b->team[t].threads;
        for (size_t i = 0; i < rfa_loop_count; i++) {
            const struct rfa_loop_row *row = &rfa_loop_rows[i];
            if ((b->cpu & row->bits) == row->bits && row->loop->run)
                report_ceiling(b, row->kind, row->isa, row->loop->what, "MAC",
                               rfa_ceiling_compute(row->loop, &b->team[t], 4 * LOOP_SAMPLES), threads);
        }
        b->memory[t] = rfa_ceiling_read(read, &b->team[t], b->pool, b->pool_bytes, 3);
        report_ceiling(b, "memory", best_reader(b), "memory read", "B", b->memory[t], threads);
        report_ceiling(b, "cache", best_reader(b), "L2 read", "B",
                       rfa_ceiling_read(read, &b->team[t], b->cached, CACHE_BYTES * (size_t)threads, LOOP_SAMPLES),
                       threads);
    }
}

static const char *const limit_kind[] = {
    [LIMIT_INT8] = "int8", [LIMIT_FMA] = "fma", [LIMIT_CACHE] = "read", [LIMIT_MEMORY] = "read"};

/* The ceiling of a row, now. Memory is measured once at the start: it takes long. */
static double ceiling_now(const struct bench *b, const struct job *job, const struct row *row, int t, const char **what)
{
    const struct rfa_loop_row *loop = rfa_loop_find(limit_kind[job->limit], row->isa);
    *what = "";
    if (job->limit == LIMIT_MEMORY) {
        *what = "memory read";
        return b->memory[t];
    }
    if (!loop || strcmp(row->isa, "c") == 0)
        return 0;
    *what = job->limit == LIMIT_CACHE ? "L2 read" : loop->loop->what;
    if (job->limit == LIMIT_CACHE)
        return rfa_ceiling_read(loop->loop, &b->team[t], b->cached, CACHE_BYTES * (size_t)b->team[t].threads, 3);
    return rfa_ceiling_compute(loop->loop, &b->team[t], LOOP_SAMPLES);
}

static double ceiling_a_cycle(const struct job *job, const struct row *row)
{
    const struct rfa_loop_row *loop = rfa_loop_find(limit_kind[job->limit], row->isa);
    return loop && loop->loop->run ? rfa_ceiling_a_cycle(loop->loop) : 0;
}

/* ------------------------------------------------------------------ one row */

struct pass {
    const struct job *job;
    const struct rfa_kernels *kernels;
    size_t tasks;
};

static void pass_task(void *context, size_t task, int thread)
{
    const struct pass *p = context;
    job_task(p->job, p->kernels, task, p->tasks, thread);
}

/* Seconds of a run: of the processor with one thread, of the clock on the wall with more. */
static double run_once(struct job *job, const struct rfa_kernels *k, const struct rfa_team *team, size_t repeats)
{
    struct pass p = {job, k, job_tasks(job, k, team->threads)};
    double (*clock)(void) = team->threads == 1 ? rfa_bench_thread_seconds : rfa_now;
    double start = clock();
    for (size_t i = 0; i < repeats; i++)
        rfa_parallel_for(team, p.tasks, pass_task, &p);
    return (clock() - start) / (double)repeats;
}

/* The kernels of this row's slot; its other slots hold whatever the same bits choose. */
static struct rfa_kernels kernels_of(const struct row *row)
{
    struct rfa_kernels k = {.gemm_s8 = NULL};
    rfa_kernels_init(&k, row->bits);
    return k;
}

/* Limits the job to a part with so much work. */
static void take_part(struct job *job, double work)
{
    job->units = job->all_units;
    if ((double)job->units * job->unit_work > work && job->limit != LIMIT_MEMORY)
        job->units = (size_t)(work / job->unit_work) + 1;
}

/* Runs the row on the checked part and compares with the result that C left there. */
static bool equals_c(const struct bench *b, struct job *job, const struct rfa_kernels *k, const void *expected)
{
    take_part(job, CHECKED_WORK);
    job->turn = 0;
    memset(job->out, 0, job->out_bytes);
    job_prepare(job, k);
    run_once(job, k, &b->team[0], 1);
    return memcmp(job->out, expected, job->out_bytes) == 0;
}

static void time_row(struct bench *b, struct job *job, const struct rfa_kernels *k, int t, struct figure *f)
{
    size_t count = 0, repeats = 1;
    job->units = job->all_units;
    job_prepare(job, k);
    double once = run_once(job, k, &b->team[t], 1), end = rfa_now() + b->options->seconds;
    if (!job->original && job->limit != LIMIT_MEMORY && once < SHORTEST_SAMPLE)
        repeats = (size_t)(SHORTEST_SAMPLE / once) + 1;
    while (count < MAX_SAMPLES && (count < MIN_SAMPLES || rfa_now() < end)) {
        job_next_weights(job);
        job_prepare(job, k);
        b->samples[count++] = run_once(job, k, &b->team[t], repeats);
    }
    rfa_bench_sort(b->samples, count);
    f->median = rfa_bench_quantile(b->samples, count, 0.5);
    f->low = rfa_bench_quantile(b->samples, count, 0.1);
    f->high = rfa_bench_quantile(b->samples, count, 0.9);
}

/* The clock of the core under this row on one thread, in cycles a second. After runs of half a millisecond in all: the
 * core has settled by then, and the code of the clock is still in cache. */
static double clock_under(struct bench *b, struct job *job, const struct rfa_kernels *k, double seconds)
{
    enum { SAMPLES = 15 };
    take_part(job, (double)job->all_units * job->unit_work * CLOCKED_SECONDS / seconds);
    struct pass p = {job, k, job_tasks(job, k, 1)};
    for (int i = 0; i < SAMPLES; i++) {
        for (double spent = 0; spent < CLOCKED_SECONDS; spent += seconds) {
            job_next_weights(job);
            job_prepare(job, k);
            rfa_parallel_for(&b->team[0], p.tasks, pass_task, &p);
        }
        b->samples[i] = rfa_core_clock();
    }
    rfa_bench_sort(b->samples, SAMPLES);
    return rfa_bench_quantile(b->samples, SAMPLES, 0.5);
}

static void shape_name(char text[48], const struct kernel_case *c)
{
    int used = snprintf(text, 48, "%zux%zu", c->m, c->n);
    if (c->k)
        used += snprintf(text + used, 48 - (size_t)used, "x%zu", c->k);
    if (c->count > 1)
        snprintf(text + used, 48 - (size_t)used, "x%zu", c->count);
}

static bool wanted(const struct bench *b, const struct row *row, const char *shape)
{
    char text[128];
    snprintf(text, sizeof text, "%s %s %s", row->slot, row->isa, shape);
    return (b->cpu & row->bits) == row->bits && (!b->options->filter || strstr(text, b->options->filter));
}

/* The scan's cost in the processor's own unit. */
static void print_cycles(FILE *out, const struct kernel_case *c, const struct figure *f)
{
    double updates = (double)c->m * (double)c->n * (double)c->k;
    fprintf(out, "%45s %.3f ns, %.2f cycles a state update (10th percentile %.2f) at %.2f GHz\n", "",
            f->median * 1e9 / updates, f->median * f->clock / updates, f->low * f->clock / updates, f->clock * 1e-9);
}

static void bench_row(struct bench *b, struct job *job, const struct row *row, const void *expected, double c_seconds)
{
    char shape[48];
    struct rfa_kernels k = kernels_of(row);
    struct figure f = {.c = c_seconds, .work = (double)job->all_units * job->unit_work};
    shape_name(shape, job->c);
    f.unit = job->limit == LIMIT_INT8 || job->limit == LIMIT_FMA ? "MAC" : "B";
    f.equal = equals_c(b, job, &k, expected);
    if (!f.equal) {
        fprintf(stderr, "refatom: %s %s on %s differs from plain C; the row is not timed\n", row->slot, row->isa,
                shape);
        b->failures++;
        return;
    }
    if (strcmp(row->isa, "c") == 0) {
        f.median = f.low = f.high = c_seconds;
        f.limit = "";
        print_figure(b, row->slot, row->isa, shape, 1, &f);
        return;
    }
    for (int t = 0; t < b->teams; t++) {
        double before = ceiling_now(b, job, row, t, &f.limit);
        time_row(b, job, &k, t, &f);
        double after = ceiling_now(b, job, row, t, &f.limit);
        f.ceiling = before > after ? before : after;
        bool alone = b->team[t].threads == 1;
        f.clock = alone ? clock_under(b, job, &k, f.median) : 0;
        f.a_cycle = alone ? ceiling_a_cycle(job, row) : 0;
        f.c = t == 0 ? c_seconds : 0;
        print_figure(b, row->slot, row->isa, shape, b->team[t].threads, &f);
        if (strcmp(row->slot, "scan_f32") == 0 && t == 0 && !b->options->json && f.clock > 0)
            print_cycles(b->options->out, job->c, &f);
    }
}

/* ------------------------------------------------------------------ all */

/* What C gives on the checked part, and its time scaled to all units. */
static void *run_c(struct bench *b, struct job *job, double *seconds)
{
    struct row c = {job->c->slot, "c", 0};
    struct rfa_kernels k = kernels_of(&c);
    void *expected = malloc(job->out_bytes);
    if (!expected)
        return NULL;
    memset(expected, 0, job->out_bytes);
    equals_c(b, job, &k, expected); /* sets the part */
    memcpy(expected, job->out, job->out_bytes);
    job_prepare(job, &k);
    *seconds = run_once(job, &k, &b->team[0], 1) * (double)job->all_units / (double)job->units;
    return expected;
}

static bool bench_case(struct bench *b, const struct kernel_case *c)
{
    char shape[48];
    struct job job;
    double c_seconds = 0;
    bool any = false;
    shape_name(shape, c);
    for (size_t i = 0; i < ROWS; i++)
        any |= strcmp(rows[i].slot, c->slot) == 0 && wanted(b, &rows[i], shape);
    if (!any)
        return true;
    bool ok = job_open(&job, c, b->team[b->teams - 1].threads, b->pool, b->pool_bytes);
    void *expected = ok ? run_c(b, &job, &c_seconds) : NULL;
    for (size_t i = 0; expected && i < ROWS; i++)
        if (strcmp(rows[i].slot, c->slot) == 0 && wanted(b, &rows[i], shape))
            bench_row(b, &job, &rows[i], expected, c_seconds);
    free(expected);
    job_close(&job);
    return expected != NULL;
}

/* Nearly normal in [-127, 127], as rows and weights scaled to 127 at the largest are: the mean of four bytes. The time
 * of the AVX2 product depends on how many are large. */
static int8_t pool_value(uint32_t *state)
{
    int sum = 0;
    for (int i = 0; i < 4; i++) {
        *state ^= *state << 13;
        *state ^= *state >> 17;
        *state ^= *state << 5;
        sum += (int)(*state % 255);
    }
    return (int8_t)(sum / 4 - 127);
}

/* A gibibyte, or an eighth of the machine's memory. */
static bool open_pool(struct bench *b)
{
    enum { BLOCK = 1 << 20 };
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    size_t most = pages > 0 && page > 0 ? (size_t)pages / 8 * (size_t)page : 0;
    b->pool_bytes = most < ((size_t)1 << 30) ? most / BLOCK * BLOCK : (size_t)1 << 30;
    b->pool_bytes = b->pool_bytes ? b->pool_bytes : BLOCK;
    b->pool = aligned_alloc(64, b->pool_bytes);
    if (!b->pool)
        return false;
    uint32_t state = 88172645u;
    for (size_t i = 0; i < BLOCK; i++)
        b->pool[i] = pool_value(&state);
    for (size_t i = BLOCK; i < b->pool_bytes; i += BLOCK)
        memcpy(b->pool + i, b->pool, BLOCK);
    return true;
}

static bool open_bench(struct bench *b, const struct rfa_bench_options *options)
{
    *b = (struct bench){.options = options, .cpu = rfa_cpu_detect() & options->session.cpu_mask};
    int threads = options->session.threads < JOB_THREADS ? options->session.threads : JOB_THREADS;
    rfa_team_start(&b->team[0], 1);
    b->teams = threads > 1 ? 2 : 1;
    if (threads > 1)
        rfa_team_start(&b->team[1], threads);
    b->cached = aligned_alloc(64, CACHE_BYTES * (size_t)threads);
    if (b->cached)
        memset(b->cached, 1, CACHE_BYTES * (size_t)threads);
    return b->cached && open_pool(b);
}

bool rfa_bench_kernels(const struct rfa_bench_options *options)
{
    struct bench *b = calloc(1, sizeof *b);
    bool ok = b && open_bench(b, options);
    if (ok) {
        measure_ceilings(b);
        print_heading(b);
    }
    for (size_t i = 0; ok && i < KERNEL_CASES; i++)
        ok = bench_case(b, &kernel_cases[i]);
    if (!ok)
        fputs("refatom: bench: out of memory\n", stderr);
    if (b) {
        ok = ok && b->failures == 0;
        free(b->pool);
        free(b->cached);
    }
    free(b);
    return ok;
}

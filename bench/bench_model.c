/* A whole model on random pixels and words: times of ops and stages, of what a user waits for, opening, memory. */
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "ceiling.h"
#include "clock.h"
#include "step_times.h"
#include "thread_shares.h"
#include "timing.h"

enum { MAX_CLIPS = 20, MAX_TRIES = 50 };

struct run {
    const struct rfa_bench_options *options;
    struct rfa_options session_options;
    rfa_model *model;
    rfa_session *session;
    struct rfa_model_inputs in;
    struct rfa_plan_info plan;
    const char *ceiling_of; /* instructions; NULL: the tier has no loop */
    double ceiling, reads;  /* multiply-accumulates, bytes of weights a second */
    double open_seconds, init_seconds;
    double *samples;
    struct rfa_step_times times;
    struct rfa_thread_shares shares; /* with options->steps */
};

/* Until `seconds` have passed, at most `most` times, at least once. Sorted samples in r->samples. */
static enum rfa_status repeat(struct run *r, enum rfa_status (*what)(const struct rfa_model_inputs *, rfa_session *),
                              double seconds, size_t most, size_t *count)
{
    double end = rfa_now() + seconds;
    *count = 0;
    do {
        double start = rfa_now();
        enum rfa_status status = what(&r->in, r->session);
        if (status != RFA_OK)
            return status;
        r->samples[(*count)++] = rfa_now() - start;
    } while (*count < most && rfa_now() < end);
    rfa_bench_sort(r->samples, *count);
    return RFA_OK;
}

/* ------------------------------------------------------------------ set-up */

/* Bytes of this process that no file backs; 0 where the system does not say. */
static size_t anonymous_bytes(void)
{
    char line[128];
    size_t kib = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "RssAnon: %zu kB", &kib) == 1)
            break;
    if (file)
        fclose(file);
    return kib * 1024;
}

static enum rfa_status open_run(struct run *r, const char *path)
{
    double start = rfa_now();
    enum rfa_status status = rfa_model_open(&r->model, path, &r->session_options.log);
    r->open_seconds = rfa_now() - start;
    if (status != RFA_OK)
        return status;
    r->session_options.count_tasks = r->options->steps;
    start = rfa_now();
    status = rfa_session_create(&r->session, r->model, &r->session_options);
    r->init_seconds = rfa_now() - start;
    if (status == RFA_OK)
        status = rfa_session_plan(&r->plan, r->session);
    return status;
}

static bool open_inputs(struct run *r)
{
    size_t most = (size_t)r->options->answers;
    r->samples = malloc((most > MAX_TRIES ? most : MAX_TRIES) * sizeof *r->samples);
    return rfa_model_inputs_open(&r->in, r->model, r->session_options.frame_group) && r->samples;
}

static void measure_ceiling(struct run *r)
{
    const struct rfa_options *o = &r->session_options;
    double rate = rfa_ceiling_model(&r->ceiling_of, r->in.info.weights, rfa_cpu_tier(o->cpu_mask), o->threads);
    r->ceiling = rate > r->ceiling ? rate : r->ceiling;
}

static void close_run(struct run *r)
{
    rfa_session_end(&r->session);
    rfa_model_close(&r->model);
    rfa_model_inputs_close(&r->in);
    rfa_step_times_close(&r->times);
    free(r->samples);
}

/* ------------------------------------------------------------------ output */

static void print_machine(const struct run *r)
{
    const struct rfa_options *o = &r->session_options;
    const char *what = r->ceiling_of ? r->ceiling_of : "none";
    if (r->options->json) {
        fprintf(r->options->out,
                "{\"model\": {\"weights\": \"%s\", \"weight_bytes\": %zu, \"session_bytes\": %zu, \"open_ns\": %.0f, "
                "\"init_ns\": %.0f}, "
                "\"tier\": \"%s\", \"threads\": %d, \"group\": %u, \"ceiling\": %.6g, \"ceiling_of\": \"%s\", "
                "\"reads\": %.6g}\n",
                r->in.info.weights, r->in.info.weight_bytes, r->plan.session_bytes, r->open_seconds * 1e9,
                r->init_seconds * 1e9, rfa_cpu_tier(o->cpu_mask), o->threads, r->in.group, r->ceiling, what, r->reads);
        return;
    }
    fprintf(r->options->out, "%s weights, %.1f MiB; tier %s, %d threads, %u frames together\n", r->in.info.weights,
            (double)r->in.info.weight_bytes / 0x1p20, rfa_cpu_tier(o->cpu_mask), o->threads, r->in.group);
    fprintf(r->options->out, "ceiling       %.1f GMAC/s (%s), %.1f GB/s (a read of the weights)\n", r->ceiling * 1e-9,
            what, r->reads * 1e-9);
    fprintf(r->options->out, "open          %.2f ms; session %.2f ms\n", r->open_seconds * 1e3, r->init_seconds * 1e3);
    fprintf(r->options->out,
            "session       %.1f MiB; memory of no file %.1f MiB (this program's inputs, %.1f MiB, included)\n",
            (double)r->plan.session_bytes / 0x1p20, (double)anonymous_bytes() / 0x1p20,
            (double)rfa_model_inputs_bytes(&r->in) / 0x1p20);
}

static void print_waits(const struct run *r, const char *what, size_t count)
{
    const double *s = r->samples;
    double p50 = rfa_bench_quantile(s, count, 0.5), p99 = rfa_bench_quantile(s, count, 0.99),
           p999 = rfa_bench_quantile(s, count, 0.999);
    if (r->options->json)
        fprintf(r->options->out,
                "{\"wait\": \"%s\", \"count\": %zu, \"min_ns\": %.0f, \"p50_ns\": %.0f, \"p99_ns\": %.0f, "
                "\"p99.9_ns\": %.0f, "
                "\"max_ns\": %.0f}\n",
                what, count, s[0] * 1e9, p50 * 1e9, p99 * 1e9, p999 * 1e9, s[count - 1] * 1e9);
    else
        fprintf(r->options->out, "%-18s x %-5zu min %10.3f  p50 %10.3f  p99 %10.3f  p99.9 %10.3f  max %10.3f ms\n",
                what, count, s[0] * 1e3, p50 * 1e3, p99 * 1e3, p999 * 1e3, s[count - 1] * 1e3);
}

/* Of one group of frames, one scene, one caption, one answer. */
static void print_ops(const struct run *r)
{
    struct rfa_op_sums sums;
    rfa_step_times_sum(&sums, &r->times);
    if (!r->options->json)
        fprintf(r->options->out, "\n");
    rfa_op_print_sums(r->options->out, &sums, r->ceiling, r->options->json ? "" : NULL);
    if (r->options->steps)
        rfa_op_print_steps(r->options->out, &r->times, r->ceiling, r->options->json);
}

/* ------------------------------------------------------------------ all */

static enum rfa_status measure_clips(struct run *r, size_t *count)
{
    int threads = r->session_options.threads;
    enum rfa_status status = rfa_bench_clip(&r->in, r->session); /* pages in the weights */
    if (status == RFA_OK && r->options->steps)
        status = rfa_thread_shares_begin(&r->shares, r->session, threads);
    if (status == RFA_OK)
        status = repeat(r, rfa_bench_clip, r->options->seconds, MAX_CLIPS, count);
    if (status != RFA_OK || !r->options->steps)
        return status;
    double seconds = 0;
    for (size_t i = 0; i < *count; i++)
        seconds += r->samples[i];
    return rfa_thread_shares_end(&r->shares, r->session, *count, seconds);
}

static enum rfa_status measure(struct run *r)
{
    size_t count;
    measure_ceiling(r);
    enum rfa_status status = measure_clips(r, &count);
    if (status != RFA_OK)
        return status;
    measure_ceiling(r);
    r->reads = rfa_ceiling_weights(r->model, rfa_cpu_tier(r->session_options.cpu_mask), r->session_options.threads);
    print_machine(r);
    print_waits(r, "clip", count);
    if ((status = repeat(r, rfa_bench_caption, r->options->seconds / 4, MAX_TRIES, &count)) != RFA_OK)
        return status;
    print_waits(r, "second caption", count);
    if ((status = repeat(r, rfa_bench_answer, 60, (size_t)r->options->answers, &count)) != RFA_OK)
        return status;
    print_waits(r, "answer", count);
    if ((status = rfa_step_times_measure(&r->times, &r->in, r->session)) != RFA_OK)
        return status;
    print_ops(r);
    if (r->options->steps)
        rfa_thread_shares_print(r->options->out, &r->shares, r->options->json);
    if ((status = repeat(r, rfa_bench_frame, r->options->seconds / 4, MAX_TRIES, &count)) != RFA_OK)
        return status;
    print_waits(r, "new frame", count);
    return RFA_OK;
}

bool rfa_bench_model(const struct rfa_bench_options *options, const char *path)
{
    struct run r = {.options = options, .session_options = options->session};
    enum rfa_status status = open_run(&r, path);
    if (status == RFA_OK && !open_inputs(&r)) {
        fputs("refatom: bench: out of memory\n", stderr);
        status = RFA_ERR_NOMEM;
    }
    if (status == RFA_OK)
        status = measure(&r);
    close_run(&r);
    return status == RFA_OK;
}

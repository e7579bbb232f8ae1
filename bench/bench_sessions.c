/* Several sessions of one model at once: how many clips and how many second captions a second, and how long each takes.
 */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <stdlib.h>

#include "bench_devices.h"
#include "clock.h"
#include "error.h"
#include "timing.h"

enum { MOST_SAMPLES = 1 << 16 };

typedef enum rfa_status task(const struct rfa_model_inputs *, rfa_session *);

struct worker {
    pthread_t thread;
    rfa_session *session;
    const struct rfa_model_inputs *in;
    task *task;
    double end;
    double *seconds; /* [MOST_SAMPLES] */
    size_t count;
    enum rfa_status status;
    bool started;
};

static void *work(void *user)
{
    struct worker *w = user;
    w->status = rfa_session_attach(w->session);
    while (w->status == RFA_OK && w->count < MOST_SAMPLES && (w->count == 0 || rfa_now() < w->end)) {
        double start = rfa_now();
        w->status = w->task(w->in, w->session);
        w->seconds[w->count++] = rfa_now() - start;
    }
    return NULL;
}

/* Starts all and waits for all; seconds from the first start to the last end. The first one works here: a team that
 * idles on this thread would count among the OpenMP runtime's threads, and it lets none spin when they outnumber the
 * processors. */
static enum rfa_status run_workers(double *elapsed, struct worker *worker, int count, task *what, double seconds)
{
    double start = rfa_now();
    enum rfa_status status = RFA_OK;
    for (int i = 0; i < count; i++) {
        worker[i].task = what;
        worker[i].end = start + seconds;
        worker[i].count = 0;
        worker[i].started = false;
    }
    for (int i = 1; i < count; i++)
        worker[i].started = pthread_create(&worker[i].thread, NULL, work, &worker[i]) == 0;
    work(&worker[0]);
    for (int i = 0; i < count; i++) {
        if (worker[i].started)
            pthread_join(worker[i].thread, NULL);
        if (status == RFA_OK)
            status = i == 0 || worker[i].started ? worker[i].status : RFA_ERR_NOMEM;
    }
    *elapsed = rfa_now() - start;
    return status;
}

static enum rfa_status open_workers(struct worker *worker, int count, const rfa_model *model,
                                    const struct rfa_model_inputs *in, const struct rfa_options *options)
{
    for (int i = 0; i < count; i++) {
        worker[i].in = in;
        worker[i].seconds = malloc(MOST_SAMPLES * sizeof *worker[i].seconds);
        if (!worker[i].seconds)
            return rfa_fail(&options->log, RFA_ERR_NOMEM, "bench: no memory for %d sessions; ask for fewer", count);
        RFA_TRY(rfa_session_create(&worker[i].session, model, options));
    }
    return RFA_OK;
}

/* Quantiles over the samples of all sessions; false without memory. */
static bool sum_up(struct rfa_throughput *out, const struct worker *worker, int count, double elapsed)
{
    size_t samples = 0, n = 0;
    for (int i = 0; i < count; i++)
        samples += worker[i].count;
    double *all = malloc(samples * sizeof *all);
    if (!all)
        return false;
    for (int i = 0; i < count; i++)
        for (size_t k = 0; k < worker[i].count; k++)
            all[n++] = worker[i].seconds[k];
    rfa_bench_sort(all, samples);
    out->per_second = (double)samples / elapsed;
    out->p50 = rfa_bench_quantile(all, samples, 0.5);
    out->p99 = rfa_bench_quantile(all, samples, 0.99);
    free(all);
    return true;
}

static enum rfa_status measure(struct rfa_throughput *out, struct worker *worker, int count, task *what, double seconds)
{
    double elapsed = 0;
    RFA_TRY(run_workers(&elapsed, worker, count, what, seconds));
    return sum_up(out, worker, count, elapsed) ? RFA_OK : RFA_ERR_NOMEM;
}

enum rfa_status rfa_run_sessions(struct rfa_together *out, int sessions, const rfa_model *model,
                                 const struct rfa_model_inputs *in, const struct rfa_options *options, double seconds)
{
    struct rfa_options own = *options;
    struct worker *worker = calloc((size_t)sessions, sizeof *worker);
    own.threads = options->threads / sessions > 1 ? options->threads / sessions : 1;
    *out = (struct rfa_together){.sessions = sessions, .threads = own.threads};
    enum rfa_status status = worker ? open_workers(worker, sessions, model, in, &own) : RFA_ERR_NOMEM;
    if (status == RFA_OK)
        status = measure(&out->clips, worker, sessions, rfa_bench_clip, seconds);
    if (status == RFA_OK) /* every session has a clip now */
        status = measure(&out->captions, worker, sessions, rfa_bench_caption, seconds);
    for (int i = 0; worker && i < sessions; i++) {
        rfa_session_end(&worker[i].session);
        free(worker[i].seconds);
    }
    free(worker);
    return status;
}

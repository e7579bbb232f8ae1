/* One model on several devices, in turn: stages, ops, what a user waits for, energy, and several sessions at once. */
#include "bench_devices.h"

#include <stdlib.h>
#include <string.h>

#include "backend.h"
#include "ceiling.h"
#include "cli.h"
#include "clock.h"
#include "device_chart.h"
#include "error.h"
#include "output.h"
#include "timing.h"

enum { MIN_ROUNDS = 3 };

static const char powercap[] = "/sys/class/powercap";

struct bench {
    const struct rfa_bench_options *options;
    rfa_model *model;
    struct rfa_model_inputs in;
    struct rfa_energy energy;
    struct rfa_device_run device[RFA_BENCH_DEVICES];
    int devices;
    double group_share; /* of a clip that one group of frames is */
};

/* ------------------------------------------------------------------ set-up */

static double larger(double a, double b)
{
    return a > b ? a : b;
}

/* Measured where the backend can, the data sheet's otherwise. */
static enum rfa_status find_device_ceiling(struct rfa_device_run *d, bool int8)
{
    struct rfa_device_rates now, sheet = d->info.data_sheet;
    RFA_TRY(rfa_backend_measure(&now, d->session));
    d->data_sheet = int8 ? sheet.int8_macs : sheet.float_macs;
    d->data_sheet_reads = sheet.bytes_per_second;
    d->ceiling = larger(d->ceiling, int8 ? now.int8_macs : now.float_macs);
    d->reads = larger(d->reads, now.bytes_per_second);
    d->ceiling_of = d->reads_of = "measured";
    if (d->ceiling > 0)
        return RFA_OK;
    d->ceiling_of = d->reads_of = "data sheet";
    d->ceiling = d->data_sheet;
    d->reads = d->data_sheet_reads;
    return RFA_OK;
}

/* Just before and just after the timing: the larger counts. Weights are read after it only, since that pages them in,
 * which belongs to the first clip. */
static enum rfa_status find_ceiling(struct rfa_device_run *d, const struct bench *b)
{
    const char *weights = b->in.info.weights;
    int threads = d->options.threads;
    if (d->options.device != RFA_DEVICE_CPU)
        return find_device_ceiling(d, strcmp(weights, "int8") == 0);
    d->ceiling = larger(d->ceiling, rfa_ceiling_model(&d->ceiling_of, weights, d->info.name, threads));
    if (!d->ceiling_of)
        d->ceiling_of = "plain C has none";
    d->reads_of = "a read of the weights";
    if (d->rounds)
        d->reads = rfa_ceiling_weights(b->model, d->info.name, threads);
    return RFA_OK;
}

static enum rfa_status open_device(struct bench *b, struct rfa_device_run *d)
{
    double start = rfa_now();
    d->options.frame_group = b->in.group;
    RFA_TRY(rfa_session_create(&d->session, b->model, &d->options));
    d->open_seconds = rfa_now() - start;
    rfa_session_device(&d->info, d->session);
    snprintf(d->title, sizeof d->title, "%s, %s", d->info.device, d->info.name);
    RFA_TRY(find_ceiling(d, b));
    start = rfa_now();
    RFA_TRY(rfa_bench_clip(&b->in, d->session));
    d->first_seconds = rfa_now() - start;
    return RFA_OK;
}

static enum rfa_status open_bench(struct bench *b, const char *path)
{
    const struct rfa_bench_options *o = b->options;
    RFA_TRY(rfa_model_open(&b->model, path, &o->session.log));
    if (!rfa_model_inputs_open(&b->in, b->model, o->session.frame_group))
        return rfa_fail(&o->session.log, RFA_ERR_NOMEM, "bench: no memory for the inputs; close other programs");
    b->group_share = (double)b->in.group / (double)b->in.info.frames;
    const char *pci = NULL; /* of the GPU, where there is one: sessions take the thread's current one */
    for (int i = 0; i < o->devices; i++) {
        b->device[i] = (struct rfa_device_run){.options = o->device[i]};
        b->devices++;
        RFA_TRY(open_device(b, &b->device[i]));
        pci = b->device[i].info.pci ? b->device[i].info.pci : pci;
    }
    rfa_energy_open(&b->energy, powercap, pci);
    return RFA_OK;
}

static void close_bench(struct bench *b)
{
    for (int i = 0; i < b->devices; i++)
        rfa_session_end(&b->device[i].session);
    rfa_energy_close(&b->energy);
    rfa_model_inputs_close(&b->in);
    rfa_model_close(&b->model);
}

/* ------------------------------------------------------------------ one session */

static enum rfa_status timed(double *seconds, struct bench *b, rfa_session *s,
                             enum rfa_status (*what)(const struct rfa_model_inputs *, rfa_session *))
{
    double start = rfa_now();
    RFA_TRY(what(&b->in, s));
    *seconds = rfa_now() - start;
    return RFA_OK;
}

/* A clip and a second caption, and the energy of the clip. */
static enum rfa_status one_round(struct bench *b, struct rfa_device_run *d)
{
    static enum rfa_status (*const stage[])(const struct rfa_model_inputs *, rfa_session *) = {
        rfa_bench_vision, rfa_bench_scene, rfa_bench_text, rfa_bench_answer};
    struct rfa_energy_reading before, after;
    size_t n = d->rounds;
    d->seconds[RFA_PART_CLIP][n] = 0;
    rfa_energy_read(&before, &b->energy);
    for (int i = 0; i < 4; i++) {
        RFA_TRY(timed(&d->seconds[i][n], b, d->session, stage[i]));
        d->seconds[RFA_PART_CLIP][n] += d->seconds[i][n];
    }
    rfa_energy_read(&after, &b->energy);
    d->cpu_joules += rfa_energy_cpu(&b->energy, &before, &after);
    d->gpu_joules += rfa_energy_gpu(&b->energy, &before, &after);
    RFA_TRY(timed(&d->seconds[RFA_PART_CAPTION][n], b, d->session, rfa_bench_caption));
    d->rounds++;
    return RFA_OK;
}

/* Devices take turns, so that a slow moment of the machine meets all of them. */
static enum rfa_status run_rounds(struct bench *b)
{
    double end = rfa_now() + b->options->seconds;
    for (int round = 0; round < RFA_BENCH_ROUNDS && (round < MIN_ROUNDS || rfa_now() < end); round++)
        for (int i = 0; i < b->devices; i++)
            RFA_TRY(one_round(b, &b->device[i]));
    for (int i = 0; i < b->devices; i++)
        for (int part = 0; part < RFA_PARTS; part++) {
            rfa_bench_sort(b->device[i].seconds[part], b->device[i].rounds);
            b->device[i].median[part] = rfa_bench_quantile(b->device[i].seconds[part], b->device[i].rounds, 0.5);
        }
    return RFA_OK;
}

/* Work of a clip's stages, and times of ops. A device must run step by step for these, in a session of its own. */
static enum rfa_status run_steps(struct bench *b, struct rfa_device_run *d)
{
    rfa_session *steps = d->session;
    d->options.step_times = true;
    if (d->options.device != RFA_DEVICE_CPU)
        RFA_TRY(rfa_session_create(&steps, b->model, &d->options));
    struct rfa_step_times times = {.steps = 0};
    enum rfa_status status = rfa_bench_clip(&b->in, steps); /* a new session has no frames yet */
    if (status == RFA_OK)
        status = rfa_step_times_measure(&times, &b->in, steps);
    if (status == RFA_OK)
        rfa_step_times_sum(&d->ops, &times);
    rfa_step_times_close(&times);
    if (steps != d->session)
        rfa_session_end(&steps);
    d->options.step_times = false;
    for (int i = 0; i < d->ops.count; i++)
        for (int part = 0; part < 4; part++)
            if (strcmp(d->ops.sum[i].op, "total") == 0 && strcmp(d->ops.sum[i].stage, rfa_part_name[part]) == 0)
                d->macs[part] = d->ops.sum[i].macs / (part == RFA_PART_VISION ? b->group_share : 1.0);
    for (int part = 0; part < 4; part++)
        d->macs[RFA_PART_CLIP] += d->macs[part];
    d->macs[RFA_PART_CAPTION] = d->macs[RFA_PART_TEXT] + d->macs[RFA_PART_ANSWER];
    return status;
}

static enum rfa_status run_devices(struct bench *b)
{
    RFA_TRY(run_rounds(b));
    for (int i = 0; i < b->devices; i++) {
        struct rfa_device_run *d = &b->device[i];
        RFA_TRY(find_ceiling(d, b));
        RFA_TRY(run_steps(b, d));
        rfa_session_end(&d->session); /* the device's memory is for several sessions now */
        for (int k = 0; k < b->options->session_counts; k++)
            RFA_TRY(rfa_run_sessions(&d->together[k], b->options->sessions[k], b->model, &b->in, &d->options,
                                     b->options->seconds / 4));
        d->together_count = b->options->session_counts;
    }
    return RFA_OK;
}

/* ------------------------------------------------------------------ all */

static enum rfa_status write_chart(const struct bench *b)
{
    struct rfa_output output;
    FILE *out = rfa_output_open(&output, b->options->svg, &b->options->session.log);
    if (!out)
        return RFA_ERR_IO;
    rfa_device_chart(out, b->device, b->devices);
    return rfa_output_close(&output, out, RFA_OK);
}

bool rfa_bench_devices(const struct rfa_bench_options *options, const char *path)
{
    struct bench *b = calloc(1, sizeof *b);
    enum rfa_status status = RFA_ERR_NOMEM;
    if (b) {
        b->options = options;
        status = open_bench(b, path);
        status = status == RFA_OK ? run_devices(b) : status;
        if (status == RFA_OK)
            (options->json ? rfa_device_report_json : rfa_device_report)(options->out, b->device, b->devices,
                                                                         &b->energy);
        if (status == RFA_OK && options->svg)
            status = write_chart(b);
        close_bench(b);
    } else {
        rfa_fail(&options->session.log, status, "bench: no memory for the results; close other programs");
    }
    free(b);
    return status == RFA_OK;
}

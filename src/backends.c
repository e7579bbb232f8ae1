/* Which devices this build has, and the step loop of a session that runs on one. The only place that asks how the
 * library was configured. */
#include "backend.h"

#include <string.h>

#include "arena_guard.h"
#include "clock.h"
#include "ops.h"

#if RFA_WITH_CUDA
extern const struct rfa_backend rfa_backend_cuda;
static const struct rfa_backend *const cuda = &rfa_backend_cuda;
#else
static const struct rfa_backend *const cuda = NULL;
#endif

const struct rfa_backend *rfa_backend_of(enum rfa_device device)
{
    return device == RFA_DEVICE_CUDA ? cuda : NULL;
}

enum rfa_status rfa_device_by_name(enum rfa_device *device, const char *name)
{
    if (!device || !name)
        return RFA_ERR_ARG;
    *device = RFA_DEVICE_CPU;
    if (strcmp(name, "cpu") == 0)
        return RFA_OK;
    *device = RFA_DEVICE_CUDA;
    return strcmp(name, "cuda") == 0 ? RFA_OK : RFA_ERR_ARG;
}

enum rfa_status rfa_backend_check(const struct rfa_options *o)
{
    if (o->device == RFA_DEVICE_CPU)
        return RFA_OK;
    if (o->device != RFA_DEVICE_CUDA)
        return rfa_fail(&o->log, RFA_ERR_ARG, "options.device is %d; use a value of enum rfa_device", (int)o->device);
    if (!cuda)
        return rfa_fail(&o->log, RFA_ERR_UNSUPPORTED,
                        "device cuda: this build has no CUDA backend; build with RFA_CUDA=ON or use the CPU");
    if (o->blas || o->low_memory)
        return rfa_fail(&o->log, RFA_ERR_ARG, "device cuda: options.%s is for the CPU; leave it off or use the CPU",
                        o->blas ? "blas" : "low_memory");
    return RFA_OK;
}

void rfa_session_device(struct rfa_device_info *info, const rfa_session *s)
{
    *info = (struct rfa_device_info){.device = "cpu", .name = rfa_cpu_tier(s->options.cpu_mask)};
    if (s->backend)
        s->backend->describe(s->device, info);
}

enum rfa_status rfa_backend_measure(struct rfa_device_rates *rates, const struct rfa_session *s)
{
    *rates = (struct rfa_device_rates){0};
    return s->backend && s->backend->measure ? s->backend->measure(s->device, s, rates) : RFA_OK;
}

/* ------------------------------------------------------------------ running */

/* Inputs that the caller writes before the stage. */
static enum rfa_status put_inputs(struct rfa_session *s, enum rfa_stage stage)
{
    const struct rfa_ports *p = &s->model->graph.port;
    const int input[] = {p->frames, p->key_frame, p->sentence_ids, p->keyword_ids};
    static const enum rfa_stage reader[] = {RFA_STAGE_VISION, RFA_STAGE_SCENE, RFA_STAGE_TEXT, RFA_STAGE_TEXT};
    for (int i = 0; i < 4; i++)
        if (reader[i] == stage && input[i] != RFA_NONE)
            RFA_TRY(s->backend->put(s->device, s, input[i]));
    return RFA_OK;
}

/* What the caller may read after the stage. */
static enum rfa_status get_results(struct rfa_session *s, enum rfa_stage stage)
{
    const struct rfa_ports *p = &s->model->graph.port;
    const int result[] = {p->logits,    p->probabilities, p->box,         p->keyword_index, p->keyword_margin,
                          p->box_index, p->box_margin,    p->detr_logits, p->detr_boxes};
    for (size_t i = 0; i < sizeof result / sizeof result[0]; i++) {
        int producer = result[i] == RFA_NONE ? RFA_NONE : rfa_tensor(s, result[i])->producer;
        if (producer != RFA_NONE && s->model->graph.step[producer].stage == stage)
            RFA_TRY(s->backend->get(s->device, s, result[i]));
    }
    return RFA_OK;
}

/* What is traced after this step, into the host's arena. */
static enum rfa_status get_traced(struct rfa_session *s, int step)
{
    const struct rfa_graph *g = &s->model->graph;
    for (int i = 0; i < g->trace_count; i++)
        if (g->trace[i].step == step)
            RFA_TRY(s->backend->get(s->device, s, g->trace[i].tensor));
    return RFA_OK;
}

static enum rfa_status run_steps(struct rfa_session *s, int first, int end)
{
    for (int i = first; i < end; i++) {
        double start = rfa_now();
        if (i > first) /* the first step's blocks hold the inputs: rfa_begin_stage */
            rfa_guard_enter(s, i);
        RFA_TRY(s->backend->run(s->device, s, i, i + 1));
        RFA_TRY(s->backend->sync(s->device, s));
        s->seconds[i] = rfa_now() - start;
        if (s->options.trace)
            RFA_TRY(get_traced(s, i));
        rfa_emit_after(s, i);
        if (s->observe)
            s->observe(s->observe_user, s, i);
        rfa_guard_leave(s, i);
    }
    return RFA_OK;
}

/* All at once: the first step carries the whole stage's time. */
static enum rfa_status run_whole(struct rfa_session *s, int first, int end)
{
    double start = rfa_now();
    RFA_TRY(s->backend->run(s->device, s, first, end));
    RFA_TRY(s->backend->sync(s->device, s));
    memset(s->seconds + first, 0, (size_t)(end - first) * sizeof *s->seconds);
    s->seconds[first] = rfa_now() - start;
    for (int i = first; i < end; i++) {
        if (i > first)
            rfa_guard_enter(s, i);
        rfa_guard_leave(s, i);
    }
    return RFA_OK;
}

enum rfa_status rfa_backend_run_stage(struct rfa_session *s, enum rfa_stage stage)
{
    const int *begin = &s->model->graph.stage_begin[stage];
    bool single = s->options.trace || s->options.step_times || s->observe;
    RFA_TRY(put_inputs(s, stage));
    RFA_TRY(single ? run_steps(s, begin[0], begin[1]) : run_whole(s, begin[0], begin[1]));
    return get_results(s, stage);
}

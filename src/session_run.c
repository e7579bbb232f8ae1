/* The step loop of a session on the CPU, and what is told after every step. */
#include "arena_guard.h"
#include "backend.h"
#include "clock.h"
#include "file_map.h"
#include "ops.h"

static void emit(const struct rfa_session *s, const struct rfa_trace_point *p)
{
    size_t units = s->rows[p->var];
    struct rfa_trace t = {.name = p->name,
                          .element =
                              rfa_tensor(s, p->tensor)->type == RFA_TENSOR_I32 ? RFA_ELEMENT_I32 : RFA_ELEMENT_F32,
                          .rank = p->rank,
                          .dim = {p->dim[0] * units, p->dim[1], p->dim[2]},
                          .count = p->dim[0] * units,
                          .repeat = 1,
                          .data = rfa_data(s, p->tensor)};
    if (p->var == RFA_VAR_FRAMES) {
        t.dim[0] = p->dim[0] * s->model->config.frames;
        t.first = s->slot;
    }
    if (rfa_rows(s, p->tensor) == 1 && p->rank == 2 && p->var == RFA_VAR_ONE && t.count > 1) {
        t.repeat = t.count; /* identical rows are computed once */
        t.count = 1;
    }
    s->options.trace(s->options.trace_user, &t);
}

void rfa_emit_after(const struct rfa_session *s, int step)
{
    const struct rfa_graph *g = &s->model->graph;
    for (int i = 0; s->options.trace && i < g->trace_count; i++)
        if (g->trace[i].step == step)
            emit(s, &g->trace[i]);
}

/* Weights on their way through a memory smaller than the model: the next step's are asked for while this one computes,
 * and a step's are given back when it is done. */
static void advise_weights(const struct rfa_session *s, int step, enum rfa_file_advice advice)
{
    const struct rfa_graph *g = &s->model->graph;
    if (!s->options.low_memory || !s->model->map || step >= g->step_count || g->step[step].op == RFA_OP_EMBED)
        return;
    const struct rfa_weight *weight[] = {&g->step[step].w, &g->step[step].w2};
    for (int i = 0; i < 2; i++)
        rfa_file_advise(weight[i]->data, rfa_weight_bytes(weight[i]), advice);
}

/* Steps that take a core less than some ten microseconds are not worth waking the team for; on a busy machine, where a
 * thread may have to wait for a processor, far from it. */
static bool is_small(const struct rfa_session *s, const struct rfa_step *step)
{
    static const double small_macs = 5e5, small_values = 2e4;
    int out = step->out[0] != RFA_NONE ? step->out[0] : step->out[1];
    double values = (double)rfa_rows(s, out) * (double)rfa_cols(s, out);
    double states = step->op == RFA_OP_SCAN ? (double)step->p.mamba.states : 1.0;
    return values * states < small_values && (!rfa_ops[step->op].macs || rfa_ops[step->op].macs(s, step) < small_macs);
}

void rfa_begin_stage(const struct rfa_session *s, enum rfa_stage stage)
{
    rfa_guard_enter(s, s->model->graph.stage_begin[stage]);
}

enum rfa_status rfa_run_stage(struct rfa_session *s, enum rfa_stage stage)
{
    const struct rfa_graph *g = &s->model->graph;
    if (s->backend)
        return rfa_backend_run_stage(s, stage);
    advise_weights(s, g->stage_begin[stage], RFA_FILE_WILL_NEED);
    for (int i = g->stage_begin[stage]; i < g->stage_begin[stage + 1]; i++) {
        double start = rfa_now();
        if (i > g->stage_begin[stage]) /* the first step's blocks hold the inputs: rfa_begin_stage */
            rfa_guard_enter(s, i);
        advise_weights(s, i + 1, RFA_FILE_WILL_NEED);
        s->team.alone = is_small(s, &g->step[i]);
        rfa_ops[g->step[i].op].run(s, &g->step[i]);
        advise_weights(s, i, RFA_FILE_DONT_NEED);
        s->seconds[i] = rfa_now() - start;
        rfa_emit_after(s, i);
        if (s->observe)
            s->observe(s->observe_user, s, i);
        rfa_guard_leave(s, i);
    }
    s->team.alone = false;
    return RFA_OK;
}

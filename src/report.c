/* What a session will do and did, in numbers: the plan, the steps, the threads. */
#include "ops.h"

const char *rfa_stage_name(int stage)
{
    static const char *const name[RFA_STAGE_COUNT] = {"vision", "scene", "text", "answer"};
    return stage >= 0 && stage < RFA_STAGE_COUNT ? name[stage] : NULL;
}

/* ------------------------------------------------------------------ plan */

static const char *block_stage(const struct rfa_graph *g, const struct rfa_block *b)
{
    return rfa_stage_name((int)g->step[b->first].stage);
}

static size_t live_bytes(const rfa_session *s, int step)
{
    size_t bytes = 0;
    for (int i = 0; i < s->block_count; i++)
        if (s->block[i].first <= step && step <= s->block[i].last)
            bytes += s->block[i].bytes;
    return bytes;
}

enum rfa_status rfa_session_plan(struct rfa_plan_info *plan, const rfa_session *s)
{
    RFA_TRY(rfa_check_session(s));
    if (!plan)
        return rfa_fail(&s->options.log, RFA_ERR_ARG,
                        "rfa_session_plan: the result is NULL; pass the address of a struct rfa_plan_info");
    const struct rfa_graph *g = &s->model->graph;
    *plan = (struct rfa_plan_info){.session_bytes = s->total_bytes,
                                   .arena_bytes = s->arena_bytes,
                                   .lower_bound = rfa_plan_lower_bound(s->block, s->block_count, g->step_count),
                                   .steps = g->step_count,
                                   .blocks = s->block_count};
    for (int i = 0; i < s->block_count; i++)
        plan->unshared_bytes += s->block[i].bytes;
    plan->row_block_bytes = rfa_row_block_bytes(&s->options);
    for (int i = 0; i < g->step_count; i++) {
        size_t live = live_bytes(s, i), *peak = &plan->stage_peak[g->step[i].stage];
        *peak = live > *peak ? live : *peak;
    }
    return RFA_OK;
}

/* A weight with what belongs to it. */
static size_t matrix_bytes(const struct rfa_weight *w)
{
    size_t n = w->type == RFA_TYPE_I8 ? rfa_round_up(w->n, 16) : w->n;
    return rfa_weight_bytes(w) + (w->scale ? n * sizeof *w->scale : 0) + (w->sum ? n * sizeof *w->sum : 0) +
           (w->bias ? n * sizeof *w->bias : 0);
}

enum rfa_status rfa_session_step(struct rfa_step_info *info, const rfa_session *s, int i)
{
    RFA_TRY(rfa_check_session(s));
    if (!info)
        return rfa_fail(&s->options.log, RFA_ERR_ARG,
                        "rfa_session_step: the result is NULL; pass the address of a struct rfa_step_info");
    const struct rfa_graph *g = &s->model->graph;
    if (i < 0 || i >= g->step_count)
        return rfa_fail(&s->options.log, RFA_ERR_ARG, "step %d does not exist; the model has %d", i, g->step_count);
    const struct rfa_step *step = &g->step[i];
    int out = step->out[0] != RFA_NONE ? step->out[0] : step->out[1];
    /* An embedding reads a few rows of its tables, not the tables. */
    bool table = step->op == RFA_OP_EMBED;
    *info = (struct rfa_step_info){.stage = rfa_stage_name((int)step->stage),
                                   .op = rfa_ops[step->op].name,
                                   .name = step->name,
                                   .rows = rfa_max_rows(s, out),
                                   .cols = rfa_cols(s, out),
                                   .macs = rfa_ops[step->op].macs ? rfa_ops[step->op].macs(s, step) : 0,
                                   .weight_bytes = table ? 0 : matrix_bytes(&step->w) + matrix_bytes(&step->w2),
                                   .seconds = s->seconds[i]};
    info->arena_bytes = live_bytes(s, i);
    return RFA_OK;
}

enum rfa_status rfa_session_block(struct rfa_block_info *info, const rfa_session *s, int i)
{
    RFA_TRY(rfa_check_session(s));
    if (!info)
        return rfa_fail(&s->options.log, RFA_ERR_ARG,
                        "rfa_session_block: the result is NULL; pass the address of a struct rfa_block_info");
    const struct rfa_graph *g = &s->model->graph;
    if (i < 0 || i >= s->block_count)
        return rfa_fail(&s->options.log, RFA_ERR_ARG, "block %d does not exist; the plan has %d", i, s->block_count);
    const struct rfa_block *b = &s->block[i];
    bool scratch = i >= g->tensor_count;
    int step = scratch ? i - g->tensor_count : g->tensor[i].producer;
    *info = (struct rfa_block_info){.stage = block_stage(g, b),
                                    .name = step == RFA_NONE ? "input" : g->step[step].name,
                                    .offset = b->offset,
                                    .bytes = b->bytes,
                                    .first_step = b->first,
                                    .last_step = b->last,
                                    .kept = !scratch && g->tensor[i].kept,
                                    .scratch = scratch};
    if (info->kept && step != RFA_NONE)
        info->stage = rfa_stage_name((int)g->step[step].stage);
    return RFA_OK;
}

enum rfa_status rfa_session_thread(struct rfa_thread_info *info, const rfa_session *s, int i)
{
    RFA_TRY(rfa_check_session(s));
    if (!info)
        return rfa_fail(&s->options.log, RFA_ERR_ARG,
                        "rfa_session_thread: the result is NULL; pass the address of a struct rfa_thread_info");
    if (!s->work)
        return rfa_fail(&s->options.log, RFA_ERR_ARG,
                        "rfa_session_thread: nothing was counted; set options.count_tasks before the session begins");
    if (i < 0 || i >= s->options.threads)
        return rfa_fail(&s->options.log, RFA_ERR_ARG, "thread %d does not exist; the session has %d", i,
                        s->options.threads);
    const struct rfa_thread_work *w = &s->work[i];
    *info = (struct rfa_thread_info){.tasks = w->tasks, .seconds = w->seconds, .core = w->core, .moves = w->moves};
    return RFA_OK;
}

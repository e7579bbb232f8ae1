#define _POSIX_C_SOURCE 200809L
#include "lockstep.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend.h"
#include "ops.h"
#include "quant.h"

struct rfa_lockstep_side {
    struct rfa_lockstep *both;
    enum rfa_side which;
    const struct rfa_result_view *waiting; /* for the other side to bring the same */
    bool left;                             /* it runs no more */
    enum rfa_status status;
};

struct rfa_lockstep {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct rfa_lockstep_side side[2];
    const struct rfa_lockstep_job *job;
    bool parted; /* the sides brought different things, or one of them stopped early: nothing is judged any more */
    char at[128];
};

struct rfa_lockstep *rfa_lockstep_new(struct rfa_lockstep_side *side[2])
{
    struct rfa_lockstep *both = calloc(1, sizeof *both);
    if (!both || pthread_mutex_init(&both->mutex, NULL) != 0 || pthread_cond_init(&both->changed, NULL) != 0) {
        free(both);
        return NULL;
    }
    for (int i = 0; i < 2; i++) {
        both->side[i] = (struct rfa_lockstep_side){.both = both, .which = (enum rfa_side)i};
        side[i] = &both->side[i];
    }
    return both;
}

void rfa_lockstep_free(struct rfa_lockstep *both)
{
    if (!both)
        return;
    pthread_cond_destroy(&both->changed);
    pthread_mutex_destroy(&both->mutex);
    free(both);
}

/* ------------------------------------------------------------------ meeting */

static bool same(const struct rfa_result_view *a, const struct rfa_result_view *b)
{
    return strcmp(a->name, b->name) == 0 && a->step == b->step && a->element == b->element && a->rank == b->rank &&
           memcmp(a->dim, b->dim, sizeof a->dim) == 0 && a->first == b->first && a->count == b->count;
}

static void part(struct rfa_lockstep *both, const char *at)
{
    both->parted = true;
    snprintf(both->at, sizeof both->at, "%s", at);
}

/* The second to arrive judges; the first sleeps until that is done or the other has left. */
static void meet(struct rfa_lockstep_side *mine, const struct rfa_result_view *view)
{
    struct rfa_lockstep *both = mine->both;
    struct rfa_lockstep_side *other = &both->side[!mine->which];
    pthread_mutex_lock(&both->mutex);
    if (both->parted || other->left) {
        if (!both->parted)
            part(both, view->name);
    } else if (other->waiting) {
        const struct rfa_result_view *left = mine->which == RFA_LEFT ? view : other->waiting;
        const struct rfa_result_view *right = mine->which == RFA_LEFT ? other->waiting : view;
        if (same(left, right))
            both->job->judge(both->job->user, left, right);
        else
            part(both, view->name);
        other->waiting = NULL;
    } else {
        mine->waiting = view;
        pthread_cond_broadcast(&both->changed);
        while (mine->waiting && !other->left)
            pthread_cond_wait(&both->changed, &both->mutex);
        if (mine->waiting)
            part(both, view->name);
        mine->waiting = NULL;
    }
    pthread_cond_broadcast(&both->changed);
    pthread_mutex_unlock(&both->mutex);
}

void rfa_lockstep_trace(void *side, const struct rfa_trace *t)
{
    size_t row = 1;
    for (uint32_t i = 1; i < t->rank; i++)
        row *= t->dim[i];
    struct rfa_result_view view = {.name = t->name,
                                   .step = -1,
                                   .element = t->element,
                                   .rank = t->rank,
                                   .first = t->first * row,
                                   .count = t->count * row,
                                   .data = t->data};
    memcpy(view.dim, t->dim, sizeof view.dim);
    meet(side, &view);
}

/* Int8 rows, padding included, and then their scales. */
static void meet_int8(struct rfa_lockstep_side *mine, const struct rfa_session *s, int id, struct rfa_result_view view)
{
    bool map = rfa_tensor(s, id)->type == RFA_TENSOR_Q8_MAP;
    size_t scales = map ? 1 : view.dim[0];
    view.dim[1] = map ? rfa_map_row_bytes(view.dim[1]) : rfa_row_bytes(view.dim[1]);
    view.count = view.dim[0] * view.dim[1];
    view.int8 = true;
    view.mask = s->backend ? 0 : s->kernels.gemm_s8->a_xor;
    meet(mine, &view);
    view = (struct rfa_result_view){
        .name = view.name, .step = view.step, .rank = 1, .dim = {scales}, .count = scales, .data = rfa_scales(s, id)};
    meet(mine, &view);
}

/* A store is not looked at: it leaves the places of later frames unwritten. */
static void after_step(void *user, const struct rfa_session *s, int step)
{
    struct rfa_lockstep_side *mine = user;
    const struct rfa_step *done = &s->model->graph.step[step];
    for (int i = 0; i < RFA_STEP_OUTPUTS && done->op != RFA_OP_STORE; i++) {
        int id = done->out[i];
        if (id == RFA_NONE)
            continue;
        if (s->backend && s->backend->get(s->device, s, id) != RFA_OK)
            continue; /* the next step fails as well, and tells */
        enum rfa_tensor_type type = rfa_tensor(s, id)->type;
        struct rfa_result_view view = {.name = done->name[0] ? done->name : rfa_ops[done->op].name,
                                       .step = step,
                                       .element = type == RFA_TENSOR_I32 ? RFA_ELEMENT_I32 : RFA_ELEMENT_F32,
                                       .rank = 2,
                                       .dim = {rfa_rows(s, id), rfa_cols(s, id)},
                                       .count = rfa_rows(s, id) * rfa_cols(s, id),
                                       .data = rfa_data(s, id)};
        if (type == RFA_TENSOR_Q8 || type == RFA_TENSOR_Q8_MAP)
            meet_int8(mine, s, id, view);
        else
            meet(mine, &view);
    }
}

/* ------------------------------------------------------------------ both */

static void run_side(struct rfa_lockstep_side *mine)
{
    struct rfa_lockstep *both = mine->both;
    enum rfa_status status = both->job->run(both->job->user, mine->which);
    pthread_mutex_lock(&both->mutex);
    mine->status = status;
    mine->left = true;
    pthread_cond_broadcast(&both->changed);
    pthread_mutex_unlock(&both->mutex);
}

static void *right_side(void *user)
{
    run_side(user);
    return NULL;
}

enum rfa_status rfa_lockstep_run(struct rfa_lockstep *both, const struct rfa_lockstep_job *job)
{
    pthread_t thread;
    both->job = job;
    for (int i = 0; i < 2 && job->steps; i++) {
        job->session[i]->observe = after_step;
        job->session[i]->observe_user = &both->side[i];
    }
    if (pthread_create(&thread, NULL, right_side, &both->side[RFA_RIGHT]) != 0)
        return rfa_fail(job->log, RFA_ERR_NOMEM, "no thread for the second session; close other programs");
    run_side(&both->side[RFA_LEFT]);
    pthread_join(thread, NULL);
    for (int i = 0; i < 2; i++)
        if (both->side[i].status != RFA_OK)
            return both->side[i].status;
    if (both->parted)
        return rfa_fail(job->log, RFA_ERR_SHAPE,
                        "at '%s' the two models compute different tensors; compare models of the same configuration",
                        both->at);
    return RFA_OK;
}

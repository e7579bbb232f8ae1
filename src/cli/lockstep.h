/* Two sessions side by side, each in a thread of its own, that wait for each other after every step: what both have
 * just computed lies before the judge at the same time, so nothing is stored. */
#ifndef RFA_CLI_LOCKSTEP_H
#define RFA_CLI_LOCKSTEP_H

#include "session.h"

enum rfa_side { RFA_LEFT, RFA_RIGHT };

/* A result as one side has it: a named tensor (step -1) or what a step wrote. */
struct rfa_result_view {
    const char *name;
    int step;
    enum rfa_element element;
    uint32_t rank;
    size_t dim[4];       /* of the whole tensor */
    size_t first, count; /* values of the tensor that `data` holds: first ... first + count - 1 */
    bool int8;           /* `data` holds bytes, each flipped by `mask`; `element` means nothing then */
    uint8_t mask;
    const void *data;
};

struct rfa_lockstep_job {
    rfa_session *session[2]; /* whose options.trace is rfa_lockstep_trace, and options.trace_user side[i] */
    struct rfa_lockstep_side *side[2];
    bool steps; /* both have the same graph: compare what every step writes */
    /* Everything from inputs to answer; called once on each side's thread. */
    enum rfa_status (*run)(void *user, enum rfa_side side);
    /* Called on either thread, one call at a time. */
    void (*judge)(void *user, const struct rfa_result_view *left, const struct rfa_result_view *right);
    void *user;
    const struct rfa_log *log;
};

/* Memory for both sides' places, needed before the sessions are made; NULL without memory. */
struct rfa_lockstep *rfa_lockstep_new(struct rfa_lockstep_side *side[2]);
void rfa_lockstep_free(struct rfa_lockstep *lockstep);

void rfa_lockstep_trace(void *side, const struct rfa_trace *tensor);

/* Runs both to the end. The first failure of a run; RFA_ERR_SHAPE where they do not compute the same tensors. */
RFA_CHECKED enum rfa_status rfa_lockstep_run(struct rfa_lockstep *lockstep, const struct rfa_lockstep_job *job);

#endif

/* The results file of an evaluation, which goes on where an earlier one stopped. */
#ifndef RFA_CLI_EVAL_RESULTS_H
#define RFA_CLI_EVAL_RESULTS_H

#include "clip_groups.h"
#include "results.h"

struct rfa_eval_results {
    const char *path, *annotations; /* the latter for messages */
    struct rfa_results_run run;     /* of this evaluation */
    struct rfa_samples done;        /* what the file held at the beginning, sorted */
    FILE *out;
};

/* Opens the file for this process alone and reads what it holds, which must be of the same run and of samples of these
 * clips. `retry`: what had no answer is taken out of it; where that fails, the file stays as it was. path, annotations,
 * run, done.log and done.classes must be set. The caller closes `out` and frees `done`, also after a failure. */
RFA_CHECKED enum rfa_status rfa_eval_results_open(struct rfa_eval_results *results, const struct rfa_clip_groups *clips,
                                                  bool retry);

#endif

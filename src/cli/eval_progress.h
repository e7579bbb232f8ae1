/* What an evaluation shows on standard error while it works: how far it is, and the first messages about clips. */
#ifndef RFA_CLI_EVAL_PROGRESS_H
#define RFA_CLI_EVAL_PROGRESS_H

#include "refatom.h"

struct rfa_eval_progress {
    const char *results;     /* file that has all failures */
    char message[1024];      /* the last failure */
    int listed, noted;       /* failures and notices on the screen */
    size_t answered, failed; /* samples of this run */
    size_t clips_done, clips_left;
    double started;
};

/* For options.log while clips are read: the first failures and notices are shown, and `message` keeps the last failure.
 * Valid as long as the progress. */
struct rfa_log rfa_eval_progress_log(struct rfa_eval_progress *progress);

/* Nothing where standard error is no terminal. */
void rfa_eval_progress_show(const struct rfa_eval_progress *progress);

/* Takes the line away, and counts the failures. */
void rfa_eval_progress_end(const struct rfa_eval_progress *progress);

#endif

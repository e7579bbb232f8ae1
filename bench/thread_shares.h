/* What share of a model's work each thread of the team did: even where the cores are alike and have nothing else to do.
 */
#ifndef RFA_BENCH_THREAD_SHARES_H
#define RFA_BENCH_THREAD_SHARES_H

#include <stdbool.h>
#include <stdio.h>

#include "cores.h"
#include "refatom.h"

struct rfa_thread_shares {
    int threads;
    struct rfa_thread_info thread[RFA_MAX_CORES];
    double seconds; /* on the wall */
    size_t clips;
};

/* Counts from here, of a session with options.count_tasks and so many threads, */
RFA_CHECKED enum rfa_status rfa_thread_shares_begin(struct rfa_thread_shares *shares, const rfa_session *session,
                                                    int threads);

/* to here, where so many clips are through in so many seconds. */
RFA_CHECKED enum rfa_status rfa_thread_shares_end(struct rfa_thread_shares *shares, const rfa_session *session,
                                                  size_t clips, double seconds);

/* A table of one line a thread, or JSON: means of a clip, and shares of all threads' tasks and busy time. */
void rfa_thread_shares_print(FILE *out, const struct rfa_thread_shares *shares, bool json);

#endif

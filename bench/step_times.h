/* Times of a session's steps, each the median of several runs; their sums by stage, network and op; both as rows. */
#ifndef RFA_BENCH_STEP_TIMES_H
#define RFA_BENCH_STEP_TIMES_H

#include <stdio.h>

#include "model_inputs.h"

enum { RFA_STEP_RUNS = 5, RFA_MAX_OP_SUMS = 64 };

struct rfa_step_times {
    const rfa_session *session;
    int steps;
    double *seconds; /* [steps][RFA_STEP_RUNS], each step's sorted */
};

/* Sums over the steps of one stage and op, of a network within a stage ("vit.*"), or of a whole stage ("total"). */
struct rfa_op_sum {
    const char *stage;
    char op[16];
    double seconds, macs, weight_bytes;
    int steps;
};

struct rfa_op_sums {
    struct rfa_op_sum sum[RFA_MAX_OP_SUMS];
    int count;
};

/* Runs one group of frames, one scene, one caption and one answer a few times. Close it in any case. */
RFA_CHECKED enum rfa_status rfa_step_times_measure(struct rfa_step_times *times, const struct rfa_model_inputs *in,
                                                   rfa_session *session);
void rfa_step_times_close(struct rfa_step_times *times);

/* Step i with the median of its times; false behind the last one. */
bool rfa_step_times_get(struct rfa_step_info *step, const struct rfa_step_times *times, int i);

void rfa_step_times_sum(struct rfa_op_sums *sums, const struct rfa_step_times *times);

/* Share of a ceiling in multiply-accumulates a second; 0 where that is not known, which is 0 itself. */
double rfa_op_share(double macs, double seconds, double ceiling);

/* Four columns of a table, with their head. */
#define RFA_OP_TIMES_HEAD "         ms         GMAC     GMAC/s    share"
void rfa_op_print_times(FILE *out, double macs, double seconds, double ceiling);

/* Rows of ops: `keys` is what their JSON objects begin with ("" or, say, "\"device\": 1, "), NULL makes a table. */
void rfa_op_print_sums(FILE *out, const struct rfa_op_sums *sums, double ceiling, const char *keys);
void rfa_op_print_steps(FILE *out, const struct rfa_step_times *times, double ceiling, bool json);

#endif

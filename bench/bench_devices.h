/* What `refatom bench model --devices` finds out about each device. */
#ifndef RFA_BENCH_DEVICES_H
#define RFA_BENCH_DEVICES_H

#include <stdio.h>

#include "bench.h"
#include "energy.h"
#include "step_times.h"

enum { RFA_BENCH_ROUNDS = 50 };

/* Stages in the order of the model, and what a user waits for: an answer on a new clip, on a second caption. */
enum rfa_part {
    RFA_PART_VISION,
    RFA_PART_SCENE,
    RFA_PART_TEXT,
    RFA_PART_ANSWER,
    RFA_PART_CLIP,
    RFA_PART_CAPTION,
    RFA_PARTS
};

extern const char *const rfa_part_name[RFA_PARTS];

/* Of all sessions together, and how long each waits. */
struct rfa_throughput {
    double per_second;
    double p50, p99; /* seconds of one */
};

/* Several sessions, each in a thread of its own, that answer one clip after another; then one caption after another
 * about the clip that each has encoded last. */
struct rfa_together {
    int sessions, threads; /* threads of each */
    struct rfa_throughput clips, captions;
};

struct rfa_device_run {
    struct rfa_options options;
    rfa_session *session;
    struct rfa_device_info info;
    char title[96];                 /* "cpu, avx512vnni" */
    double ceiling;                 /* multiply-accumulates a second, 0: not known */
    const char *ceiling_of;         /* where the number comes from */
    double data_sheet;              /* what a device's data sheet says instead; 0: not known, or the CPU */
    double reads, data_sheet_reads; /* likewise bytes a second of its memory */
    const char *reads_of;
    double open_seconds, first_seconds; /* session and upload; the first clip */
    double seconds[RFA_PARTS][RFA_BENCH_ROUNDS], median[RFA_PARTS], macs[RFA_PARTS];
    size_t rounds;
    double cpu_joules, gpu_joules; /* of all rounds' clips; negative: not reported */
    struct rfa_op_sums ops;
    struct rfa_together together[RFA_BENCH_SESSIONS];
    int together_count;
};

/* bench_sessions.c. `sessions` of them, for `seconds` clips and for `seconds` captions, at least one of each; the CPU's
 * threads are divided among them. */
RFA_CHECKED enum rfa_status rfa_run_sessions(struct rfa_together *out, int sessions, const rfa_model *model,
                                             const struct rfa_model_inputs *in, const struct rfa_options *options,
                                             double seconds);

/* device_report.c */
void rfa_device_report(FILE *out, const struct rfa_device_run *device, int count, const struct rfa_energy *energy);
void rfa_device_report_json(FILE *out, const struct rfa_device_run *device, int count, const struct rfa_energy *energy);

#endif

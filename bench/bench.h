/* The benchmarks behind `refatom bench`. */
#ifndef RFA_BENCH_H
#define RFA_BENCH_H

#include <stdbool.h>
#include <stdio.h>

#include "refatom.h"

enum { RFA_BENCH_DEVICES = 8, RFA_BENCH_SESSIONS = 8 };

struct rfa_bench_options {
    struct rfa_options session; /* threads, cpu_mask, frame_group, log */
    const char *filter;         /* kernels: only rows whose "kernel tier shape" holds this text; NULL: all */
    double seconds; /* kernels: time for each row; model: for clips, for captions and new frames a quarter */
    long answers;   /* model: runs of the answer stage */
    bool steps;     /* model: one line a step and one a thread as well */
    bool json;
    FILE *out;
    /* Of rfa_bench_devices alone. */
    struct rfa_options device[RFA_BENCH_DEVICES]; /* session's, with another device or cpu_mask each */
    int devices;
    int sessions[RFA_BENCH_SESSIONS]; /* numbers of sessions at once */
    int session_counts;
    const char *svg; /* path of the chart, NULL: none */
};

/* All return false after a message through options->session.log. */
bool rfa_bench_kernels(const struct rfa_bench_options *options);
bool rfa_bench_model(const struct rfa_bench_options *options, const char *path);
bool rfa_bench_devices(const struct rfa_bench_options *options, const char *path);

#endif

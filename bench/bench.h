/* The benchmarks behind `refatom bench`. */
#ifndef RFA_BENCH_H
#define RFA_BENCH_H

#include <stdbool.h>
#include <stdio.h>

#include "refatom.h"

struct rfa_bench_options {
    struct rfa_options session; /* threads, cpu_mask, frame_group, log */
    const char *filter;         /* kernels: only rows whose "kernel tier shape" holds this text; NULL: all */
    double seconds; /* kernels: time for each row; model: for clips, for captions and new frames a quarter */
    long answers;               /* model: runs of the answer stage */
    bool steps;                 /* model: one line a step as well */
    bool json;
    FILE *out;
};

/* Both return false after a message through options->session.log. */
bool rfa_bench_kernels(const struct rfa_bench_options *options);
bool rfa_bench_model(const struct rfa_bench_options *options, const char *path);

#endif

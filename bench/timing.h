/* Clock and statistics of the benchmarks. */
#ifndef RFA_BENCH_TIMING_H
#define RFA_BENCH_TIMING_H

#include <stddef.h>

/* Seconds that the calling thread has spent on a processor: what one thread's work costs, whoever else wants the
 * processor. */
double rfa_bench_thread_seconds(void);

/* Sorts the samples ascending, in place. */
void rfa_bench_sort(double *samples, size_t count);

/* Value below which the share `p` (0 ... 1) of the sorted samples lies: nearest rank. count >= 1. */
double rfa_bench_quantile(const double *sorted, size_t count, double p);

#endif

#define _POSIX_C_SOURCE 200809L
#include "timing.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

double rfa_bench_thread_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void rfa_bench_sort(double *samples, size_t count)
{
    qsort(samples, count, sizeof *samples, compare);
}

double rfa_bench_quantile(const double *sorted, size_t count, double p)
{
    double rank = ceil(p * (double)count);
    return sorted[rank < 1 ? 0 : (size_t)rank - 1];
}

#define _POSIX_C_SOURCE 199309L /* clock_gettime: C11's own clock is the day's, which may be set back */
#include "clock.h"

#include <time.h>

double rfa_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* The library's clock. */
#ifndef RFA_CLOCK_H
#define RFA_CLOCK_H

#include <time.h>

/* Seconds on a clock, for differences. */
static inline double rfa_now(void)
{
    struct timespec t;
    timespec_get(&t, TIME_UTC);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

#endif

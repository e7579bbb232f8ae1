/* Arithmetic of sizes. Those that come from a file go through checked.h. */
#ifndef RFA_SIZES_H
#define RFA_SIZES_H

#include <stddef.h>

static inline size_t rfa_smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static inline size_t rfa_larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static inline size_t rfa_divide_up(size_t a, size_t b)
{
    return (a + b - 1) / b;
}

static inline size_t rfa_round_up(size_t n, size_t multiple)
{
    return rfa_divide_up(n, multiple) * multiple;
}

#endif

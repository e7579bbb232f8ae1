/* The one place where sizes from a file are multiplied and added. */
#ifndef RFA_CHECKED_H
#define RFA_CHECKED_H

#include <stdbool.h>
#include <stdint.h>

/* *out = a * b + c. False, with *out untouched, when the result does not fit 64 bits. */
static inline bool rfa_mul_add(uint64_t *out, uint64_t a, uint64_t b, uint64_t c)
{
    if (b != 0 && a > UINT64_MAX / b)
        return false;
    if (a * b > UINT64_MAX - c)
        return false;
    *out = a * b + c;
    return true;
}

/* *out = n rounded up to a multiple of `multiple` (at least 1). */
static inline bool rfa_mul_round_up(uint64_t *out, uint64_t n, uint64_t multiple)
{
    return rfa_mul_add(out, n / multiple + (n % multiple != 0), multiple, 0);
}

#endif

/* The order of every float reduction along a vector, in scalar C (kernels.h, "sum16"). */
#ifndef RFA_SUM16_H
#define RFA_SUM16_H

#include <math.h>
#include <stddef.h>

#include "../quant/inline.h"

/* Adds the 16 partial sums as the tree +8 +4 +2 +1. Overwrites p. */
RFA_INLINE float rfa_sum16_tree(float p[16])
{
    for (size_t width = 8; width > 0; width /= 2)
        for (size_t j = 0; j < width; j++)
            p[j] += p[j + width];
    return p[0];
}

/* sum16 of a[i] * b[i], i < k; the last group of 16 is filled up with zeros. */
RFA_INLINE float rfa_sum16_dot(const float *a, const float *b, size_t k)
{
    float p[16] = {0.0f};
    for (size_t i = 0; i < (k + 15) / 16 * 16; i++)
        p[i % 16] = fmaf(i < k ? a[i] : 0.0f, i < k ? b[i] : 0.0f, p[i % 16]);
    return rfa_sum16_tree(p);
}

#endif

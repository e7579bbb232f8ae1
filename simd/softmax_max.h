/* The maximum of a row, for the softmax kernels: rfa_max in any order, which can differ from the order of the C kernel
 * only in the sign of a zero, and that vanishes in x - max. */
#ifndef RFA_SOFTMAX_MAX_H
#define RFA_SOFTMAX_MAX_H

#include <math.h>

#include "poly.h"

VEC16_INLINE float row_max(const float *x, size_t n)
{
    vec16 max[2] = {vec16_set1(-INFINITY), vec16_set1(-INFINITY)};
    size_t i = 0;
    for (; i + 32 <= n; i += 32) {
        max[0] = vec16_max(max[0], vec16_load(x + i));
        max[1] = vec16_max(max[1], vec16_load(x + i + 16));
    }
    for (; i + 16 <= n; i += 16)
        max[0] = vec16_max(max[0], vec16_load(x + i));
    if (i < n) /* once more over some values does no harm */
        max[1] = vec16_max(max[1], n < 16 ? vec16_load_least(x, n) : vec16_load(x + n - 16));
    return vec16_largest(vec16_max(max[0], max[1]));
}

#endif

#include <math.h>

#include "kernels.h"
#include "sum16.h"

void rfa_unit_f32_c(float *dst, const float *x, size_t n)
{
    float norm = sqrtf(rfa_sum16_dot(x, x, n));
    norm = norm < 1e-12f ? 1e-12f : norm; /* a NaN stays */
    for (size_t i = 0; i < n; i++)
        dst[i] = x[i] / norm;
}

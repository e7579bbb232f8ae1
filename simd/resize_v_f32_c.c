#include <math.h>

#include "kernels.h"

void rfa_resize_v_f32_c(float *acc, const float *row, float weight, size_t n)
{
    for (size_t i = 0; i < n; i++)
        acc[i] = fmaf(weight, row[i], acc[i]);
}

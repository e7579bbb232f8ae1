#include "half.h"
#include "kernels.h"

void rfa_f16_to_f32_c(float *dst, const uint16_t *src, size_t n)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = rfa_half_to_float(src[i]);
}

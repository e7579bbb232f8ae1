#include "half.h"
#include "kernels.h"

void rfa_round_f16_c(float *dst, const float *src, size_t n)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = rfa_half_to_float(rfa_float_to_half(src[i]));
}

#include "../quant/quant.h"
#include "kernels.h"

float rfa_quantize_row_c(int8_t *q, const float *x, size_t n, uint8_t a_xor)
{
    uint32_t max = 0;
    for (size_t i = 0; i < n; i++)
        max = rfa_magnitude(x[i]) > max ? rfa_magnitude(x[i]) : max;
    float multiplier;
    float scale = rfa_quant_scale(max, &multiplier);
    uint8_t *bytes = (uint8_t *)q;
    for (size_t i = 0; i < rfa_row_bytes(n); i++)
        bytes[i] = (uint8_t)(i < n ? rfa_quant_value(x[i], multiplier) : 0) ^ a_xor;
    return scale;
}

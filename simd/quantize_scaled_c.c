#include "../quant/quant.h"
#include "kernels.h"

void rfa_quantize_scaled_c(int8_t *q, const float *x, size_t n, float multiplier, int zero, uint8_t a_xor)
{
    uint8_t *bytes = (uint8_t *)q;
    for (size_t i = 0; i < rfa_row_bytes(n); i++)
        bytes[i] = (uint8_t)(i < n ? rfa_quant_value_from(x[i], multiplier, zero) : zero) ^ a_xor;
}

#include "kernels.h"

void rfa_resize_v_u8_c(int32_t *acc, const uint8_t *row, int32_t weight, size_t n)
{
    for (size_t i = 0; i < n; i++)
        acc[i] += weight * row[i];
}

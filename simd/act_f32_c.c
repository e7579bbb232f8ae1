#include "kernels.h"
#include "poly.h"

void rfa_act_f32_c(float *x, size_t n, enum rfa_act act)
{
    for (size_t i = 0; i < n; i++)
        x[i] = rfa_act_value(x[i], act);
}

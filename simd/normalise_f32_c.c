#include <string.h>

#include "kernels.h"
#include "resize.h"

void rfa_normalise_f32_c(float *x, size_t n, bool fixed, float mean, float std)
{
    for (size_t i = 0; i < n; i++) {
        float value = x[i];
        if (fixed) {
            int32_t sum;
            memcpy(&sum, &x[i], sizeof sum);
            value = (float)rfa_resize_round(sum) / 255.0f;
        }
        x[i] = (value - mean) / std;
    }
}

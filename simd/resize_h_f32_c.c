#include <math.h>

#include "kernels.h"
#include "resize.h"

void rfa_resize_h_f32_c(const struct rfa_resize_h_args *args)
{
    float *dst = args->dst;
    const float *weight = args->weight;
    for (size_t i = 0; i < args->out; i++) {
        for (size_t c = 0; c < 3; c++) {
            float sum = 0.0f;
            for (int32_t j = 0; j < args->count[i]; j++) {
                size_t pixel = rfa_resize_clamp(args->first[i] + j, args->width);
                sum = fmaf(weight[i * args->stride + (size_t)j], (float)args->src[pixel * 3 + c] / 255.0f, sum);
            }
            dst[i * 3 + c] = sum;
        }
    }
}

#include "kernels.h"
#include "resize.h"

void rfa_resize_h_u8_c(const struct rfa_resize_h_args *args)
{
    uint8_t *dst = args->dst;
    const int32_t *weight = args->weight;
    for (size_t i = 0; i < args->out; i++) {
        for (size_t c = 0; c < 3; c++) {
            int32_t sum = 1 << (RFA_RESIZE_BITS - 1);
            for (int32_t j = 0; j < args->count[i]; j++) {
                size_t pixel = rfa_resize_clamp(args->first[i] + j, args->width);
                sum += weight[i * args->stride + (size_t)j] * args->src[pixel * 3 + c];
            }
            dst[i * 3 + c] = rfa_resize_round(sum);
        }
    }
}

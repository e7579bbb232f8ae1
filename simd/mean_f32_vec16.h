/* Body of mean_f32: RFA_MEAN_F32 is the kernel's name. Lanes are columns. */
#include "kernels.h"

/* Columns 0 ... 63 of dst: four sums at once hide the latency of an addition. */
static void mean_64(float *dst, const float *x, size_t stride, size_t m)
{
    vec16 sum[4], rows = vec16_set1((float)m);
    VEC16_UNROLL
    for (size_t i = 0; i < 4; i++)
        sum[i] = vec16_zero();
    for (size_t row = 0; row < m; row++) {
        VEC16_UNROLL
        for (size_t i = 0; i < 4; i++)
            sum[i] = vec16_add(sum[i], vec16_load(x + row * stride + i * 16));
    }
    VEC16_UNROLL
    for (size_t i = 0; i < 4; i++)
        vec16_store(dst + i * 16, vec16_div(sum[i], rows));
}

/* Columns 0 ... n-1, n <= 16. */
static void mean_n(float *dst, const float *x, size_t stride, size_t m, size_t n)
{
    vec16 sum = vec16_zero();
    for (size_t row = 0; row < m; row++)
        sum = vec16_add(sum, vec16_load_n(x + row * stride, n));
    vec16_store_n(dst, vec16_div(sum, vec16_set1((float)m)), n);
}

void RFA_MEAN_F32(float *dst, const float *x, size_t stride, size_t m, size_t n)
{
    size_t c = 0;
    for (; c + 64 <= n; c += 64)
        mean_64(dst + c, x + c, stride, m);
    for (; c < n; c += 16)
        mean_n(dst + c, x + c, stride, m, n - c < 16 ? n - c : 16);
}

/* Body of normalise_f32: RFA_NORMALISE_F32 is the kernel's name. */
#include "kernels.h"
#include "resize.h"

VEC16_INLINE void normalise(float *x, size_t n, bool fixed, vec16 mean, vec16 std)
{
    vec16 value = vec16_load_n(x, n);
    if (fixed)
        value = vec16_div(vec16_pixel(value, RFA_RESIZE_BITS), vec16_set1(255.0f));
    vec16_store_n(x, vec16_div(vec16_sub(value, mean), std), n);
}

VEC16_INLINE void normalise_all(float *x, size_t n, bool fixed, vec16 mean, vec16 std)
{
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        normalise(x + i, 16, fixed, mean, std);
    if (i < n)
        normalise(x + i, n - i, fixed, mean, std);
}

void RFA_NORMALISE_F32(float *x, size_t n, bool fixed, float mean, float std)
{
    if (fixed)
        normalise_all(x, n, true, vec16_set1(mean), vec16_set1(std));
    else
        normalise_all(x, n, false, vec16_set1(mean), vec16_set1(std));
}

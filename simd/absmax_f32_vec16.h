/* Body of absmax_f32: RFA_ABSMAX_F32 is the kernel's name. The maximum of bit patterns is the same in any order. */
#include "kernels.h"

uint32_t RFA_ABSMAX_F32(const float *x, size_t n)
{
    vec16 max[4] = {vec16_zero(), vec16_zero(), vec16_zero(), vec16_zero()};
    size_t i = 0;
    for (; i + 64 <= n; i += 64)
        VEC16_UNROLL
    for (size_t j = 0; j < 4; j++)
        max[j] = vec16_magnitude(max[j], vec16_load(x + i + 16 * j));
    for (; i + 16 <= n; i += 16)
        max[0] = vec16_magnitude(max[0], vec16_load(x + i));
    if (i < n)
        max[1] = vec16_magnitude(max[1], vec16_load_n(x + i, n - i));
    max[0] = vec16_magnitude(max[0], max[1]);
    max[2] = vec16_magnitude(max[2], max[3]);
    return vec16_largest_magnitude(vec16_magnitude(max[0], max[2]));
}

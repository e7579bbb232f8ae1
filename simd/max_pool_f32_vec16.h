/* Body of max_pool_f32: RFA_MAX_POOL_F32 is the kernel's name. Lanes are channels. */
#include <math.h>

#include "kernels.h"

/* The pixels inside the map that output i covers, in the order of the contract; returns how many. */
static size_t window(const float *pixel[9], const float *const rows[3], size_t i, size_t width, size_t c)
{
    size_t count = 0;
    for (size_t row = 0; row < 3; row++)
        for (size_t x = 2 * i; x < 2 * i + 3; x++) /* one to the right of the pixel, so that it is not negative */
            if (rows[row] && x >= 1 && x <= width)
                pixel[count++] = rows[row] + (x - 1) * c;
    return count;
}

void RFA_MAX_POOL_F32(float *dst, const float *r0, const float *r1, const float *r2, size_t width, size_t c)
{
    const float *rows[3] = {r0, r1, r2}, *pixel[9];
    for (size_t i = 0; i < (width - 1) / 2 + 1; i++, dst += c) {
        size_t count = window(pixel, rows, i, width, c), j = 0;
        for (; j + 16 <= c; j += 16) {
            vec16 max = vec16_set1(-INFINITY);
            for (size_t p = 0; p < count; p++)
                max = vec16_max(max, vec16_load(pixel[p] + j));
            vec16_store(dst + j, max);
        }
        if (j < c) {
            vec16 max = vec16_set1(-INFINITY);
            for (size_t p = 0; p < count; p++)
                max = vec16_max(max, vec16_load_n(pixel[p] + j, c - j));
            vec16_store_n(dst + j, max, c - j);
        }
    }
}

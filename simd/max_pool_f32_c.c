#include <math.h>

#include "kernels.h"
#include "poly.h"

void rfa_max_pool_f32_c(float *dst, const float *r0, const float *r1, const float *r2, size_t width, size_t c)
{
    const float *rows[3] = {r0, r1, r2};
    for (size_t i = 0; i < (width - 1) / 2 + 1; i++) {
        for (size_t j = 0; j < c; j++) {
            float max = -INFINITY;
            for (size_t row = 0; row < 3; row++) {
                for (size_t tap = 0; tap < 3; tap++) {
                    size_t pixel = 2 * i + tap; /* one to the right of the pixel, so that it is not negative */
                    if (rows[row] && pixel >= 1 && pixel <= width)
                        max = rfa_max(max, rows[row][(pixel - 1) * c + j]);
                }
            }
            dst[i * c + j] = max;
        }
    }
}

#include <math.h>
#include <string.h>

#include "kernels.h"
#include "poly.h"

/* One step of one channel: updates h[states][16] in its column and returns y. */
static float step(const struct rfa_scan_args *args, const float *a, float *h, size_t t, size_t c)
{
    float u = args->u[t * args->u_stride + c];
    float dt = rfa_softplus(args->delta[t * args->delta_stride + c]);
    float dtu = dt * u;
    float y = args->d[c] * u;
    for (size_t n = 0; n < args->states; n++) {
        float decay = rfa_decay(dt, a[n * 16] * RFA_LOG2E_HI);
        h[n * 16] = fmaf(decay, h[n * 16], dtu * args->b[t * args->bc_stride + n]);
        y = fmaf(args->cmat[t * args->bc_stride + n], h[n * 16], y);
    }
    return y;
}

void rfa_scan_f32_c(const struct rfa_scan_args *args)
{
    for (size_t c = 0; c < args->channels; c++) {
        size_t panel = c / 16 * args->states * 16 + c % 16;
        float *h = args->state ? args->state + panel : args->scratch;
        if (!args->state)
            memset(h, 0, args->states * 16 * sizeof(float));
        for (size_t t = 0; t < args->length; t++) {
            float y = step(args, args->a + panel, h, t, c);
            if (args->z)
                y *= rfa_silu(args->z[t * args->z_stride + c]);
            args->dst[t * args->dst_stride + c] = y;
        }
    }
}

/* The selective scan for callers who want nothing else of the library. */
#include <string.h>

#include "error.h"
#include "kernels.h"
#include "sizes.h"

enum { PANEL = 16, MAX_STATES = 256 };

size_t rfa_selective_scan_scratch(size_t states)
{
    return rfa_scan_scratch(states);
}

size_t rfa_scan_panel_floats(size_t channels, size_t states)
{
    return rfa_round_up(channels, PANEL) * states;
}

void rfa_scan_pack(float *panels, const float *rows, size_t channels, size_t states)
{
    memset(panels, 0, rfa_scan_panel_floats(channels, states) * sizeof *panels);
    for (size_t c = 0; c < channels; c++)
        for (size_t n = 0; n < states; n++)
            panels[(c / PANEL * states + n) * PANEL + c % PANEL] = rows[c * states + n];
}

enum rfa_status rfa_selective_scan(const struct rfa_selective_scan *scan)
{
    if (!scan || !scan->delta || !scan->u || !scan->a || !scan->b || !scan->c || !scan->d || !scan->y ||
        !scan->scratch || scan->states < 1 || scan->states > MAX_STATES || (uintptr_t)scan->scratch % 64 != 0)
        return RFA_ERR_ARG;
    struct rfa_kernels kernels;
    rfa_kernels_init(&kernels, scan->cpu);
    const struct rfa_scan_args args = {.dst = scan->y,
                                       .dst_stride = scan->channels,
                                       .delta = scan->delta,
                                       .u = scan->u,
                                       .z = scan->z,
                                       .delta_stride = scan->channels,
                                       .u_stride = scan->channels,
                                       .z_stride = scan->channels,
                                       .b = scan->b,
                                       .cmat = scan->c,
                                       .bc_stride = scan->states,
                                       .a = scan->a,
                                       .d = scan->d,
                                       .state = scan->state,
                                       .length = scan->length,
                                       .channels = scan->channels,
                                       .states = scan->states,
                                       .scratch = scan->scratch};
    kernels.scan_f32(&args);
    return RFA_OK;
}

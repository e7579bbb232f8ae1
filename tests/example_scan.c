#include <refatom.h>
#include <stdio.h>

enum { LENGTH = 20, CHANNELS = 32, STATES = 16 };

static float delta[LENGTH][CHANNELS], u[LENGTH][CHANNELS], z[LENGTH][CHANNELS], y[LENGTH][CHANNELS];
static float a[CHANNELS][STATES], b[LENGTH][STATES], c[LENGTH][STATES], d[CHANNELS], panels[CHANNELS * STATES];
static _Alignas(64) char scratch[32768]; /* at least rfa_selective_scan_scratch(STATES) bytes */

int main(void) /* what the scan answers to a single 1 at the beginning */
{
    for (int t = 0; t < LENGTH; t++) {
        for (int i = 0; i < CHANNELS; i++)
            delta[t][i] = -2.0f, u[t][i] = t == 0, z[t][i] = 4.0f;
        for (int n = 0; n < STATES; n++)
            b[t][n] = c[t][n] = 1.0f;
    }
    for (int i = 0; i < CHANNELS * STATES; i++)
        a[i / STATES][i % STATES] = -(float)(i % STATES + 1);
    rfa_scan_pack(panels, a[0], CHANNELS, STATES); /* rfa_scan_panel_floats(CHANNELS, STATES) floats */
    struct rfa_selective_scan scan = {.length = LENGTH, .channels = CHANNELS, .states = STATES, .delta = delta[0],
                                      .u = u[0], .z = z[0], .a = panels, .b = b[0], .c = c[0], .d = d, .y = y[0],
                                      .scratch = scratch, .cpu = rfa_cpu_bits()};
    if (sizeof scratch < rfa_selective_scan_scratch(STATES) || rfa_selective_scan(&scan) != RFA_OK)
        return 1;
    for (int t = 0; t < LENGTH; t++)
        printf("%.6f\n", (double)y[t][CHANNELS - 1]);
    return 0;
}

#include "panel.h"

#include <stdbool.h>

double rfa_error_rms(const struct rfa_error *e)
{
    if (e->square > 0 && e->reference > 0)
        return sqrt(e->square / e->reference);
    return e->square > 0 ? INFINITY : 0;
}

void rfa_panel_error(struct rfa_error *e, const int8_t *panel, const float *scale, const float *rows, size_t stride,
                     size_t n, size_t k)
{
    for (size_t i = 0; i < n; i++) {
        double square = 0, reference = 0;
        for (size_t j = 0; j < k; j++) {
            float x = rows[i * stride + j], d = x - (float)panel[rfa_panel_index(i, j, k)] * scale[i];
            square += (double)d * (double)d;
            reference += (double)x * (double)x;
        }
        e->square += square;
        e->reference += reference;
    }
}

/* One output's weights: their sum, and whether all may stand where they stand: beyond `used` inputs there are zeros.
 * `column` is the output's first byte in the panel. */
static enum rfa_panel_fault check_weights(int32_t *sum, const int8_t *column, size_t lines, size_t used)
{
    bool range = true, padding = true;
    *sum = 0;
    for (size_t i = 0; i < lines; i++) {
        for (size_t j = 0; j < RFA_PANEL_K; j++) {
            int8_t q = column[i * RFA_LINE + j];
            range = range && q >= -RFA_QMAX;
            padding = padding && (i * RFA_PANEL_K + j < used || q == 0);
            *sum += q;
        }
    }
    return !range ? RFA_PANEL_RANGE : !padding ? RFA_PANEL_PADDING : RFA_PANEL_GOOD;
}

enum rfa_panel_fault rfa_panel_check(size_t *output, const int8_t *lines, const float *scale, const int32_t *sum,
                                     const float *bias, size_t panel, size_t n, size_t k)
{
    for (size_t i = 0; i < RFA_PANEL_N; i++) {
        bool real = panel * RFA_PANEL_N + i < n;
        int32_t true_sum;
        *output = panel * RFA_PANEL_N + i;
        size_t line_count = (k + RFA_PANEL_K - 1) / RFA_PANEL_K;
        enum rfa_panel_fault fault = check_weights(&true_sum, lines + i * RFA_PANEL_K, line_count, real ? k : 0);
        if (fault != RFA_PANEL_GOOD)
            return fault;
        if (!real && (scale[i] != 0.0f || (bias && bias[i] != 0.0f)))
            return RFA_PANEL_PADDING;
        if (!isfinite(scale[i]) || scale[i] < 0.0f)
            return RFA_PANEL_SCALE;
        if (sum[i] != true_sum)
            return RFA_PANEL_SUM;
    }
    return RFA_PANEL_GOOD;
}

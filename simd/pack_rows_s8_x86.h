/* Rows into panels for x86. Before including, define the function's name PACK_ROWS and, for 16 neighbouring values of a
 * row, magnitude_of(x, n)         the largest rfa_magnitude of the first n quantize16(q, x, n, m)     writes their 16
 * int8 values (zeros from n on) and returns the sum of the values
 */
#include "kernels.h"
#include "quant.h"

/* Rows lie far apart, each in a page of its own: they are fetched this many ahead. */
enum { ROWS_AHEAD = 8 };

static void fetch_row(const float *x, size_t k)
{
    for (size_t i = 0; i < k; i += 16)
        _mm_prefetch((const char *)(x + i), _MM_HINT_T0);
}

static float row_scale(const float *x, size_t k, float *multiplier)
{
    uint32_t a = 0;
    for (size_t i = 0; i < k; i += 16) {
        uint32_t part = magnitude_of(x + i, k - i < 16 ? k - i : 16);
        a = part > a ? part : a;
    }
    return rfa_quant_scale(a, multiplier);
}

/* Row i of a panel: its 4-byte groups lie one line apart. */
static int32_t place_row(int8_t *group, const float *x, size_t k, float multiplier)
{
    int32_t sum = 0;
    for (size_t i = 0; i < k; i += 16) {
        int8_t q[16];
        size_t groups = k - i < 16 ? (k - i + 3) / 4 : 4;
        sum += quantize16(q, x + i, k - i < 16 ? k - i : 16, multiplier);
        for (size_t g = 0; g < groups; g++, group += RFA_LINE)
            memcpy(group, q + g * RFA_PANEL_K, RFA_PANEL_K);
    }
    return sum;
}

void PACK_ROWS(int8_t *w, float *w_scale, int32_t *w_sum, const float *x, size_t stride, size_t n, size_t k)
{
    size_t panel = (k + 3) / 4 * RFA_LINE, padded = (n + 15) / 16 * 16;
    if (padded != n)
        memset(w + n / 16 * panel, 0, panel);
    for (size_t i = 0; i < padded; i++) {
        float multiplier = 0.0f;
        if (i + ROWS_AHEAD < n)
            fetch_row(x + (i + ROWS_AHEAD) * stride, k);
        w_scale[i] = i < n ? row_scale(x + i * stride, k, &multiplier) : 0.0f;
        w_sum[i] = i < n ? place_row(w + i / 16 * panel + i % 16 * RFA_PANEL_K, x + i * stride, k, multiplier) : 0;
    }
}

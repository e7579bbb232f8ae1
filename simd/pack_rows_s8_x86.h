/* Rows into panels for x86. Before including, define the function's name PACK_ROWS and
 *
 *   row_magnitude(x, k)          the largest rfa_magnitude of k values
 *   pack_columns(w, r, i, n)     columns i ... i + n (n <= 16) of struct rows into lines from w on, ceil(n / 4) of them
 *   panel_sums(sum, w, lines)    of a panel's 16 outputs
 *
 * Four rows pass at once: where the packs of 32 to 8 bits join four registers they leave 4 bytes of each row side by
 * side, which is a quarter of a line.
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

/* The first `count` rows at x, 1 to 4; those that are missing become zeros. */
static void pack_rows(int8_t *w, float *w_scale, const float *x, size_t stride, size_t count, size_t k)
{
    struct rows r;
    for (size_t j = 0; j < 4; j++) {
        r.x[j] = x + (j < count ? j : 0) * stride;
        r.multiplier[j] = w_scale[j] = 0.0f;
        if (j < count)
            w_scale[j] = rfa_quant_scale(row_magnitude(r.x[j], k), &r.multiplier[j]);
    }
    size_t i = 0;
    for (; i + 16 <= k; i += 16, w += 4 * RFA_LINE)
        pack_columns(w, &r, i, 16);
    if (i < k)
        pack_columns(w, &r, i, k - i);
}

void PACK_ROWS(int8_t *w, float *w_scale, int32_t *w_sum, const float *x, size_t stride, size_t n, size_t k)
{
    size_t lines = (k + 3) / 4, padded = (n + 15) / 16 * 16;
    if (padded != n)
        memset(w + n / 16 * lines * RFA_LINE, 0, lines * RFA_LINE);
    for (size_t i = 0; i < padded; i += 4) {
        int8_t *panel = w + i / 16 * lines * RFA_LINE;
        for (size_t j = i + ROWS_AHEAD; j < i + ROWS_AHEAD + 4 && j < n; j++)
            fetch_row(x + j * stride, k);
        if (i < n)
            pack_rows(panel + i % 16 * RFA_PANEL_K, w_scale + i, x + i * stride, stride, n - i < 4 ? n - i : 4, k);
        else
            memset(w_scale + i, 0, 4 * sizeof *w_scale);
        if (i % 16 == 12)
            panel_sums(w_sum + i - 12, panel, lines);
    }
}

/* Rows into panels for x86. Before including, define the function's name PACK_ROWS and
 *
 *   row_magnitude(x, k)         the largest rfa_magnitude of k values
 *   sums, no_sums(), total(s)   partial sums of a row's int8 values, and their sum
 *   quantize16(x, n, m, &s)     the int8 values of 16 neighbours (zeros from n on), added to s
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

static void place_group(int8_t *group, int q)
{
    memcpy(group, &q, RFA_PANEL_K);
}

/* Row i of a panel: its 4-byte groups lie one line apart. */
static int32_t place_row(int8_t *group, const float *x, size_t k, float multiplier)
{
    sums s = no_sums();
    for (size_t i = 0; i < k; i += 16, group += 4 * RFA_LINE) {
        __m128i q = quantize16(x + i, k - i < 16 ? k - i : 16, multiplier, &s);
        place_group(group, _mm_cvtsi128_si32(q));
        if (k - i > 4)
            place_group(group + RFA_LINE, _mm_extract_epi32(q, 1));
        if (k - i > 8)
            place_group(group + 2 * RFA_LINE, _mm_extract_epi32(q, 2));
        if (k - i > 12)
            place_group(group + 3 * RFA_LINE, _mm_extract_epi32(q, 3));
    }
    return total(s);
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
        w_scale[i] = i < n ? rfa_quant_scale(row_magnitude(x + i * stride, k), &multiplier) : 0.0f;
        w_sum[i] = i < n ? place_row(w + i / 16 * panel + i % 16 * RFA_PANEL_K, x + i * stride, k, multiplier) : 0;
    }
}

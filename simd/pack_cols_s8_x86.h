/* Columns into panels for x86. The outputs are lanes: LANES neighbouring columns pass through the same instructions.
 * Before including, define PACK_COLS                      the function's name LANES                          8 (AVX2)
 * or 16 (AVX-512) vint, vfloat                   registers of LANES values load_lanes(x, n)               the first n
 * <= LANES floats, the others +0 vmagnitude(v) vmax(a, b)       bits without the sign; unsigned maximum vquantize(v, m)
 * int32 of rint(v * m), 0 for NaN vjoin(q0, q1, q2, q3)          their low bytes as lines: byte j of lane i is q_j[i]
 *   vadd, vzero, vset(array), vget_u32(array, v), vget_i32(array, v), vput(w, v)
 */
#include "kernels.h"
#include "quant.h"

/* Rows lie far apart, each in a page of its own: they are fetched this many ahead. */
enum { ROWS_AHEAD = 16 };

static void column_scales(float *scale, float multiplier[LANES], const float *x, size_t stride, size_t n, size_t k)
{
    vint a = vzero();
    uint32_t magnitude[LANES];
    for (size_t j = 0; j < k; j++) {
        if (j + ROWS_AHEAD < k)
            _mm_prefetch((const char *)(x + (j + ROWS_AHEAD) * stride), _MM_HINT_T0);
        a = vmax(a, vmagnitude(load_lanes(x + j * stride, n)));
    }
    vget_u32(magnitude, a);
    for (size_t i = 0; i < LANES; i++)
        scale[i] = rfa_quant_scale(magnitude[i], &multiplier[i]);
}

/* LANES columns (n of them real) into their half or whole of a panel. */
static void pack_lanes(int8_t *w, float *scale, int32_t *sum, const float *x, size_t stride, size_t n, size_t k)
{
    float multiplier[LANES];
    column_scales(scale, multiplier, x, stride, n, k);
    vfloat m = vset(multiplier);
    vint total = vzero();
    for (size_t j = 0; j < k; j += RFA_PANEL_K, w += RFA_LINE) {
        vint q[RFA_PANEL_K];
        for (size_t i = 0; i < RFA_PANEL_K; i++) {
            q[i] = j + i < k ? vquantize(load_lanes(x + (j + i) * stride, n), m) : vzero();
            total = vadd(total, q[i]);
        }
        vput(w, vjoin(q[0], q[1], q[2], q[3]));
    }
    vget_i32(sum, total);
}

void PACK_COLS(int8_t *w, float *w_scale, int32_t *w_sum, const float *x, size_t stride, size_t n, size_t k)
{
    size_t panel = (k + 3) / 4 * RFA_LINE, padded = (n + 15) / 16 * 16;
    for (size_t i = 0; i < padded; i += LANES) {
        size_t real = i >= n ? 0 : n - i < LANES ? n - i : LANES;
        pack_lanes(w + i / 16 * panel + i % 16 * RFA_PANEL_K, w_scale + i, w_sum + i, real ? x + i : x, stride, real,
                   k);
    }
}

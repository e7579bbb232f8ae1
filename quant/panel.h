/* Measuring and checking int8 panels, on plain arrays. Making them is the kernel pack_rows_s8 (simd/kernels.h). */
#ifndef RFA_PANEL_H
#define RFA_PANEL_H

#include "quant.h"

/* Sums over many values, for a relative error. */
struct rfa_error {
    double square;    /* of the differences */
    double reference; /* of the true values */
};

/* sqrt(square / reference); 0 where both are 0. */
double rfa_error_rms(const struct rfa_error *e);

/* Adds what quantising has changed in n <= 16 rows [n][stride] of k weights, which became one panel with these scales.
 */
void rfa_panel_error(struct rfa_error *e, const int8_t *panel, const float *scale, const float *rows, size_t stride,
                     size_t n, size_t k);

enum rfa_panel_fault {
    RFA_PANEL_GOOD,
    RFA_PANEL_RANGE,   /* a weight of -128 */
    RFA_PANEL_SUM,     /* a sum that is not that of its weights */
    RFA_PANEL_PADDING, /* something else than zero beyond n or k */
    RFA_PANEL_SCALE    /* a scale that is negative or not finite */
};

/* Checks panel `panel` of a matrix [n,k]: its lines and its 16 scales, sums and biases (bias NULL: none). *output gets
 * the number of the first faulty output. */
enum rfa_panel_fault rfa_panel_check(size_t *output, const int8_t *lines, const float *scale, const int32_t *sum,
                                     const float *bias, size_t panel, size_t n, size_t k);

#endif

/* Moving the spread of activations into weights before both are rounded to int8 (Xiao et al., SmoothQuant,
 * arXiv:2211.10438), on plain arrays. Input channel j of a product is divided by factor[j] and its weights are
 * multiplied by it: the product stays the same, but a channel of large values no longer takes the range from the others
 * of its row. Where a layer normalisation makes the input, the division goes into its gamma and beta and costs nothing.
 */
#ifndef RFA_CALIBRATE_H
#define RFA_CALIBRATE_H

#include "panel.h"

/* max[j] = the largest of max[j] and |x[i][j]|; x [n][k]. NaN and infinity count as infinity. */
void rfa_column_max(float *max, const float *x, size_t n, size_t k);

/* factor[j] = x_max[j]^alpha / w_max[j]^(1 - alpha), divided by the geometric mean of all and kept in 1/1024 ... 1024;
 * 1 where either maximum is 0 or not finite. alpha in [0, 1]: 0 evens out the weights, 1 the activations. */
void rfa_smooth_factors(float *factor, const float *x_max, const float *w_max, size_t k, float alpha);

/* A product to be measured: rows of inputs x [rows][k], of weights w [n][k]. */
struct rfa_product {
    const float *x, *w;
    size_t rows, n, k;
};

/* Adds the difference between the float product and the int8 product by the contract (README.md), over all rows and
 * outputs. factor [k], NULL: ones. work: rfa_product_work(rows, k) bytes, aligned for floats. */
void rfa_product_error(struct rfa_error *e, const struct rfa_product *p, const float *factor, void *work);
size_t rfa_product_work(size_t rows, size_t k);

#endif

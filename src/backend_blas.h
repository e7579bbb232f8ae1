/* OpenBLAS for large float products: an option, outside the promise of equal bits. backend_blas.c is the only file that
 * includes it. */
#ifndef RFA_BACKEND_BLAS_H
#define RFA_BACKEND_BLAS_H

#include <stdbool.h>
#include <stddef.h>

/* Whether this build has it. */
bool rfa_blas_available(void);

/* Sets OpenBLAS's own thread count and lets it allocate what it keeps; called at session init and attach only. */
void rfa_blas_start(int threads);

/* dst[m][n] = sum over k of a[m][k] * w[n][k]. Strides in elements. Not from inside a parallel region. */
void rfa_blas_product(float *dst, size_t dst_stride, const float *a, size_t a_stride, const float *w, size_t w_stride,
                      size_t m, size_t n, size_t k);

#endif

#include "backend_blas.h"

#if RFA_WITH_OPENBLAS
#include <cblas.h>

bool rfa_blas_available(void)
{
    return true;
}

void rfa_blas_product(float *dst, size_t dst_stride, const float *a, size_t a_stride, const float *w, size_t w_stride,
                      size_t m, size_t n, size_t k)
{
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)m, (int)n, (int)k, 1.0f, a, (int)a_stride, w,
                (int)w_stride, 0.0f, dst, (int)dst_stride);
}

void rfa_blas_start(int threads)
{
    static const float x[64 * 64]; /* large enough that OpenBLAS sets up its buffers and threads */
    float y[64 * 64];
    openblas_set_num_threads(threads);
    rfa_blas_product(y, 64, x, 64, x, 64, 64, 64, 64);
}

#else

#include <assert.h>

bool rfa_blas_available(void)
{
    return false;
}

void rfa_blas_start(int threads)
{
    (void)threads;
}

void rfa_blas_product(float *dst, size_t dst_stride, const float *a, size_t a_stride, const float *w, size_t w_stride,
                      size_t m, size_t n, size_t k)
{
    (void)dst, (void)dst_stride, (void)a, (void)a_stride, (void)w, (void)w_stride, (void)m, (void)n, (void)k;
    assert(!"rfa_session_init refuses options.blas in a build without OpenBLAS");
}

#endif

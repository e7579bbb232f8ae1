#include "calibrate.h"

void rfa_column_max(float *max, const float *x, size_t n, size_t k)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < k; j++) {
            float a = fabsf(x[i * k + j]);
            max[j] = a > max[j] ? a : a <= max[j] ? max[j] : INFINITY;
        }
}

static int usable(float x_max, float w_max)
{
    return x_max > 0 && w_max > 0 && isfinite(x_max) && isfinite(w_max);
}

void rfa_smooth_factors(float *factor, const float *x_max, const float *w_max, size_t k, float alpha)
{
    double mean = 0;
    size_t count = 0;
    for (size_t j = 0; j < k; j++) {
        factor[j] = 0;
        if (!usable(x_max[j], w_max[j]))
            continue;
        factor[j] = alpha * logf(x_max[j]) - (1 - alpha) * logf(w_max[j]);
        mean += (double)factor[j];
        count++;
    }
    const float limit = 6.9314718f; /* ln 1024 */
    for (size_t j = 0; j < k; j++) {
        float log_factor = usable(x_max[j], w_max[j]) ? factor[j] - (float)(mean / (double)count) : 0.0f;
        factor[j] = expf(log_factor > limit ? limit : log_factor < -limit ? -limit : log_factor);
    }
}

/* One row of values, each times factor[j] or divided by it, as int8. Returns the scale. */
static float quantize(int8_t *q, float *scaled, const float *x, const float *factor, int divide, size_t k)
{
    uint32_t a = 0;
    float multiplier;
    for (size_t j = 0; j < k; j++) {
        scaled[j] = !factor ? x[j] : divide ? x[j] / factor[j] : x[j] * factor[j];
        a = rfa_magnitude(scaled[j]) > a ? rfa_magnitude(scaled[j]) : a;
    }
    float scale = rfa_quant_scale(a, &multiplier);
    for (size_t j = 0; j < k; j++)
        q[j] = rfa_quant_value(scaled[j], multiplier);
    return scale;
}

static double exact(const float *x, const float *w, size_t k)
{
    double sum = 0;
    for (size_t j = 0; j < k; j++)
        sum += (double)x[j] * (double)w[j];
    return sum;
}

static int32_t dot(const int8_t *a, const int8_t *w, size_t k)
{
    int32_t sum = 0;
    for (size_t j = 0; j < k; j++)
        sum += a[j] * w[j];
    return sum;
}

size_t rfa_product_work(size_t rows, size_t k)
{
    return (rows + k) * sizeof(float) + (rows + 1) * k;
}

void rfa_product_error(struct rfa_error *e, const struct rfa_product *p, const float *factor, void *work)
{
    size_t k = p->k;
    float *scale = work, *scaled = scale + p->rows;
    int8_t *x = (int8_t *)(void *)(scaled + k), *w = x + p->rows * k;
    for (size_t i = 0; i < p->rows; i++)
        scale[i] = quantize(x + i * k, scaled, p->x + i * k, factor, 1, k);
    for (size_t n = 0; n < p->n; n++) {
        float w_scale = quantize(w, scaled, p->w + n * k, factor, 0, k);
        for (size_t i = 0; i < p->rows; i++) {
            double y = exact(p->x + i * k, p->w + n * k, k),
                   d = (double)((float)dot(x + i * k, w, k) * (scale[i] * w_scale)) - y;
            e->square += d * d;
            e->reference += y * y;
        }
    }
}

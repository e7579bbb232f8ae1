#include "tensor_diff.h"

#include <math.h>

static double value(enum rfa_element element, const void *data, size_t i)
{
    return element == RFA_ELEMENT_I32 ? (double)((const int32_t *)data)[i] : (double)((const float *)data)[i];
}

static void note(struct rfa_tensor_diff *d, double left, double right, size_t at)
{
    double difference = fabs(left - right);
    if (isnan(left) && isnan(right))
        return;
    if (d->different++ == 0)
        d->first = at;
    if (isnan(difference))
        difference = INFINITY;
    double size = fmax(fabs(left), fabs(right)), share = isinf(difference) ? INFINITY
                                                         : size > 0        ? difference / size
                                                                           : 0;
    d->largest_share = share > d->largest_share ? share : d->largest_share;
    d->largest = difference > d->largest ? difference : d->largest;
    d->difference2 += difference * difference;
}

static void weigh(struct rfa_tensor_diff *d, double left, double right)
{
    d->left2 += left * left;
    d->right2 += right * right;
    d->dot += left * right;
}

void rfa_tensor_diff_add(struct rfa_tensor_diff *d, enum rfa_element element, const void *left, const void *right,
                         size_t count, size_t offset)
{
    const uint32_t *left_bits = left, *right_bits = right;
    d->values += count;
    for (size_t i = 0; i < count; i++) {
        double l = value(element, left, i), r = value(element, right, i);
        if (left_bits[i] != right_bits[i])
            note(d, l, r, offset + i);
        weigh(d, l, r);
    }
}

void rfa_tensor_diff_add_s8(struct rfa_tensor_diff *d, const void *left, uint8_t left_mask, const void *right,
                            uint8_t right_mask, size_t count, size_t offset)
{
    const uint8_t *left_bytes = left, *right_bytes = right;
    d->values += count;
    for (size_t i = 0; i < count; i++) {
        double l = (double)(int8_t)(left_bytes[i] ^ left_mask), r = (double)(int8_t)(right_bytes[i] ^ right_mask);
        if (l != r)
            note(d, l, r, offset + i);
        weigh(d, l, r);
    }
}

double rfa_tensor_diff_relative(const struct rfa_tensor_diff *d)
{
    if (d->difference2 == 0)
        return 0;
    double relative = sqrt(d->difference2 / d->left2);
    return isnan(relative) ? INFINITY : relative;
}

double rfa_tensor_diff_cosine(const struct rfa_tensor_diff *d)
{
    return d->left2 == 0 && d->right2 == 0 ? 1.0 : d->dot / sqrt(d->left2 * d->right2);
}

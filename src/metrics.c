#include "metrics.h"

#include <math.h>
#include <stdlib.h>

static int higher_first(const void *a, const void *b)
{
    float x = ((const struct rfa_ranked *)a)->score, y = ((const struct rfa_ranked *)b)->score;
    return (x < y) - (x > y);
}

void rfa_rank(struct rfa_ranked *item, size_t n)
{
    qsort(item, n, sizeof *item, higher_first);
}

size_t rfa_rank_tie_end(const struct rfa_ranked *item, size_t n, size_t i)
{
    size_t end = i + 1;
    while (end < n && item[end].score == item[i].score)
        end++;
    return end;
}

static size_t count_positives(const struct rfa_ranked *item, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += item[i].positive;
    return count;
}

double rfa_average_precision(const struct rfa_ranked *item, size_t n)
{
    size_t positives = count_positives(item, n), found = 0;
    double sum = 0;
    for (size_t i = 0, end; i < n; i = end) {
        end = rfa_rank_tie_end(item, n, i);
        size_t here = count_positives(item + i, end - i);
        found += here;
        sum += (double)here * ((double)found / (double)end);
    }
    return positives ? sum / (double)positives : NAN;
}

/* Pairs of a positive and a negative, counted twice so that halves stay whole: exact for all that fits into memory. */
double rfa_roc_auc(const struct rfa_ranked *item, size_t n)
{
    uint64_t above = 0, twice = 0;
    size_t positives = count_positives(item, n), negatives = n - positives;
    for (size_t i = 0, end; i < n; i = end) {
        end = rfa_rank_tie_end(item, n, i);
        uint64_t here = count_positives(item + i, end - i);
        twice += (end - i - here) * (2 * above + here);
        above += here;
    }
    return positives && negatives ? (double)twice / (2.0 * (double)positives * (double)negatives) : NAN;
}

double rfa_weighted_mean(const double *value, const size_t *weight, size_t n)
{
    double sum = 0, weights = 0;
    for (size_t i = 0; i < n; i++) {
        if (isnan(value[i]))
            continue;
        sum += value[i] * (double)weight[i];
        weights += (double)weight[i];
    }
    return weights > 0 ? sum / weights : NAN;
}

static double area(const double box[4])
{
    double width = box[2] - box[0], height = box[3] - box[1];
    return width > 0 && height > 0 ? width * height : 0;
}

double rfa_box_iou(const double a[4], const double b[4])
{
    const double both[4] = {fmax(a[0], b[0]), fmax(a[1], b[1]), fmin(a[2], b[2]), fmin(a[3], b[3])};
    double of_a = area(a), of_b = area(b), common = area(both);
    return of_a > 0 && of_b > 0 ? common / (of_a + of_b - common) : 0;
}

/* How well scores and boxes agree with the truth: pure functions, equal to scikit-learn's to 1e-9. */
#ifndef RFA_METRICS_H
#define RFA_METRICS_H

#include <stddef.h>
#include <stdint.h>

/* One sample in the ranking of one class. */
struct rfa_ranked {
    float score;       /* finite */
    uint32_t positive; /* 0 or 1 */
};

/* Sorts item[n] by score, highest first. */
void rfa_rank(struct rfa_ranked *item, size_t n);

/* Where the run of equal scores that begins at i ends: samples with one score have one threshold, and no order among
 * them. */
size_t rfa_rank_tie_end(const struct rfa_ranked *item, size_t n, size_t i);

/* sum over thresholds of (recall - recall before) * precision; item ranked. NaN without positives.
 * scikit-learn's average_precision_score. */
double rfa_average_precision(const struct rfa_ranked *item, size_t n);

/* Probability that a positive ranks above a negative, ties counting half; item ranked. NaN without positives or without
 * negatives. scikit-learn's roc_auc_score. */
double rfa_roc_auc(const struct rfa_ranked *item, size_t n);

/* sum(value * weight) / sum(weight) over the values that are not NaN; NaN if their weights sum to 0. scikit-learn's
 * average="weighted" with the supports as weights, classes without positives removed. */
double rfa_weighted_mean(const double *value, const size_t *weight, size_t n);

/* Intersection over union of two boxes x1 y1 x2 y2; 0 where they are disjoint or one has no area (x2 <= x1, y2 <= y1,
 * or NaN). */
double rfa_box_iou(const double a[4], const double b[4]);

#endif

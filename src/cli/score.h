/* The figures of a set of answered samples, as the paper computes them (specification 15, over all samples at once). */
#ifndef RFA_CLI_SCORE_H
#define RFA_CLI_SCORE_H

#include <stdio.h>

#include "results.h"

struct rfa_class_score {
    size_t support;   /* positives */
    double ap, auroc; /* NaN where not defined */
};

struct rfa_score {
    size_t answered, failed, repeated; /* repeated: keys that came twice, of which the first answer counts */
    size_t clips;                      /* of the answered samples; of them */
    size_t cut_short, damaged;         /* were cut short; did not decode completely, though not cut short */
    size_t unknown;                    /* are of results that do not say so */
    double map, auroc;                 /* weighted by support */
    uint32_t map_classes, auroc_classes;
    double miou, over_half; /* mean; share of IoU > 0.5 */
    double top1; /* share of samples whose highest score is one of their actions, among samples with actions */
    struct rfa_class_score *classes;
};

/* Sorts the samples by key, drops repeated ones and computes; free with rfa_score_free. */
RFA_CHECKED enum rfa_status rfa_score_compute(struct rfa_score *score, struct rfa_samples *samples);
void rfa_score_free(struct rfa_score *score);

void rfa_score_print(const struct rfa_score *score, const struct rfa_results_run *run, FILE *out);
void rfa_score_print_json(const struct rfa_score *score, const struct rfa_results_run *run, FILE *out);

/* Writes the positions of the highest of n scores, the highest first, of equal ones the first first. Returns how many:
 * at most `most`. */
uint32_t rfa_top_actions(uint32_t *top, uint32_t most, const float *score, uint32_t n);

/* The class with the highest logit. */
uint32_t rfa_sample_top(const struct rfa_sample *sample, uint32_t classes);
bool rfa_sample_has(const struct rfa_sample *sample, uint32_t action);

#endif

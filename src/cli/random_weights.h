/* Random weights of a scale that keeps activations near one, by tensor name. A value depends on the seed, the tensor's
 * name and its own place alone, so tensors may be made in any order and in pieces, and no libm function but sqrtf is
 * called, so every machine makes the same bits. The weights mean nothing: they test arithmetic and speed. */
#ifndef RFA_CLI_RANDOM_WEIGHTS_H
#define RFA_CLI_RANDOM_WEIGHTS_H

#include "graph.h"

struct rfa_random {
    uint64_t key;
    float mean, std;   /* of values; matrices: std is gain / sqrt(k) of the first rows */
    float std_rest;    /* of a matrix's rows from `first_rows` on */
    size_t first_rows; /* n where all rows are alike */
    enum rfa_random_kind {
        RFA_RANDOM_NORMAL,
        RFA_RANDOM_DT_BIAS,   /* softplus^-1 of a step size that is log-uniform in 0.001 ... 0.1 */
        RFA_RANDOM_STATES,    /* Mamba's a: -exp(log(state + 1) + 0.1 normal), panels */
        RFA_RANDOM_CLASS_BIAS /* -3, but 0 for "no object" and 2 for persons, so that there are some */
    } kind;
    uint32_t person, classes;
};

/* How the values of this tensor are drawn. */
struct rfa_random rfa_random_start(const struct rfa_demand *demand, const struct rfa_config *config, uint64_t seed);

/* Values first ... first+count-1 of a tensor that is no matrix, in the order of the file. */
void rfa_random_values(const struct rfa_random *r, const struct rfa_demand *demand, float *out, size_t first,
                       size_t count);

/* Row `row` of a matrix [n,k]. */
void rfa_random_row(const struct rfa_random *r, float *out, size_t row, size_t k);

/* Panel `panel` (16 outputs) of an int8 matrix [n,k], with its 16 scales and sums, the padding zero. */
void rfa_random_panel(const struct rfa_random *r, int8_t *out, float *scale, int32_t *sum, size_t panel, size_t n,
                      size_t k);

#endif

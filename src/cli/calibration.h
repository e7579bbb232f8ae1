/* Calibration: runs a float model over clips and finds factors that make its int8 form more exact (quant/calibrate.h).
 */
#ifndef RFA_CLI_CALIBRATION_H
#define RFA_CLI_CALIBRATION_H

#include "panel.h"
#include "session.h"

/* One layer normalisation whose result a single product reads: what one is divided by, the other is multiplied with. */
struct rfa_fold {
    const char *norm, *matrix; /* names without kind; the model's */
    int step;                  /* of the norm */
    const struct rfa_weight *w;
    uint64_t seen;        /* rows */
    float *largest;       /* [k] of every input channel */
    float *sample;        /* [RFA_SAMPLE_ROWS][k] rows, drawn evenly from those seen */
    float *factor;        /* [k]; NULL: rounding without factors is as good */
    float alpha;          /* of the factor */
    double before, after; /* relative error of the product's result on the sample */
};

enum { RFA_SAMPLE_ROWS = 32, RFA_SAMPLE_OUTPUTS = 256 };

struct rfa_calibration {
    struct rfa_fold *fold;
    size_t count, capacity;
    const rfa_model *model;
    struct rfa_kernels kernels;
};

/* Lists the folds of the model whose matrix is `wanted`. */
enum rfa_status rfa_calibration_start(struct rfa_calibration *c, const rfa_model *model,
                                      bool (*wanted)(void *user, const char *matrix), void *user);

/* Runs the model over `path`: a video, a folder of pictures (one clip), a GGUF case of prepared inputs, or a folder of
 * videos and cases. */
enum rfa_status rfa_calibration_record(struct rfa_calibration *c, const char *path);

/* Chooses every fold's factors: the best on the sample among several alphas and none at all. */
enum rfa_status rfa_calibration_choose(struct rfa_calibration *c);

/* The fold with this norm, or this matrix, if it has factors; else NULL. */
const struct rfa_fold *rfa_calibration_of_norm(const struct rfa_calibration *c, const char *norm);
const struct rfa_fold *rfa_calibration_of_matrix(const struct rfa_calibration *c, const char *matrix);

void rfa_calibration_free(struct rfa_calibration *c);

#endif

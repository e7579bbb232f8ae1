/* The op table of the CUDA backend: which launcher an op is, with which arguments, and the scratch it needs. */
#ifndef RFA_OPS_CUDA_H
#define RFA_OPS_CUDA_H

#include "launch.h"
#include "session.h"

/* A step's weight on the device; the members of struct rfa_weight that kernels read. */
struct rfa_cuda_weight {
    const void *data; /* int8: retiled */
    const float *scale, *bias;
    const int32_t *sum;
};

struct rfa_cuda_step {
    struct rfa_cuda_weight w, w2;
};

/* What ops may use of the opened device. */
struct rfa_cuda_device {
    struct rfa_cuda_run run;
    unsigned char *arena, *scratch;
    uint32_t *magnitude; /* by step: the largest of its results, where they are a map; zeros when a stage begins */
    const struct rfa_cuda_step *step; /* by step of the graph */
};

struct rfa_cuda_op {
    void (*run)(const struct rfa_cuda_device *d, const struct rfa_session *s, const struct rfa_step *step);
    size_t (*scratch)(const struct rfa_session *s, const struct rfa_step *step); /* NULL: none */
    /* What the device cannot do with this step, in words; NULL: it can. NULL: it always can. */
    const char *(*refuses)(const struct rfa_session *s, const struct rfa_step *step);
};

extern const struct rfa_cuda_op rfa_cuda_ops[RFA_OP_COUNT];

#endif

/* What graph.c needs of build.c; not for model builders. */
#ifndef RFA_BUILD_H
#define RFA_BUILD_H

#include "graph.h"

/* Records the first failure with its message. */
void rfa_build_fail(struct rfa_build *b, enum rfa_status status, const char *format, ...)
#if defined(__GNUC__) || defined(__clang__)
    __attribute__((format(printf, 3, 4)))
#endif
    ;

/* A new tensor, to be produced by the step that is appended next. 0 after a failure. */
int rfa_build_add_tensor(struct rfa_build *b, enum rfa_tensor_type type, struct rfa_shape shape);

/* A new step without inputs and outputs, or NULL after a failure. Valid until the next step is added. */
struct rfa_step *rfa_build_add_step(struct rfa_build *b, enum rfa_op op, const char *name);

/* An F32 vector PREFIX.name kind, [n]. */
const float *rfa_build_vector(struct rfa_build *b, const char *name, const char *kind, size_t n);

#endif

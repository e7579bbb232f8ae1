/* What graph.c and graph_head.c need of build.c; not for model builders. */
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

/* Fails unless `ok`: `what` does not fit, which is a bug in a model's builder. */
void rfa_build_expect(struct rfa_build *b, bool ok, const char *what);

/* Notes that the coming or current step reads the float form of x. */
void rfa_build_use(struct rfa_build *b, int x);

/* Appends a step with one float result of `shape` and up to two float inputs. *out gets the result's id; NULL after a
 * failure. */
struct rfa_step *rfa_build_append(struct rfa_build *b, int *out, enum rfa_op op, const char *name, int x, int y,
                                  struct rfa_shape shape);

bool rfa_same_shape(struct rfa_shape a, struct rfa_shape b);

/* An F32 vector PREFIX.name kind, [n]. */
const float *rfa_build_vector(struct rfa_build *b, const char *name, const char *kind, size_t n);

#endif

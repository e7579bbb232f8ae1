/* How far two tensors are from each other, piece by piece. */
#ifndef RFA_CLI_TENSOR_DIFF_H
#define RFA_CLI_TENSOR_DIFF_H

#include "refatom.h"

/* Starts as all zero. Values with equal bits are equal, and so are two NaN. */
struct rfa_tensor_diff {
    size_t values, different;
    size_t first;   /* index of the first different value, where there is one */
    double largest; /* difference, absolute; infinity where one of two values is NaN or infinite */
    double difference2, left2, right2, dot; /* sums of squares, and of products */
};

/* `count` values of both sides that begin at index `offset` of the tensor. */
void rfa_tensor_diff_add(struct rfa_tensor_diff *d, enum rfa_element element, const void *left, const void *right,
                         size_t count, size_t offset);

/* RMS of the difference over RMS of the left side; 0 where nothing differs. */
double rfa_tensor_diff_relative(const struct rfa_tensor_diff *d);

/* 1 where both are zero. */
double rfa_tensor_diff_cosine(const struct rfa_tensor_diff *d);

#endif

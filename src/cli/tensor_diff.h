/* How far two tensors are from each other, piece by piece. */
#ifndef RFA_CLI_TENSOR_DIFF_H
#define RFA_CLI_TENSOR_DIFF_H

#include "refatom.h"

/* Starts as all zero. Values with equal bits are equal, and so are two NaN. */
struct rfa_tensor_diff {
    size_t values, different;
    size_t first;         /* index of the first different value, where there is one */
    double largest;       /* difference, absolute; infinity where one of two values is NaN or infinite */
    double largest_share; /* difference over the larger of the two values; infinity likewise */
    double difference2, left2, right2, dot; /* sums of squares, and of products */
};

/* `count` values of both sides that begin at index `offset` of the tensor. */
void rfa_tensor_diff_add(struct rfa_tensor_diff *d, enum rfa_element element, const void *left, const void *right,
                         size_t count, size_t offset);

/* The same for int8 rows as a session keeps them: every byte is flipped by its side's mask first. */
void rfa_tensor_diff_add_s8(struct rfa_tensor_diff *d, const void *left, uint8_t left_mask, const void *right,
                            uint8_t right_mask, size_t count, size_t offset);

/* RMS of the difference over RMS of the left side; 0 where nothing differs. */
double rfa_tensor_diff_relative(const struct rfa_tensor_diff *d);

/* 1 where both are zero. */
double rfa_tensor_diff_cosine(const struct rfa_tensor_diff *d);

#endif

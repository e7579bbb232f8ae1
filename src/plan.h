/* Static memory planner: lifetimes in, offsets out. Knows nothing of ops, tensors or models. */
#ifndef RFA_PLAN_H
#define RFA_PLAN_H

#include <stdbool.h>
#include <stddef.h>

/* A block of memory that is alive from step `first` to step `last`, both included. */
struct rfa_block {
    size_t bytes; /* a multiple of 64; 0: needs no place */
    int first, last;
    size_t offset; /* result */
};

/* Gives every block an offset such that blocks alive at the same step do not overlap, and returns the highest end.
 * Greedy by size: the largest block first, each into the smallest gap that holds it between the placed blocks alive at
 * the same time. `order` is scratch of `count` entries and holds the order of offsets afterwards. SIZE_MAX where a
 * size_t does not hold the highest end: then no offset means anything. */
size_t rfa_plan_place(struct rfa_block *block, int *order, int count);

/* The largest sum of bytes alive at one step: no plan can need less. */
size_t rfa_plan_lower_bound(const struct rfa_block *block, int count, int steps);

#endif

/* What `refatom compare` has found out about two runs, and how it is told. */
#ifndef RFA_CLI_COMPARISON_H
#define RFA_CLI_COMPARISON_H

#include <stdio.h>

#include "lockstep.h"
#include "persons.h"
#include "tensor_diff.h"

/* One named tensor. Index tensors and their margins are kept, so that a changed index can be told with both margins. */
struct rfa_compared {
    char name[48];
    bool index;
    uint32_t rank;
    size_t dim[4];
    struct rfa_tensor_diff diff;
    void *kept[2]; /* of both sides, or NULL */
};

/* One result of a step whose bits differ. */
struct rfa_compared_step {
    const char *stage, *op;
    char name[80];
    uint32_t rank;
    size_t dim[4];
    struct rfa_tensor_diff diff;
};

enum { RFA_COMPARED_TENSORS = 64, RFA_COMPARED_STEPS = 20 };

struct rfa_comparison {
    struct rfa_compared tensor[RFA_COMPARED_TENSORS]; /* in the order of the model */
    size_t tensors;
    size_t steps, steps_different;                     /* results of steps looked at, and those that differ */
    struct rfa_compared_step step[RFA_COMPARED_STEPS]; /* the first of them */
    struct rfa_person_change *person;                  /* detections that only one side takes for a person */
    size_t persons;
    char title[2][160]; /* model and device of both sides */
    bool no_memory;
    double tolerance; /* largest relative difference taken; negative: any */
};

/* An index that is not the same on both sides. */
struct rfa_changed_index {
    const char *tensor;
    size_t row, frame;
    int32_t index[2];
    double margin[2]; /* best minus second best cosine; NaN where it is not known */
};

/* rfa_lockstep_job.judge, without the graph. */
void rfa_comparison_add(struct rfa_comparison *c, const struct rfa_result_view *left,
                        const struct rfa_result_view *right, const struct rfa_graph *graph);

void rfa_comparison_free(struct rfa_comparison *c);

/* The next changed index of tensor t from *at on, which moves; false when there is no more. */
bool rfa_comparison_next_change(struct rfa_changed_index *out, const struct rfa_comparison *c,
                                const struct rfa_compared *t, size_t *at);

bool rfa_comparison_equal(const struct rfa_comparison *c);

/* Relative differences within the tolerance, and changed indices only where both margins are. */
bool rfa_comparison_within(const struct rfa_comparison *c);

void rfa_comparison_print(const struct rfa_comparison *c);
void rfa_comparison_print_json(const struct rfa_comparison *c);

#endif

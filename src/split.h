/* How a step's rows and outputs are cut into tasks. A step ends with its last task, so what counts is the work of the
 * busiest thread when each takes the next task as soon as it is done with its last. Pure functions of sizes. */
#ifndef RFA_SPLIT_H
#define RFA_SPLIT_H

#include <stdbool.h>
#include <stddef.h>

/* A grid of tasks, those of the first rows first. Rows make the fewest tiles that the kernel can have, all of one
 * height or of two; blocks of rows differ by one tile, blocks of outputs by one unit. Larger ones come first, so that
 * the last tasks are the short ones. */
struct rfa_split {
    size_t rows, outputs; /* of the whole step */
    size_t tile;          /* rows of a tile, at most */
    size_t unit;          /* outputs are cut at multiples of it */
    size_t row_blocks, output_blocks;
};

struct rfa_part {
    size_t first, count;
};

struct rfa_split_rule {
    size_t threads;
    size_t tile;             /* rows */
    size_t most_rows;        /* of a task, not below a tile */
    size_t least_rows;       /* of a task, where rows are cut to keep all threads busy; not below a tile */
    size_t unit, least_unit; /* least_unit: unit, or what is left of it by halving, where whole units do not come out */
    size_t tasks;            /* wanted for each thread */
};

struct rfa_split rfa_split_product(size_t rows, size_t outputs, const struct rfa_split_rule *rule);

enum {
    RFA_TASKS_A_THREAD = 4,
    RFA_FEW_ROWS = 30 /* up to so many, a product waits for its weights */
};

/* An int8 product whose kernel has tiles of `tile` rows and takes at most `most_rows`, not below a tile, at once. */
struct rfa_split rfa_split_int8(size_t rows, size_t outputs, size_t tile, size_t most_rows, size_t threads);

/* Rows that are worked on one by one. */
struct rfa_split rfa_split_each(size_t rows, size_t threads);

/* Rows alone: at most `most` a task, not below a tile, and as many tasks, at least `tasks`, for every thread. */
struct rfa_split rfa_split_rows(size_t rows, size_t tile, size_t most, size_t tasks, size_t threads);

static inline size_t rfa_split_tasks(const struct rfa_split *s)
{
    return s->row_blocks * s->output_blocks;
}

/* Of rows alone: whether no thread has a second task that could make up for the largest, and this one is more than an
 * eighth above an even share. */
bool rfa_split_leaves_waiting(const struct rfa_split *s, size_t threads);

struct rfa_part rfa_task_rows(const struct rfa_split *s, size_t task);
struct rfa_part rfa_task_outputs(const struct rfa_split *s, size_t task);

#endif

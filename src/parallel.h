/* The thread team. The only header of threads that other files see; parallel.c is the only file that includes omp.h. */
#ifndef RFA_PARALLEL_H
#define RFA_PARALLEL_H

#include <stdbool.h>
#include <stddef.h>

struct rfa_team {
    int threads;
    bool alone; /* the calling thread does everything: for work that is smaller than the cost of waking the others */
};

/* Work of one task. `thread` is 0 ... threads-1 and picks the scratch; results must not depend on it. */
typedef void rfa_task_fn(void *context, size_t task, int thread);

/* Creates and warms the team of the calling thread, so that the regions that follow allocate nothing. Returns the
 * threads that the runtime grants (1 in a build without OpenMP). */
int rfa_team_start(struct rfa_team *team, int threads);

/* Runs task 0 ... tasks-1, each once, in no stated order; returns when all are done. Rounding to nearest and denormals
 * are in force inside, whatever the caller's floating-point mode, and the caller's mode is restored. */
void rfa_parallel_for(const struct rfa_team *team, size_t tasks, rfa_task_fn *fn, void *context);

#endif

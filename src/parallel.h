/* The thread team. The only header of threads that other files see; parallel.c is the only file that includes omp.h. */
#ifndef RFA_PARALLEL_H
#define RFA_PARALLEL_H

#include <stdbool.h>
#include <stddef.h>

/* What one thread has done; a cache line of its own. */
struct rfa_thread_work {
    _Alignas(64) size_t tasks;
    double seconds; /* from its first task to its last of every call, summed: without the wait for the others */
    int core;       /* that it was on after its last task; -1: not known */
    size_t moves;   /* times that `core` changed */
};

struct rfa_team {
    int threads;
    bool alone; /* the calling thread does everything: for work that is smaller than the cost of waking the others */
    struct rfa_thread_work *work; /* [threads], counted up; NULL: nothing is counted, and no clock read */
};

/* Work of one task. `thread` is 0 ... threads-1 and picks the scratch; results must not depend on it. */
typedef void rfa_task_fn(void *context, size_t task, int thread);

/* Creates and warms the team of the calling thread, so that the regions that follow allocate nothing; it counts nothing
 * yet. Returns the threads that the runtime grants (1 in a build without OpenMP). */
int rfa_team_start(struct rfa_team *team, int threads);

/* Numbers of the processors, at most `most`, that the runtime binds threads to because its environment asks for it
 * (OMP_PROC_BIND, OMP_PLACES, GOMP_CPU_AFFINITY): the first thread is on one of them alone then. 0: it binds none. */
int rfa_team_processors(int *processor, int most);

/* Runs task 0 ... tasks-1, each once, in no stated order; returns when all are done. Rounding to nearest and denormals
 * are in force inside, whatever the caller's floating-point mode, and the caller's mode is restored. */
void rfa_parallel_for(const struct rfa_team *team, size_t tasks, rfa_task_fn *fn, void *context);

#endif

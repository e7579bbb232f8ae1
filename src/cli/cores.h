/* Which processors the program works on: of a machine whose cores differ (big.LITTLE), the fast ones. A slow core takes
 * tasks from the same counter as the others and then is the one that all wait for at the end of every step. */
#ifndef RFA_CORES_H
#define RFA_CORES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { RFA_MAX_CORES = 256 };

struct rfa_cores {
    int count;                     /* processors this process may use */
    int cpu[RFA_MAX_CORES];        /* their numbers, ascending */
    uint32_t speed[RFA_MAX_CORES]; /* the system's capacity, or the highest frequency in kHz; 0: not known */
    bool used[RFA_MAX_CORES];
    bool capacity; /* what speed is */
    bool bound;    /* the OpenMP runtime places the threads on them, by OMP_PROC_BIND and its like */
};

/* Processors of the process's affinity mask, or those that the OpenMP runtime binds its threads to; all of them used;
 * at least one. */
void rfa_cores_allowed(struct rfa_cores *cores);

/* Takes this thread off the one processor that the OpenMP runtime may have bound it to: a program started from here
 * would take that one for all there are. */
void rfa_cores_release(void);

/* Speeds from ROOT/sys/devices/system/cpu; ROOT "" is the machine. A processor without a file has speed 0. */
void rfa_cores_read_speeds(struct rfa_cores *cores, const char *root);

/* Sets which are used: NULL or "big": those with at least 60 % of the largest capacity, or 80 % of the highest
 * frequency; "all"; or a list such as "0-3,6". Where the OpenMP runtime binds the threads, NULL means all, and there is
 * nothing else to choose. False after a message that names --affinity: not a list, or none of it may be used. */
bool rfa_cores_choose(struct rfa_cores *cores, const char *affinity);

int rfa_cores_used(const struct rfa_cores *cores);

/* Of the second-level caches below ROOT, as above, what a used core has to itself when all used ones work: the least of
 * them; 0 where the system does not tell. */
size_t rfa_cores_cache_bytes(const struct rfa_cores *cores, const char *root);

/* Keeps this thread, and those that it starts, on the used ones; nothing is asked of the system where all are used. */
bool rfa_cores_bind(const struct rfa_cores *cores);

/* "cores     0-3 capacity 414; 4-7 capacity 1024, used" */
void rfa_cores_print(FILE *out, const struct rfa_cores *cores);

#endif

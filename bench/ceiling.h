/* What this machine can do at most, measured: multiply-accumulates a second of each instruction set in loops that touch
 * registers only, and bytes a second of a streaming read. A kernel's share is its rate over the rate of the loop of its
 * own instructions, measured just before and after it, so that a busy or throttled machine shifts both. */
#ifndef RFA_BENCH_CEILING_H
#define RFA_BENCH_CEILING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../simd/cpu.h"
#include "../src/parallel.h"
#include "refatom.h"

/* One loop. Arithmetic: `run(n)` performs n * work multiply-accumulates. Reading: `read` takes every byte once; bytes
 * is a multiple of 1024, data aligned to 64. */
struct rfa_loop {
    const char *what; /* the instructions */
    double work;
    void (*run)(size_t iterations);
    void (*read)(const void *data, size_t bytes);
};

#define LOOP(kind, isa, bits) extern const struct rfa_loop rfa_loop_##kind##_##isa;
#include "ceiling.def"
#undef LOOP

struct rfa_loop_row {
    const char *kind, *isa;
    uint32_t bits;
    const struct rfa_loop *loop;
};

/* All rows of ceiling.def. */
extern const struct rfa_loop_row rfa_loop_rows[];
extern const size_t rfa_loop_count;

/* The row of this kind and ISA; for tiers that bring nothing of this kind, the one they inherit (float products of amx
 * are those of avx512). NULL where there is none: plain C has no ceiling of its own. */
const struct rfa_loop_row *rfa_loop_find(const char *kind, const char *isa);

/* Work a second of an arithmetic loop on all threads of the team: the best of `samples` runs of about a millisecond
 * each. */
double rfa_ceiling_compute(const struct rfa_loop *loop, const struct rfa_team *team, int samples);

/* Work of an arithmetic loop in a cycle of the core, on the calling thread; 0 where the clock is not known. It does not
 * depend on the clock, as the work of a second does. */
double rfa_ceiling_a_cycle(const struct rfa_loop *loop);

/* Ceiling of a model's products on this CPU tier: *what names the instructions. `weights` as in rfa_model_info. 0 and
 * *what NULL where the tier has no loop. */
double rfa_ceiling_model(const char **what, const char *weights, const char *tier, int threads);

/* Bytes a second of reading a model's file where it is mapped, at most its first gibibyte, on this CPU tier: what its
 * weights can come at. Pages that are not in memory yet come from the disk meanwhile. */
double rfa_ceiling_weights(const rfa_model *model, const char *tier, int threads);

/* Bytes a second of reading `bytes` bytes at data, split over the team: the best of `samples` passes. */
double rfa_ceiling_read(const struct rfa_loop *loop, const struct rfa_team *team, const void *data, size_t bytes,
                        int samples);

#endif

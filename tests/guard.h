/* Buffers against guard pages, for kernels that must touch exactly the shapes stated. Include before any other header.
 *
 *   struct guard g;
 *   float *x = guard_end(&g, n * sizeof *x);     x + n is the first byte of an inaccessible page
 *   float *x = guard_start(&g, n * sizeof *x);   x - 1 is the last byte of an inaccessible page
 *   float *x = guard_place(&g, n * sizeof *x);   the one or the other, as guard_at_start says
 *   ...
 *   assert_true(guard_intact(&g));               nothing was written between the buffer and the opposite guard page
 * either guard_free(&g);
 *
 * The buffer starts out filled with GUARD_FILL bytes (floats of a huge negative value, no NaN). guard_end's pointer is
 * aligned as the byte count is: a count that is a multiple of 64 gives 64-byte alignment. Failure to map ends the test
 * program. */
#ifndef RFA_TESTS_GUARD_H
#define RFA_TESTS_GUARD_H

#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#endif
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { GUARD_FILL = 0xe5 };

struct guard {
    uint8_t *map; /* guard page, accessible bytes, guard page */
    uint8_t *data;
    size_t accessible, page, bytes;
};

static inline void guard_map(struct guard *g, size_t bytes)
{
    g->page = (size_t)sysconf(_SC_PAGESIZE);
    g->bytes = bytes;
    g->accessible = (bytes + g->page - 1) / g->page * g->page;
    g->map = mmap(NULL, g->accessible + 2 * g->page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (g->map == MAP_FAILED ||
        (g->accessible && mprotect(g->map + g->page, g->accessible, PROT_READ | PROT_WRITE) != 0)) {
        perror("guard.h");
        abort();
    }
    if (g->accessible)
        memset(g->map + g->page, GUARD_FILL, g->accessible);
}

static inline void *guard_end(struct guard *g, size_t bytes)
{
    guard_map(g, bytes);
    g->data = g->map + g->page + g->accessible - bytes;
    return g->data;
}

static inline void *guard_start(struct guard *g, size_t bytes)
{
    guard_map(g, bytes);
    g->data = g->map + g->page;
    return g->data;
}

static bool guard_at_start; /* what guard_place does */

static inline void *guard_place(struct guard *g, size_t bytes)
{
    return guard_at_start ? guard_start(g, bytes) : guard_end(g, bytes);
}

static inline bool guard_intact(const struct guard *g)
{
    for (const uint8_t *p = g->map + g->page; p < g->map + g->page + g->accessible; p++)
        if ((p < g->data || p >= g->data + g->bytes) && *p != GUARD_FILL)
            return false;
    return true;
}

static inline void guard_free(struct guard *g)
{
    munmap(g->map, g->accessible + 2 * g->page);
    g->map = NULL;
}

#endif

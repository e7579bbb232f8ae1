#define _DEFAULT_SOURCE /* madvise */
#include "alloc.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef __linux__
#include <sys/mman.h>
#endif

enum { ALIGNMENT = 64, LARGE_PAGE = 2 << 20 };

#if defined(__linux__) && defined(MADV_HUGEPAGE)
/* Rows of a product lie in a page each, more of them than a processor remembers the addresses of. So large memory is
 * asked for in large pages, those that fit into it whole: it takes no more than with small ones. Where the system has
 * none, nothing changes. */
static void *take(size_t bytes)
{
    if (bytes < 2 * (size_t)LARGE_PAGE)
        return aligned_alloc(ALIGNMENT, bytes);
    void *memory = aligned_alloc(LARGE_PAGE, bytes);
    if (memory)
        madvise(memory, bytes / LARGE_PAGE * LARGE_PAGE, MADV_HUGEPAGE);
    return memory;
}
#else
static void *take(size_t bytes)
{
    return aligned_alloc(ALIGNMENT, bytes);
}
#endif

void *rfa_alloc(size_t bytes)
{
    if (bytes > SIZE_MAX - ALIGNMENT)
        return NULL;
    bytes = (bytes + ALIGNMENT) / ALIGNMENT * ALIGNMENT; /* a multiple, and 0 bytes still give a pointer */
    void *memory = take(bytes);
    if (memory)
        memset(memory, 0, bytes);
    return memory;
}

void rfa_free(void *memory)
{
    free(memory);
}

#define _DEFAULT_SOURCE /* madvise, posix_memalign */
#include "alloc.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef __linux__
#include <sys/mman.h>
#endif

enum { ALIGNMENT = 64, LARGE_PAGE = 2 << 20 };

/* Rows of a product lie in a page each, in more pages than a TLB has entries. So large memory is asked for in large
 * pages, those that fit into it whole: it takes no more than with small ones. Where the system has none, nothing
 * changes. posix_memalign, since aligned_alloc may demand a multiple of the alignment (AddressSanitizer's does). */
static void *take(size_t bytes)
{
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    if (bytes >= 2 * (size_t)LARGE_PAGE) {
        void *memory;
        if (posix_memalign(&memory, LARGE_PAGE, bytes) != 0)
            return NULL;
        madvise(memory, bytes / LARGE_PAGE * LARGE_PAGE, MADV_HUGEPAGE);
        return memory;
    }
#endif
    return aligned_alloc(ALIGNMENT, bytes);
}

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

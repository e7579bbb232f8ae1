#include "alloc.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void *rfa_alloc(size_t bytes)
{
    if (bytes > SIZE_MAX - 64)
        return NULL;
    bytes = (bytes + 64) / 64 * 64; /* aligned_alloc wants a multiple, and 0 bytes still give a pointer */
    void *memory = aligned_alloc(64, bytes);
    if (memory)
        memset(memory, 0, bytes);
    return memory;
}

void rfa_free(void *memory)
{
    free(memory);
}

/* Heapsort. */
#include "sort.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

static void swap_items(uint8_t *a, uint8_t *b, size_t size)
{
    uint8_t hold[RFA_SORT_LARGEST];
    memcpy(hold, a, size);
    memcpy(a, b, size);
    memcpy(b, hold, size);
}

/* Lets the item at `root` sink to its place in the heap of `n` items. */
static void sift_down(uint8_t *base, size_t n, size_t size, size_t root, int (*compare)(const void *, const void *))
{
    for (size_t child; (child = 2 * root + 1) < n; root = child) {
        if (child + 1 < n && compare(base + child * size, base + (child + 1) * size) < 0)
            child++;
        if (compare(base + root * size, base + child * size) >= 0)
            return;
        swap_items(base + root * size, base + child * size, size);
    }
}

void rfa_sort(void *items, size_t n, size_t size, int (*compare)(const void *, const void *))
{
    assert(size <= RFA_SORT_LARGEST);
    for (size_t i = n / 2; i-- > 0;)
        sift_down(items, n, size, i, compare);
    for (size_t i = n; i-- > 1;) {
        swap_items(items, (uint8_t *)items + i * size, size);
        sift_down(items, i, size, 0, compare);
    }
}

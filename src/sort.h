/* Sorting without memory of its own: qsort may allocate, and its worst case could be provoked by a file. */
#ifndef RFA_SORT_H
#define RFA_SORT_H

#include <stddef.h>

enum { RFA_SORT_LARGEST = 128 }; /* bytes of an item */

/* Sorts n items of `size` bytes in place; `compare` as for qsort. Items that are equal may change places. At most some
 * 2 n log2(n) comparisons, whatever the order before. */
void rfa_sort(void *items, size_t n, size_t size, int (*compare)(const void *, const void *));

#endif

#include "plan.h"

#include <stdint.h>

static bool alive_together(const struct rfa_block *a, const struct rfa_block *b)
{
    return a->first <= b->last && b->first <= a->last;
}

/* Larger first; among equals the longer life, then the earlier block, so that the order is total and the plan
 * reproducible. */
static bool before(const struct rfa_block *block, int i, int j)
{
    const struct rfa_block *a = &block[i], *b = &block[j];
    if (a->bytes != b->bytes)
        return a->bytes > b->bytes;
    if (a->last - a->first != b->last - b->first)
        return a->last - a->first > b->last - b->first;
    return i < j;
}

static void sift_down(const struct rfa_block *block, int *heap, int root, int count)
{
    for (;;) {
        int child = 2 * root + 1;
        if (child >= count)
            return;
        if (child + 1 < count && before(block, heap[child], heap[child + 1]))
            child++;
        if (!before(block, heap[root], heap[child]))
            return;
        int t = heap[root];
        heap[root] = heap[child];
        heap[child] = t;
        root = child;
    }
}

static void sort_by_size(const struct rfa_block *block, int *order, int count)
{
    for (int i = 0; i < count; i++)
        order[i] = i;
    for (int i = count / 2 - 1; i >= 0; i--)
        sift_down(block, order, i, count);
    for (int end = count - 1; end > 0; end--) {
        int t = order[0];
        order[0] = order[end];
        order[end] = t;
        sift_down(block, order, 0, end);
    }
}

/* The first byte behind a block; SIZE_MAX where that is no size_t. */
static size_t end_of(const struct rfa_block *b)
{
    return b->bytes < SIZE_MAX - b->offset ? b->offset + b->bytes : SIZE_MAX;
}

/* Of the placed blocks, sorted by offset, those alive together with `b` count: the offset of the smallest gap between
 * them that holds b, or their highest end. */
static size_t smallest_gap(const struct rfa_block *block, const int *placed, int placed_count,
                           const struct rfa_block *b)
{
    size_t end = 0, best = 0, best_bytes = 0;
    bool found = false;
    for (int i = 0; i < placed_count; i++) {
        const struct rfa_block *p = &block[placed[i]];
        if (p->bytes == 0 || !alive_together(p, b))
            continue;
        if (p->offset > end && p->offset - end >= b->bytes && (!found || p->offset - end < best_bytes)) {
            found = true;
            best = end;
            best_bytes = p->offset - end;
        }
        if (end_of(p) > end)
            end = end_of(p);
    }
    return found ? best : end;
}

/* Moves the just placed block, at position i of the order, to its place by offset among the i blocks before it. */
static void insert_by_offset(const struct rfa_block *block, int *order, int i)
{
    int id = order[i];
    while (i > 0 && block[order[i - 1]].offset > block[id].offset) {
        order[i] = order[i - 1];
        i--;
    }
    order[i] = id;
}

size_t rfa_plan_place(struct rfa_block *block, int *order, int count)
{
    size_t peak = 0;
    sort_by_size(block, order, count);
    for (int i = 0; i < count; i++) {
        struct rfa_block *b = &block[order[i]];
        b->offset = b->bytes ? smallest_gap(block, order, i, b) : 0;
        if (end_of(b) > peak)
            peak = end_of(b);
        insert_by_offset(block, order, i);
    }
    return peak;
}

size_t rfa_plan_lower_bound(const struct rfa_block *block, int count, int steps)
{
    size_t bound = 0;
    for (int s = 0; s < steps; s++) {
        size_t sum = 0;
        for (int i = 0; i < count; i++)
            if (block[i].first <= s && s <= block[i].last)
                sum += block[i].bytes;
        if (sum > bound)
            bound = sum;
    }
    return bound;
}

/* The choice at the end of every variant of the retrieval kernel: scalar, so that it is the same everywhere. */
#ifndef RFA_RETRIEVE_H
#define RFA_RETRIEVE_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

/* Best and second best so far. Start: {-inf, -inf, 0, 0}. */
struct rfa_retrieve_best {
    float best, second;
    int32_t index;
    uint32_t seen; /* cosines that were not NaN */
};

#define RFA_RETRIEVE_START ((struct rfa_retrieve_best){-INFINITY, -INFINITY, 0, 0})

/* Offers the cosine of token i; tokens come in ascending order. */
static inline void rfa_retrieve_offer(struct rfa_retrieve_best *r, float cosine, size_t i)
{
    if (isnan(cosine))
        return;
    if (r->seen == 0 || cosine > r->best) {
        r->second = r->best;
        r->best = cosine;
        r->index = (int32_t)i;
    } else if (cosine > r->second) {
        r->second = cosine;
    }
    r->seen++;
}

/* Distance to the runner-up; infinite without one, NaN when nothing was comparable. */
static inline float rfa_retrieve_margin(const struct rfa_retrieve_best *r)
{
    if (r->seen < 2)
        return r->seen == 0 ? NAN : INFINITY;
    return r->best == r->second ? 0.0f : r->best - r->second;
}

#endif

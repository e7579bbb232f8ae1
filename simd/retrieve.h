/* The choice at the end of every variant of the retrieval kernel: scalar, so that it is the same everywhere. */
#ifndef RFA_RETRIEVE_H
#define RFA_RETRIEVE_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../quant/inline.h"

/* Best and second best so far. Start: {-inf, -inf, 0, 0}. */
struct rfa_retrieve_best {
    float best, second;
    int32_t index;
    uint32_t seen; /* cosines that were not NaN */
};

#define RFA_RETRIEVE_START ((struct rfa_retrieve_best){-INFINITY, -INFINITY, 0, 0})

/* Offers the cosine of token i; tokens come in ascending order. Written for conditional moves: which token wins is not
 * predictable. */
RFA_INLINE void rfa_retrieve_offer(struct rfa_retrieve_best *r, float cosine, size_t i)
{
    bool number = cosine == cosine, wins = cosine > r->best || (r->seen == 0 && number);
    float loser = wins ? r->best : cosine;
    r->second = loser > r->second ? loser : r->second;
    r->best = wins ? cosine : r->best;
    r->index = wins ? (int32_t)i : r->index;
    r->seen += number;
}

/* Distance to the runner-up; infinite without one, NaN when nothing was comparable. */
RFA_INLINE float rfa_retrieve_margin(const struct rfa_retrieve_best *r)
{
    if (r->seen < 2)
        return r->seen == 0 ? NAN : INFINITY;
    return r->best == r->second ? 0.0f : r->best - r->second;
}

#endif

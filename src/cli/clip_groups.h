/* Samples put together by the clip that they ask about, which is read once for all of them. */
#ifndef RFA_CLI_CLIP_GROUPS_H
#define RFA_CLI_CLIP_GROUPS_H

#include "samples.h"

/* The samples of one clip: order[first] ... order[first+count-1] of the groups. */
struct rfa_clip_group {
    size_t first, count;
    size_t place; /* of the first of them in the annotations */
};

struct rfa_clip_groups {
    const struct rfa_sample **order; /* clip by clip; they belong to the samples given */
    struct rfa_clip_group *group;    /* in the order of their first samples */
    size_t count;
};

/* Of all clips, `part` (from 1) of `parts`: every parts-th one. Free with rfa_clip_groups_free, also after a failure.
 */
RFA_CHECKED enum rfa_status rfa_clip_groups_make(struct rfa_clip_groups *groups, const struct rfa_samples *samples,
                                                 size_t part, size_t parts);
void rfa_clip_groups_free(struct rfa_clip_groups *groups);

/* How many samples of the group are not among `done`, which are sorted. */
size_t rfa_clip_group_left(const struct rfa_clip_groups *groups, const struct rfa_clip_group *group,
                           const struct rfa_samples *done);

#endif

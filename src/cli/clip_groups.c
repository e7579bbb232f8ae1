#include "clip_groups.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"

static int same_clip(const struct rfa_sample *a, const struct rfa_sample *b)
{
    int order = strcmp(a->video, b->video);
    if (order || (isnan(a->at) && isnan(b->at)))
        return order;
    if (isnan(a->at) || isnan(b->at))
        return isnan(a->at) ? -1 : 1;
    return (a->at > b->at) - (a->at < b->at);
}

static int by_clip(const void *a, const void *b)
{
    const struct rfa_sample *x = *(const struct rfa_sample *const *)a, *y = *(const struct rfa_sample *const *)b;
    int order = same_clip(x, y);
    return order ? order : (x->place > y->place) - (x->place < y->place);
}

static int by_place(const void *a, const void *b)
{
    const struct rfa_clip_group *x = a, *y = b;
    return (x->place > y->place) - (x->place < y->place);
}

enum rfa_status rfa_clip_groups_make(struct rfa_clip_groups *groups, const struct rfa_samples *samples, size_t part,
                                     size_t parts)
{
    size_t n = samples->count, clips = 0;
    *groups = (struct rfa_clip_groups){.order = malloc((n + 1) * sizeof *groups->order),
                                       .group = malloc((n + 1) * sizeof *groups->group)};
    if (!groups->order || !groups->group)
        return rfa_fail(samples->log, RFA_ERR_NOMEM, "no memory for the list of clips; close other programs");
    for (size_t i = 0; i < n; i++)
        groups->order[i] = &samples->item[i];
    qsort(groups->order, n, sizeof *groups->order, by_clip);
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || same_clip(groups->order[i - 1], groups->order[i]) != 0)
            groups->group[clips++] = (struct rfa_clip_group){i, 0, groups->order[i]->place};
        groups->group[clips - 1].count++;
    }
    qsort(groups->group, clips, sizeof *groups->group, by_place);
    for (size_t i = part - 1; i < clips; i += parts)
        groups->group[groups->count++] = groups->group[i];
    return RFA_OK;
}

void rfa_clip_groups_free(struct rfa_clip_groups *groups)
{
    free(groups->order);
    free(groups->group);
    *groups = (struct rfa_clip_groups){.order = NULL};
}

size_t rfa_clip_group_left(const struct rfa_clip_groups *groups, const struct rfa_clip_group *group,
                           const struct rfa_samples *done)
{
    size_t left = 0;
    for (size_t i = 0; i < group->count; i++)
        left += !rfa_samples_find(done, groups->order[group->first + i]->key);
    return left;
}

#include "demands.h"

#include <stdlib.h>
#include <string.h>

#include "alloc.h"

static bool has(const struct rfa_demands *d, const char *name)
{
    for (size_t i = d->count; i-- > 0;)
        if (strcmp(d->item[i].name, name) == 0)
            return true;
    return false;
}

static bool grow(struct rfa_demands *d)
{
    size_t capacity = 2 * d->capacity + 256;
    struct rfa_demand *grown = d->count < d->capacity ? d->item : realloc(d->item, capacity * sizeof *grown);
    if (!grown)
        return false;
    d->capacity = d->count < d->capacity ? d->capacity : capacity;
    d->item = grown;
    return true;
}

/* Two paths may share a tensor: only the first demand counts. */
static void take(void *user, const struct rfa_demand *demand)
{
    struct rfa_demands *d = user;
    if (d->no_memory || has(d, demand->name))
        return;
    char *name = malloc(strlen(demand->name) + 1);
    d->no_memory = !name || !grow(d);
    if (d->no_memory) {
        free(name);
        return;
    }
    strcpy(name, demand->name);
    d->item[d->count] = *demand;
    d->item[d->count++].name = name;
}

enum rfa_status rfa_demands_list(struct rfa_demands *d, const struct rfa_config *config, const struct rfa_gguf *gguf,
                                 const char *path, const struct rfa_log *log)
{
    struct rfa_graph graph = {.tensor = NULL};
    struct rfa_build b = {.graph = &graph, .gguf = gguf, .demand = take, .demand_user = d, .file = path, .log = log};
    *d = (struct rfa_demands){.item = NULL};
    rfa_build_pipeline(&b, config);
    rfa_free(graph.tensor);
    rfa_free(graph.step);
    rfa_free(graph.trace);
    if (b.status == RFA_OK && d->no_memory)
        return rfa_fail(log, RFA_ERR_NOMEM, "%s: no memory for the list of its tensors; close other programs", path);
    return b.status;
}

void rfa_demands_free(struct rfa_demands *d)
{
    for (size_t i = 0; i < d->count; i++)
        free((void *)(uintptr_t)d->item[i].name);
    free(d->item);
    *d = (struct rfa_demands){.item = NULL};
}

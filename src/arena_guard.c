#include "arena_guard.h"

#if RFA_ARENA_GUARD
#include <sanitizer/asan_interface.h>
#include <string.h>

static bool whole_session(const struct rfa_session *s, const struct rfa_block *b)
{
    return b->first == 0 && b->last == s->model->graph.step_count - 1;
}

/* Memory that comes to life holds a pattern that no op may rely on. */
static void allow(const struct rfa_session *s, const struct rfa_block *b)
{
    unsigned char *begin = s->arena + b->offset;
    size_t bytes = b->bytes - RFA_RED_ZONE;
    __asan_unpoison_memory_region(begin, bytes);
    memset(begin, 0xaa, bytes);
}

void rfa_guard_start(const struct rfa_session *s)
{
    __asan_poison_memory_region(s->arena, s->arena_bytes);
    for (int i = 0; i < s->block_count; i++)
        if (s->block[i].bytes && whole_session(s, &s->block[i]))
            __asan_unpoison_memory_region(s->arena + s->block[i].offset, s->block[i].bytes - RFA_RED_ZONE);
}

void rfa_guard_end(const struct rfa_session *s)
{
    __asan_unpoison_memory_region(s->arena, s->arena_bytes);
}

void rfa_guard_enter(const struct rfa_session *s, int step)
{
    for (int i = 0; i < s->block_count; i++)
        if (s->block[i].bytes && s->block[i].first == step && !whole_session(s, &s->block[i]))
            allow(s, &s->block[i]);
}

void rfa_guard_leave(const struct rfa_session *s, int step)
{
    for (int i = 0; i < s->block_count; i++)
        if (s->block[i].bytes && s->block[i].last == step && !whole_session(s, &s->block[i]))
            __asan_poison_memory_region(s->arena + s->block[i].offset, s->block[i].bytes);
}
#else
typedef int rfa_arena_guard_is_empty; /* ISO C wants a declaration */
#endif

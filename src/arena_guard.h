/* Under AddressSanitizer the arena reports what a plan or an op gets wrong: every block is followed by a red zone, and
 * only the blocks that are alive at the current step may be touched. In other builds all of this is nothing. */
#ifndef RFA_ARENA_GUARD_H
#define RFA_ARENA_GUARD_H

#include "session.h"

#if defined(__SANITIZE_ADDRESS__)
#define RFA_ARENA_GUARD 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define RFA_ARENA_GUARD 1
#endif
#endif
#ifndef RFA_ARENA_GUARD
#define RFA_ARENA_GUARD 0
#endif

/* Bytes added behind every block. */
enum { RFA_RED_ZONE = RFA_ARENA_GUARD ? 64 : 0 };

#if RFA_ARENA_GUARD
/* The whole arena becomes forbidden, but for the blocks that live as long as the session. */
void rfa_guard_start(const struct rfa_session *s);
/* The arena becomes ordinary memory again. */
void rfa_guard_end(const struct rfa_session *s);
/* Blocks whose life begins at `step` may be touched from now on. */
void rfa_guard_enter(const struct rfa_session *s, int step);
/* Blocks whose life ends at `step` may not be touched any more. */
void rfa_guard_leave(const struct rfa_session *s, int step);
#else
static inline void rfa_guard_start(const struct rfa_session *s)
{
    (void)s;
}
static inline void rfa_guard_end(const struct rfa_session *s)
{
    (void)s;
}
static inline void rfa_guard_enter(const struct rfa_session *s, int step)
{
    (void)s;
    (void)step;
}
static inline void rfa_guard_leave(const struct rfa_session *s, int step)
{
    (void)s;
    (void)step;
}
#endif

#endif

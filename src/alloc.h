/* The only door to the heap: for loading a model and for rfa_session_create(). Nothing here is called after a session's
 * init. */
#ifndef RFA_ALLOC_H
#define RFA_ALLOC_H

#include <stddef.h>

/* Zeroed memory aligned to 64 bytes, or NULL. Free with rfa_free. bytes may be 0. */
void *rfa_alloc(size_t bytes);

/* NULL is fine. */
void rfa_free(void *memory);

#endif

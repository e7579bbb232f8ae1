#include "gguf_writer_state.h"

#include "checked.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum rfa_status rfa_gguf_keep_failure(struct rfa_gguf_writer *w, enum rfa_status status)
{
    if (w->failure == RFA_OK)
        w->failure = status;
    return w->failure;
}

enum rfa_status rfa_gguf_out_of_memory(struct rfa_gguf_writer *w)
{
    return rfa_gguf_keep_failure(w, rfa_fail(w->log, RFA_ERR_NOMEM,
                                             "%s: no memory for the table of contents; close other programs",
                                             w->output.path));
}

enum rfa_status rfa_gguf_io_failure(struct rfa_gguf_writer *w, const char *what)
{
    return rfa_gguf_keep_failure(
        w, rfa_fail(w->log, RFA_ERR_IO, "%s: cannot %s: %s", w->output.path, what, strerror(errno)));
}

/* Room for `more` bytes at the end of the metadata; NULL after a failure. */
static uint8_t *grow(struct rfa_gguf_writer *w, size_t more)
{
    if (w->failure != RFA_OK)
        return NULL;
    if (more > w->values.capacity - w->values.count) {
        uint64_t capacity;
        uint8_t *data = NULL;
        if (rfa_mul_add(&capacity, w->values.count, 2, (uint64_t)more + 4096) && capacity <= SIZE_MAX)
            data = realloc(w->values.data, (size_t)capacity);
        if (!data) {
            rfa_gguf_out_of_memory(w);
            return NULL;
        }
        w->values.data = data;
        w->values.capacity = (size_t)capacity;
    }
    w->values.count += more;
    return w->values.data + w->values.count - more;
}

void rfa_gguf_append(struct rfa_gguf_writer *w, const void *data, size_t bytes)
{
    uint8_t *to = grow(w, bytes);
    if (to && bytes > 0)
        memcpy(to, data, bytes);
}

void rfa_gguf_append_u32(struct rfa_gguf_writer *w, uint32_t x)
{
    rfa_gguf_append(w, &x, sizeof x);
}

void rfa_gguf_append_u64(struct rfa_gguf_writer *w, uint64_t x)
{
    rfa_gguf_append(w, &x, sizeof x);
}

void rfa_gguf_append_string(struct rfa_gguf_writer *w, struct rfa_str s)
{
    if (w->failure == RFA_OK && s.len > RFA_GGUF_MAX_STRING)
        rfa_gguf_keep_failure(w, rfa_fail(w->log, RFA_ERR_ARG, "%s: a string of %zu bytes; %d are allowed",
                                          w->output.path, s.len, RFA_GGUF_MAX_STRING));
    rfa_gguf_append_u64(w, s.len);
    rfa_gguf_append(w, s.data, s.len);
}

bool rfa_gguf_is_name(struct rfa_str s, size_t limit)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] <= ' ' || s.data[i] > '~')
            return false;
    }
    return s.len > 0 && s.len <= limit;
}

enum rfa_status rfa_gguf_emit(struct rfa_gguf_writer *w, const void *data, size_t bytes)
{
    if (bytes > 0 && fwrite(data, 1, bytes, w->file) != bytes)
        return rfa_gguf_io_failure(w, "write");
    if (w->hashing)
        rfa_digest_add(&w->digest, data, bytes);
    return RFA_OK;
}

enum rfa_status rfa_gguf_emit_padding(struct rfa_gguf_writer *w, uint64_t written)
{
    static const uint8_t zeros[RFA_GGUF_WRITER_ALIGNMENT];
    return rfa_gguf_emit(
        w, zeros,
        (size_t)((RFA_GGUF_WRITER_ALIGNMENT - written % RFA_GGUF_WRITER_ALIGNMENT) % RFA_GGUF_WRITER_ALIGNMENT));
}

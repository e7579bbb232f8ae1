/* Writes GGUF files into memory byte by byte, wrong ones too: for the tests of the reader and of the configuration. */
#ifndef RFA_TESTS_GGUF_BYTES_H
#define RFA_TESTS_GGUF_BYTES_H

#include "../src/gguf.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct gguf_bytes {
    uint8_t *data;
    size_t count, capacity;
};

static inline void bytes_put(struct gguf_bytes *b, const void *data, size_t count)
{
    if (count > b->capacity - b->count) {
        b->capacity = 2 * b->capacity + count + 256;
        b->data = realloc(b->data, b->capacity);
        if (!b->data)
            abort();
    }
    if (count > 0)
        memcpy(b->data + b->count, data, count);
    b->count += count;
}

static inline void bytes_u8(struct gguf_bytes *b, uint8_t x)
{
    bytes_put(b, &x, sizeof x);
}

static inline void bytes_u32(struct gguf_bytes *b, uint32_t x)
{
    bytes_put(b, &x, sizeof x);
}

static inline void bytes_u64(struct gguf_bytes *b, uint64_t x)
{
    bytes_put(b, &x, sizeof x);
}

static inline void bytes_string(struct gguf_bytes *b, const char *s)
{
    bytes_u64(b, strlen(s));
    bytes_put(b, s, strlen(s));
}

static inline void bytes_pad(struct gguf_bytes *b, size_t alignment)
{
    while (b->count % alignment != 0)
        bytes_u8(b, 0);
}

static inline void bytes_header(struct gguf_bytes *b, const char *magic, uint32_t version, uint64_t tensors,
                                uint64_t values)
{
    bytes_put(b, magic, 4);
    bytes_u32(b, version);
    bytes_u64(b, tensors);
    bytes_u64(b, values);
}

static inline void bytes_key(struct gguf_bytes *b, const char *key, uint32_t type)
{
    bytes_string(b, key);
    bytes_u32(b, type);
}

static inline void bytes_array(struct gguf_bytes *b, const char *key, uint32_t element_type, uint64_t count)
{
    bytes_key(b, key, RFA_GGUF_TYPE_ARRAY);
    bytes_u32(b, element_type);
    bytes_u64(b, count);
}

/* Writes the bytes to PARENT/name; says why it could not. */
static inline bool bytes_save(const struct gguf_bytes *b, const char *parent, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", parent, name);
    FILE *f = fopen(path, "wb");
    bool ok = f && fwrite(b->data, 1, b->count, f) == b->count;
    if (f && fclose(f) != 0)
        ok = false;
    if (!ok)
        perror(path);
    return ok;
}

/* Remembers the last message and counts them. */
struct log_memory {
    char message[1024];
    enum rfa_status status;
    int count;
};

static inline void log_remember(void *user, enum rfa_status status, const char *message)
{
    struct log_memory *memory = user;
    snprintf(memory->message, sizeof memory->message, "%s", message);
    memory->status = status;
    memory->count++;
}

#endif

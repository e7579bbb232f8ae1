/* The writer's state and what its files share: failures, the bytes of the head in memory, bytes into the file. Private
 * to gguf_writer*.c:
 *
 *     gguf_writer.c           the file: open, data, finish, discard
 *     gguf_writer_metadata.c  keys and values;  gguf_writer_tensors.c  names, shapes and offsets
 *     gguf_writer_head.c      both of them into the file, and the digest
 */
#ifndef RFA_GGUF_WRITER_STATE_H
#define RFA_GGUF_WRITER_STATE_H

#include <stdio.h>

#include "digest.h"
#include "gguf_writer.h"
#include "output.h"

struct rfa_gguf_writer_tensor {
    char name[RFA_GGUF_MAX_NAME];
    size_t name_len;
    enum rfa_type type;
    uint32_t rank;
    uint64_t dim[RFA_MAX_DIMS];
    uint64_t offset, bytes;
};

struct rfa_gguf_writer {
    const struct rfa_log *log;
    struct rfa_output output;
    FILE *file;
    enum rfa_status failure; /* the first one */
    struct {
        uint8_t *data;
        size_t count, capacity;
    } values;    /* the metadata section as it will stand in the file */
    size_t *key; /* of each entry: the offset in values.data of its length */
    size_t value_count;
    struct rfa_gguf_writer_tensor *tensor;
    size_t tensor_count, tensor_capacity;
    uint64_t data_bytes; /* of all tensors, padded */
    bool head_written;
    size_t current;        /* tensor being written */
    uint64_t current_done; /* bytes of it that stand in the file */
    struct rfa_digest digest;
    size_t digest_at; /* offset in values.data of its digits; 0: none wanted */
    bool hashing;     /* data is being written */
};

/* Keeps the first failure and returns it; later ones follow from it. The other two log one and keep it. */
enum rfa_status rfa_gguf_keep_failure(struct rfa_gguf_writer *w, enum rfa_status status);
enum rfa_status rfa_gguf_out_of_memory(struct rfa_gguf_writer *w);
enum rfa_status rfa_gguf_io_failure(struct rfa_gguf_writer *w, const char *what);

/* Appends to w->values; does nothing after a failure. */
void rfa_gguf_append(struct rfa_gguf_writer *w, const void *data, size_t bytes);
void rfa_gguf_append_u32(struct rfa_gguf_writer *w, uint32_t x);
void rfa_gguf_append_u64(struct rfa_gguf_writer *w, uint64_t x);
void rfa_gguf_append_string(struct rfa_gguf_writer *w, struct rfa_str s);

/* Whether `s` may be a key or a tensor's name: 1 to `limit` printable ASCII characters without spaces. */
bool rfa_gguf_is_name(struct rfa_str s, size_t limit);

/* Into the file, and into the digest while w->hashing; padding is what `written` bytes lack to the alignment. */
enum rfa_status rfa_gguf_emit(struct rfa_gguf_writer *w, const void *data, size_t bytes);
enum rfa_status rfa_gguf_emit_padding(struct rfa_gguf_writer *w, uint64_t written);

/* Checks that names are given once, and writes all that stands before the data. From then on the data is hashed, if a
 * digest is wanted. */
enum rfa_status rfa_gguf_write_head(struct rfa_gguf_writer *w);

/* When all data is written: the digest into the head, if one is wanted. */
enum rfa_status rfa_gguf_write_digest(struct rfa_gguf_writer *w);

#endif

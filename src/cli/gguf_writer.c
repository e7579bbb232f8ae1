#define _XOPEN_SOURCE 700 /* fsync, fileno */

#include "gguf_writer.h"

#include "checked.h"
#include "digest.h"
#include "output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct bytes {
    uint8_t *data;
    size_t count, capacity;
};

struct tensor {
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
    struct bytes values;     /* the metadata section as it will stand in the file */
    size_t *key;             /* of each entry: the offset in values.data of its length */
    size_t value_count;
    struct tensor *tensor;
    size_t tensor_count, tensor_capacity;
    uint64_t data_bytes; /* of all tensors, padded */
    bool head_written;
    size_t current;        /* tensor being written */
    uint64_t current_done; /* bytes of it that stand in the file */
    struct rfa_digest digest;
    size_t digest_at; /* offset in values.data of its digits; 0: none wanted */
    bool hashing;     /* data is being written */
};

/* ------------------------------------------------------------------ failures and memory */

/* Keeps the first failure; later ones follow from it. */
static enum rfa_status keep(struct rfa_gguf_writer *w, enum rfa_status status)
{
    if (w->failure == RFA_OK)
        w->failure = status;
    return w->failure;
}

static enum rfa_status out_of_memory(struct rfa_gguf_writer *w)
{
    return keep(w, rfa_fail(w->log, RFA_ERR_NOMEM, "%s: no memory for the table of contents; close other programs",
                            w->output.path));
}

static enum rfa_status io_failure(struct rfa_gguf_writer *w, const char *what)
{
    return keep(w, rfa_fail(w->log, RFA_ERR_IO, "%s: cannot %s: %s", w->output.path, what, strerror(errno)));
}

/* Room for `more` bytes at the end of the metadata; NULL after a failure. */
static uint8_t *grow(struct rfa_gguf_writer *w, size_t more)
{
    struct bytes *b = &w->values;
    if (w->failure != RFA_OK)
        return NULL;
    if (more > b->capacity - b->count) {
        uint64_t capacity;
        uint8_t *data = NULL;
        if (rfa_mul_add(&capacity, b->count, 2, (uint64_t)more + 4096) && capacity <= SIZE_MAX)
            data = realloc(b->data, (size_t)capacity);
        if (!data) {
            out_of_memory(w);
            return NULL;
        }
        b->data = data;
        b->capacity = (size_t)capacity;
    }
    b->count += more;
    return b->data + b->count - more;
}

static void append(struct rfa_gguf_writer *w, const void *data, size_t bytes)
{
    uint8_t *to = grow(w, bytes);
    if (to && bytes > 0)
        memcpy(to, data, bytes);
}

static void append_u32(struct rfa_gguf_writer *w, uint32_t x)
{
    append(w, &x, sizeof x);
}

static void append_u64(struct rfa_gguf_writer *w, uint64_t x)
{
    append(w, &x, sizeof x);
}

static void append_string(struct rfa_gguf_writer *w, struct rfa_str s)
{
    if (w->failure == RFA_OK && s.len > RFA_GGUF_MAX_STRING)
        keep(w, rfa_fail(w->log, RFA_ERR_ARG, "%s: a string of %zu bytes; %d are allowed", w->output.path, s.len,
                         RFA_GGUF_MAX_STRING));
    append_u64(w, s.len);
    append(w, s.data, s.len);
}

/* ------------------------------------------------------------------ open */

static bool identifier(struct rfa_str s, size_t limit)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] <= ' ' || s.data[i] > '~')
            return false;
    }
    return s.len > 0 && s.len <= limit;
}

/* The digest is written last, into the head: a pipe or device will not do. */
static enum rfa_status create_file(struct rfa_gguf_writer *w, const char *path)
{
    struct stat s;
    if (stat(path, &s) == 0 && !S_ISREG(s.st_mode))
        return rfa_fail(w->log, RFA_ERR_IO, "%s: not a regular file; give the name of a file to write", path);
    w->file = rfa_output_open(&w->output, path, w->log);
    return w->file ? RFA_OK : RFA_ERR_IO;
}

static void release(struct rfa_gguf_writer *w)
{
    free(w->values.data);
    free(w->key);
    free(w->tensor);
    free(w);
}

enum rfa_status rfa_gguf_writer_open(struct rfa_gguf_writer **out, const char *path, const struct rfa_log *log)
{
    *out = NULL;
    struct rfa_gguf_writer *w = calloc(1, sizeof *w);
    if (!w)
        return rfa_fail(log, RFA_ERR_NOMEM, "%s: no memory to write it; close other programs", path);
    w->log = log;
    w->key = malloc(RFA_GGUF_MAX_VALUES * sizeof *w->key);
    enum rfa_status status =
        w->key ? create_file(w, path)
               : rfa_fail(log, RFA_ERR_NOMEM, "%s: no memory to write it; close other programs", path);
    if (status != RFA_OK) {
        release(w);
        return status;
    }
    rfa_gguf_put_u32(w, "general.alignment", RFA_GGUF_WRITER_ALIGNMENT);
    *out = w;
    return RFA_OK;
}

/* ------------------------------------------------------------------ metadata */

static void put_key_str(struct rfa_gguf_writer *w, struct rfa_str key, enum rfa_gguf_type type)
{
    if (w->failure != RFA_OK)
        return;
    if (w->head_written)
        keep(w, rfa_fail(w->log, RFA_ERR_ARG, "%s: key \"%s\" comes after the data", w->output.path, key.data));
    else if (!identifier(key, RFA_GGUF_MAX_KEY))
        keep(w, rfa_fail(w->log, RFA_ERR_ARG, "%s: a key of %zu bytes is not 1 to %d printable ASCII characters",
                         w->output.path, key.len, RFA_GGUF_MAX_KEY));
    else if (w->value_count == RFA_GGUF_MAX_VALUES)
        keep(w,
             rfa_fail(w->log, RFA_ERR_ARG, "%s: more than %d metadata entries", w->output.path, RFA_GGUF_MAX_VALUES));
    else
        w->key[w->value_count++] = w->values.count;
    append_string(w, key);
    append_u32(w, type);
}

static void put_scalar(struct rfa_gguf_writer *w, const char *key, enum rfa_gguf_type type, const void *value)
{
    put_key_str(w, (struct rfa_str){key, strlen(key)}, type);
    append(w, value, rfa_gguf_type_bytes(type));
}

void rfa_gguf_put_u32(struct rfa_gguf_writer *w, const char *key, uint32_t value)
{
    put_scalar(w, key, RFA_GGUF_TYPE_U32, &value);
}

void rfa_gguf_put_u64(struct rfa_gguf_writer *w, const char *key, uint64_t value)
{
    put_scalar(w, key, RFA_GGUF_TYPE_U64, &value);
}

void rfa_gguf_put_i32(struct rfa_gguf_writer *w, const char *key, int32_t value)
{
    put_scalar(w, key, RFA_GGUF_TYPE_I32, &value);
}

void rfa_gguf_put_i64(struct rfa_gguf_writer *w, const char *key, int64_t value)
{
    put_scalar(w, key, RFA_GGUF_TYPE_I64, &value);
}

void rfa_gguf_put_f32(struct rfa_gguf_writer *w, const char *key, float value)
{
    put_scalar(w, key, RFA_GGUF_TYPE_F32, &value);
}

void rfa_gguf_put_f64(struct rfa_gguf_writer *w, const char *key, double value)
{
    put_scalar(w, key, RFA_GGUF_TYPE_F64, &value);
}

void rfa_gguf_put_bool(struct rfa_gguf_writer *w, const char *key, bool value)
{
    uint8_t byte = value;
    put_scalar(w, key, RFA_GGUF_TYPE_BOOL, &byte);
}

void rfa_gguf_put_string(struct rfa_gguf_writer *w, const char *key, struct rfa_str value)
{
    put_key_str(w, (struct rfa_str){key, strlen(key)}, RFA_GGUF_TYPE_STRING);
    append_string(w, value);
}

static void put_array_head(struct rfa_gguf_writer *w, struct rfa_str key, uint32_t element_type, uint64_t count)
{
    put_key_str(w, key, RFA_GGUF_TYPE_ARRAY);
    append_u32(w, element_type);
    append_u64(w, count);
}

static void put_value_array(struct rfa_gguf_writer *w, const struct rfa_gguf_value *value)
{
    const uint8_t *end = value->as.array.data;
    put_array_head(w, value->key, value->as.array.element_type, value->as.array.count);
    if (value->as.array.kind == RFA_GGUF_STRING) {
        for (uint64_t i = 0; i < value->as.array.count; i++)
            rfa_gguf_next_string(&end);
    } else {
        end += (size_t)value->as.array.count * rfa_gguf_type_bytes(value->as.array.element_type);
    }
    append(w, value->as.array.data, (size_t)(end - value->as.array.data));
}

void rfa_gguf_put_value(struct rfa_gguf_writer *w, const struct rfa_gguf_value *value)
{
    char key[RFA_GGUF_MAX_KEY + 1] = "";
    if (value->key.len <= RFA_GGUF_MAX_KEY)
        memcpy(key, value->key.data, value->key.len);
    if (strcmp(key, "general.alignment") == 0)
        return;
    switch (value->kind) {
    case RFA_GGUF_UINT:
        if (value->as.u <= UINT32_MAX)
            rfa_gguf_put_u32(w, key, (uint32_t)value->as.u);
        else
            rfa_gguf_put_u64(w, key, value->as.u);
        break;
    case RFA_GGUF_INT:
        if (value->as.i >= INT32_MIN && value->as.i <= INT32_MAX)
            rfa_gguf_put_i32(w, key, (int32_t)value->as.i);
        else
            rfa_gguf_put_i64(w, key, value->as.i);
        break;
    case RFA_GGUF_FLOAT:
        if ((double)(float)value->as.f == value->as.f)
            rfa_gguf_put_f32(w, key, (float)value->as.f);
        else
            rfa_gguf_put_f64(w, key, value->as.f);
        break;
    case RFA_GGUF_BOOL:
        rfa_gguf_put_bool(w, key, value->as.b);
        break;
    case RFA_GGUF_STRING:
        rfa_gguf_put_string(w, key, value->as.s);
        break;
    case RFA_GGUF_ARRAY:
        put_value_array(w, value);
        break;
    }
}

void rfa_gguf_put_digest(struct rfa_gguf_writer *w)
{
    char zeros[RFA_DIGEST_CHARS];
    memset(zeros, '0', sizeof zeros);
    rfa_gguf_put_string(w, RFA_DIGEST_KEY, (struct rfa_str){zeros, sizeof zeros});
    w->digest_at = w->values.count - sizeof zeros;
    rfa_digest_start(&w->digest);
}

/* ------------------------------------------------------------------ tensors */

static struct tensor *new_tensor(struct rfa_gguf_writer *w)
{
    if (w->tensor_count == w->tensor_capacity) {
        size_t capacity =
            w->tensor_capacity ? 2 * w->tensor_capacity : 256; /* at most RFA_GGUF_MAX_TENSORS: no overflow */
        struct tensor *grown = realloc(w->tensor, capacity * sizeof *grown);
        if (!grown) {
            out_of_memory(w);
            return NULL;
        }
        w->tensor = grown;
        w->tensor_capacity = capacity;
    }
    return &w->tensor[w->tensor_count++];
}

static bool shape_bytes(uint64_t *bytes, enum rfa_type type, uint32_t rank, const uint64_t *dim)
{
    *bytes = rfa_type_bytes(type);
    for (uint32_t i = 0; i < rank; i++) {
        if (dim[i] == 0 || !rfa_mul_add(bytes, *bytes, dim[i], 0))
            return false;
    }
    return rank >= 1 && rank <= RFA_MAX_DIMS;
}

void rfa_gguf_declare(struct rfa_gguf_writer *w, struct rfa_str name, enum rfa_type type, uint32_t rank,
                      const uint64_t *dim)
{
    uint64_t bytes, end;
    struct tensor *t = NULL;
    if (w->failure != RFA_OK)
        return;
    if (w->head_written)
        keep(w, rfa_fail(w->log, RFA_ERR_ARG, "%s: a tensor is declared after the first data", w->output.path));
    else if (!identifier(name, RFA_GGUF_MAX_NAME))
        keep(w,
             rfa_fail(w->log, RFA_ERR_ARG, "%s: a tensor name of %zu bytes is not 1 to %d printable ASCII characters",
                      w->output.path, name.len, RFA_GGUF_MAX_NAME));
    else if (w->tensor_count == RFA_GGUF_MAX_TENSORS)
        keep(w, rfa_fail(w->log, RFA_ERR_ARG, "%s: more than %d tensors", w->output.path, RFA_GGUF_MAX_TENSORS));
    else if (!shape_bytes(&bytes, type, rank > RFA_MAX_DIMS ? 0 : rank, dim) ||
             !rfa_mul_add(&end, 1, w->data_bytes, bytes) || !rfa_mul_round_up(&end, end, RFA_GGUF_WRITER_ALIGNMENT))
        keep(w, rfa_fail(w->log, RFA_ERR_ARG,
                         "%s: tensor \"%.*s\" has no valid shape: 1 to %d dimensions, none 0, below 2^64 bytes",
                         w->output.path, (int)name.len, name.data, RFA_MAX_DIMS));
    else
        t = new_tensor(w);
    if (!t)
        return;
    *t = (struct tensor){.name_len = name.len, .type = type, .rank = rank, .offset = w->data_bytes, .bytes = bytes};
    memcpy(t->name, name.data, name.len);
    memcpy(t->dim, dim, rank * sizeof *dim);
    w->data_bytes = end;
}

/* ------------------------------------------------------------------ the head of the file */

/* Sorts `s` and refuses a repetition. */
static enum rfa_status check_unique(struct rfa_gguf_writer *w, struct rfa_str *s, size_t count, const char *what)
{
    qsort(s, count, sizeof *s, rfa_str_compare);
    for (size_t i = 1; i < count; i++) {
        if (rfa_str_compare(&s[i - 1], &s[i]) == 0)
            return keep(w, rfa_fail(w->log, RFA_ERR_ARG, "%s: %s \"%.*s\" is given twice", w->output.path, what,
                                    (int)s[i].len, s[i].data));
    }
    return RFA_OK;
}

static enum rfa_status check_names(struct rfa_gguf_writer *w)
{
    size_t most = w->value_count > w->tensor_count ? w->value_count : w->tensor_count;
    struct rfa_str *s = malloc((most + 1) * sizeof *s);
    if (!s)
        return out_of_memory(w);
    for (size_t i = 0; i < w->value_count; i++) {
        uint64_t len;
        memcpy(&len, w->values.data + w->key[i], sizeof len);
        s[i] = (struct rfa_str){(const char *)w->values.data + w->key[i] + sizeof len, (size_t)len};
    }
    enum rfa_status status = check_unique(w, s, w->value_count, "key");
    for (size_t i = 0; i < w->tensor_count; i++)
        s[i] = (struct rfa_str){w->tensor[i].name, w->tensor[i].name_len};
    if (status == RFA_OK)
        status = check_unique(w, s, w->tensor_count, "tensor");
    free(s);
    return status;
}

static enum rfa_status put_bytes(struct rfa_gguf_writer *w, const void *data, size_t bytes)
{
    if (bytes > 0 && fwrite(data, 1, bytes, w->file) != bytes)
        return io_failure(w, "write");
    if (w->hashing)
        rfa_digest_add(&w->digest, data, bytes);
    return RFA_OK;
}

static enum rfa_status put_padding(struct rfa_gguf_writer *w, uint64_t written)
{
    static const uint8_t zeros[RFA_GGUF_WRITER_ALIGNMENT];
    return put_bytes(
        w, zeros,
        (size_t)((RFA_GGUF_WRITER_ALIGNMENT - written % RFA_GGUF_WRITER_ALIGNMENT) % RFA_GGUF_WRITER_ALIGNMENT));
}

/* Tensor entries go behind the metadata in the same buffer: from here on it is the whole head but for its first 24
 * bytes. */
static void append_tensor(struct rfa_gguf_writer *w, const struct tensor *t)
{
    append_string(w, (struct rfa_str){t->name, t->name_len});
    append_u32(w, t->rank);
    for (uint32_t i = t->rank; i-- > 0;)
        append_u64(w, t->dim[i]);
    append_u32(w, rfa_type_ggml(t->type));
    append_u64(w, t->offset);
}

static enum rfa_status put_head(struct rfa_gguf_writer *w)
{
    uint32_t version = 3;
    uint64_t counts[2] = {w->tensor_count, w->value_count};
    RFA_TRY(put_bytes(w, "GGUF", 4));
    RFA_TRY(put_bytes(w, &version, sizeof version));
    RFA_TRY(put_bytes(w, counts, sizeof counts));
    RFA_TRY(put_bytes(w, w->values.data, w->values.count));
    return put_padding(w, 4 + sizeof version + sizeof counts + w->values.count);
}

static enum rfa_status write_head(struct rfa_gguf_writer *w)
{
    w->head_written = true;
    RFA_TRY(check_names(w));
    for (size_t i = 0; i < w->tensor_count; i++)
        append_tensor(w, &w->tensor[i]);
    RFA_TRY(w->failure);
    RFA_TRY(put_head(w));
    w->hashing = w->digest_at > 0;
    return RFA_OK;
}

/* The data is hashed: hashes the head by writing it again, the digest still being zeros, and then writes the digest. */
static enum rfa_status write_digest(struct rfa_gguf_writer *w)
{
    char text[RFA_DIGEST_CHARS];
    if (w->digest_at == 0)
        return RFA_OK;
    if (fseek(w->file, 0, SEEK_SET) != 0)
        return io_failure(w, "go back in");
    RFA_TRY(put_head(w));
    w->hashing = false;
    rfa_digest_finish(&w->digest, text);
    memcpy(w->values.data + w->digest_at, text, sizeof text);
    if (fseek(w->file, 0, SEEK_SET) != 0)
        return io_failure(w, "go back in");
    return put_head(w);
}

/* ------------------------------------------------------------------ data */

enum rfa_status rfa_gguf_write(struct rfa_gguf_writer *w, const void *data, size_t bytes)
{
    const uint8_t *from = data;
    RFA_TRY(w->failure);
    if (!w->head_written)
        RFA_TRY(write_head(w));
    while (bytes > 0) {
        if (w->current == w->tensor_count)
            return keep(w, rfa_fail(w->log, RFA_ERR_ARG, "%s: %zu bytes more data than the tensors declared have",
                                    w->output.path, bytes));
        const struct tensor *t = &w->tensor[w->current];
        uint64_t left = t->bytes - w->current_done;
        size_t piece = bytes < left ? bytes : (size_t)left;
        RFA_TRY(put_bytes(w, from, piece));
        from += piece;
        bytes -= piece;
        w->current_done += piece;
        if (w->current_done == t->bytes) {
            RFA_TRY(put_padding(w, t->bytes));
            w->current++;
            w->current_done = 0;
        }
    }
    return RFA_OK;
}

static enum rfa_status complete(struct rfa_gguf_writer *w)
{
    RFA_TRY(w->failure);
    if (!w->head_written)
        RFA_TRY(write_head(w));
    if (w->current < w->tensor_count) {
        const struct tensor *t = &w->tensor[w->current];
        return rfa_fail(w->log, RFA_ERR_ARG, "%s: the data ends inside tensor \"%.*s\" (%llu of %llu bytes)",
                        w->output.path, (int)t->name_len, t->name, (unsigned long long)w->current_done,
                        (unsigned long long)t->bytes);
    }
    RFA_TRY(write_digest(w));
    if (fflush(w->file) != 0 || fsync(fileno(w->file)) != 0)
        return io_failure(w, "write");
    return RFA_OK;
}

enum rfa_status rfa_gguf_writer_finish(struct rfa_gguf_writer **writer)
{
    struct rfa_gguf_writer *w = *writer;
    enum rfa_status status = complete(w);
    if (status == RFA_OK) {
        FILE *file = w->file;
        w->file = NULL;
        if (fclose(file) != 0)
            status = io_failure(w, "write");
    } else {
        fclose(w->file);
    }
    status = rfa_output_end(&w->output, status);
    release(w);
    *writer = NULL;
    return status;
}

void rfa_gguf_writer_discard(struct rfa_gguf_writer **writer)
{
    struct rfa_gguf_writer *w = *writer;
    if (!w)
        return;
    fclose(w->file);
    rfa_output_end(&w->output, RFA_ERR_IO);
    release(w);
    *writer = NULL;
}

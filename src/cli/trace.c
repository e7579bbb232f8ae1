#include "trace.h"

#include <stdlib.h>
#include <string.h>

#include "gguf_writer.h"

enum { MAX_TENSORS = 64 };

struct entry {
    struct rfa_trace tensor; /* name and dims */
    unsigned char *data;
    size_t bytes;
};

struct rfa_trace_file {
    struct entry entry[MAX_TENSORS];
    size_t count;
    bool failed; /* a tensor found no memory or no place */
};

struct rfa_trace_file *rfa_trace_file_new(void)
{
    return calloc(1, sizeof(struct rfa_trace_file));
}

void rfa_trace_file_free(struct rfa_trace_file *file)
{
    for (size_t i = 0; file && i < file->count; i++)
        free(file->entry[i].data);
    free(file);
}

/* Bytes of one unit of dimension 0. */
static size_t row_bytes(const struct rfa_trace *t)
{
    size_t bytes = 4; /* both element types */
    for (uint32_t i = 1; i < t->rank; i++)
        bytes *= t->dim[i];
    return bytes;
}

/* The entry of this name with room for the whole tensor; NULL without memory. */
static struct entry *entry_of(struct rfa_trace_file *file, const struct rfa_trace *t)
{
    size_t bytes = row_bytes(t) * t->dim[0], i = 0;
    while (i < file->count && strcmp(file->entry[i].tensor.name, t->name) != 0)
        i++;
    if (i == MAX_TENSORS)
        return NULL;
    struct entry *e = &file->entry[i];
    if (i == file->count || e->bytes != bytes) {
        unsigned char *data = calloc(1, bytes);
        if (!data)
            return NULL;
        free(e->data);
        *e = (struct entry){*t, data, bytes};
    }
    file->count += i == file->count;
    return e;
}

void rfa_trace_file_add(void *user, const struct rfa_trace *t)
{
    struct rfa_trace_file *file = user;
    struct entry *e = entry_of(file, t);
    if (!e) {
        file->failed = true;
        return;
    }
    size_t part = row_bytes(t) * t->count;
    for (size_t i = 0; i < t->repeat; i++)
        memcpy(e->data + t->first * row_bytes(t) + i * part, t->data, part);
}

enum rfa_status rfa_trace_file_write(const struct rfa_trace_file *file, const char *path, const struct rfa_log *log)
{
    struct rfa_gguf_writer *w;
    if (file->failed)
        return rfa_fail(log, RFA_ERR_NOMEM, "%s: no memory for all tensors of the trace; close other programs", path);
    RFA_TRY(rfa_gguf_writer_open(&w, path, log));
    rfa_gguf_put_string(w, "general.architecture", RFA_STR("refatom-case"));
    for (size_t i = 0; i < file->count; i++) {
        const struct rfa_trace *t = &file->entry[i].tensor;
        uint64_t dim[4] = {t->dim[0], t->dim[1], t->dim[2], t->dim[3]};
        rfa_gguf_declare(w, (struct rfa_str){t->name, strlen(t->name)},
                         t->element == RFA_ELEMENT_I32 ? RFA_TYPE_I32 : RFA_TYPE_F32, t->rank, dim);
    }
    for (size_t i = 0; i < file->count; i++)
        if (rfa_gguf_write(w, file->entry[i].data, file->entry[i].bytes) != RFA_OK)
            break; /* kept by the writer and returned below */
    return rfa_gguf_writer_finish(&w);
}

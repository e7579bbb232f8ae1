#define _XOPEN_SOURCE 700 /* fsync, fileno */
#include "gguf_writer.h"

#include "gguf_writer_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* ------------------------------------------------------------------ open */

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

/* ------------------------------------------------------------------ data */

enum rfa_status rfa_gguf_write(struct rfa_gguf_writer *w, const void *data, size_t bytes)
{
    const uint8_t *from = data;
    RFA_TRY(w->failure);
    if (!w->head_written)
        RFA_TRY(rfa_gguf_write_head(w));
    while (bytes > 0) {
        if (w->current == w->tensor_count)
            return rfa_gguf_keep_failure(w, rfa_fail(w->log, RFA_ERR_ARG,
                                                     "%s: %zu bytes more data than the tensors declared have",
                                                     w->output.path, bytes));
        const struct rfa_gguf_writer_tensor *t = &w->tensor[w->current];
        uint64_t left = t->bytes - w->current_done;
        size_t piece = bytes < left ? bytes : (size_t)left;
        RFA_TRY(rfa_gguf_emit(w, from, piece));
        from += piece;
        bytes -= piece;
        w->current_done += piece;
        if (w->current_done == t->bytes) {
            RFA_TRY(rfa_gguf_emit_padding(w, t->bytes));
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
        RFA_TRY(rfa_gguf_write_head(w));
    if (w->current < w->tensor_count) {
        const struct rfa_gguf_writer_tensor *t = &w->tensor[w->current];
        return rfa_fail(w->log, RFA_ERR_ARG, "%s: the data ends inside tensor \"%.*s\" (%llu of %llu bytes)",
                        w->output.path, (int)t->name_len, t->name, (unsigned long long)w->current_done,
                        (unsigned long long)t->bytes);
    }
    RFA_TRY(rfa_gguf_write_digest(w));
    if (fflush(w->file) != 0 || fsync(fileno(w->file)) != 0)
        return rfa_gguf_io_failure(w, "write");
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
            status = rfa_gguf_io_failure(w, "write");
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

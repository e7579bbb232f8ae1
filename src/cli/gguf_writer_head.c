#include "gguf_writer_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Sorts `s` and refuses a repetition. */
static enum rfa_status check_unique(struct rfa_gguf_writer *w, struct rfa_str *s, size_t count, const char *what)
{
    qsort(s, count, sizeof *s, rfa_str_compare);
    for (size_t i = 1; i < count; i++) {
        if (rfa_str_compare(&s[i - 1], &s[i]) == 0)
            return rfa_gguf_keep_failure(w, rfa_fail(w->log, RFA_ERR_ARG, "%s: %s \"%.*s\" is given twice",
                                                     w->output.path, what, (int)s[i].len, s[i].data));
    }
    return RFA_OK;
}

static enum rfa_status check_names(struct rfa_gguf_writer *w)
{
    size_t most = w->value_count > w->tensor_count ? w->value_count : w->tensor_count;
    struct rfa_str *s = malloc((most + 1) * sizeof *s);
    if (!s)
        return rfa_gguf_out_of_memory(w);
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

/* Tensor entries go behind the metadata in the same buffer: from here on it is the whole head but for its first 24
 * bytes. */
static void append_tensor(struct rfa_gguf_writer *w, const struct rfa_gguf_writer_tensor *t)
{
    rfa_gguf_append_string(w, (struct rfa_str){t->name, t->name_len});
    rfa_gguf_append_u32(w, t->rank);
    for (uint32_t i = t->rank; i-- > 0;)
        rfa_gguf_append_u64(w, t->dim[i]);
    rfa_gguf_append_u32(w, rfa_type_ggml(t->type));
    rfa_gguf_append_u64(w, t->offset);
}

static enum rfa_status put_head(struct rfa_gguf_writer *w)
{
    uint32_t version = 3;
    uint64_t counts[2] = {w->tensor_count, w->value_count};
    RFA_TRY(rfa_gguf_emit(w, "GGUF", 4));
    RFA_TRY(rfa_gguf_emit(w, &version, sizeof version));
    RFA_TRY(rfa_gguf_emit(w, counts, sizeof counts));
    RFA_TRY(rfa_gguf_emit(w, w->values.data, w->values.count));
    return rfa_gguf_emit_padding(w, 4 + sizeof version + sizeof counts + w->values.count);
}

enum rfa_status rfa_gguf_write_head(struct rfa_gguf_writer *w)
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
enum rfa_status rfa_gguf_write_digest(struct rfa_gguf_writer *w)
{
    char text[RFA_DIGEST_CHARS];
    if (w->digest_at == 0)
        return RFA_OK;
    if (fseek(w->file, 0, SEEK_SET) != 0)
        return rfa_gguf_io_failure(w, "go back in");
    RFA_TRY(put_head(w));
    w->hashing = false;
    rfa_digest_finish(&w->digest, text);
    memcpy(w->values.data + w->digest_at, text, sizeof text);
    if (fseek(w->file, 0, SEEK_SET) != 0)
        return rfa_gguf_io_failure(w, "go back in");
    return put_head(w);
}

#include "gguf_writer.h"

#include "checked.h"
#include "gguf_writer_state.h"

#include <stdlib.h>
#include <string.h>

static struct rfa_gguf_writer_tensor *new_tensor(struct rfa_gguf_writer *w)
{
    if (w->tensor_count == w->tensor_capacity) {
        size_t capacity =
            w->tensor_capacity ? 2 * w->tensor_capacity : 256; /* at most RFA_GGUF_MAX_TENSORS: no overflow */
        struct rfa_gguf_writer_tensor *grown = realloc(w->tensor, capacity * sizeof *grown);
        if (!grown) {
            rfa_gguf_out_of_memory(w);
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
    struct rfa_gguf_writer_tensor *t = NULL;
    if (w->failure != RFA_OK)
        return;
    if (w->head_written)
        rfa_gguf_keep_failure(
            w, rfa_fail(w->log, RFA_ERR_ARG, "%s: a tensor is declared after the first data", w->output.path));
    else if (!rfa_gguf_is_name(name, RFA_GGUF_MAX_NAME))
        rfa_gguf_keep_failure(w, rfa_fail(w->log, RFA_ERR_ARG,
                                          "%s: a tensor name of %zu bytes is not 1 to %d printable ASCII characters",
                                          w->output.path, name.len, RFA_GGUF_MAX_NAME));
    else if (w->tensor_count == RFA_GGUF_MAX_TENSORS)
        rfa_gguf_keep_failure(
            w, rfa_fail(w->log, RFA_ERR_ARG, "%s: more than %d tensors", w->output.path, RFA_GGUF_MAX_TENSORS));
    else if (!shape_bytes(&bytes, type, rank > RFA_MAX_DIMS ? 0 : rank, dim) ||
             !rfa_mul_add(&end, 1, w->data_bytes, bytes) || !rfa_mul_round_up(&end, end, RFA_GGUF_WRITER_ALIGNMENT))
        rfa_gguf_keep_failure(
            w, rfa_fail(w->log, RFA_ERR_ARG,
                        "%s: tensor \"%.*s\" has no valid shape: 1 to %d dimensions, none 0, below 2^64 bytes",
                        w->output.path, (int)name.len, name.data, RFA_MAX_DIMS));
    else
        t = new_tensor(w);
    if (!t)
        return;
    *t = (struct rfa_gguf_writer_tensor){
        .name_len = name.len, .type = type, .rank = rank, .offset = w->data_bytes, .bytes = bytes};
    memcpy(t->name, name.data, name.len);
    memcpy(t->dim, dim, rank * sizeof *dim);
    w->data_bytes = end;
}

#include "metadata.h"

#include <stdlib.h>
#include <string.h>

static int compare_values(const void *a, const void *b)
{
    const struct rfa_gguf_value *const *x = a, *const *y = b;
    return rfa_str_order((*x)->key, (*y)->key);
}

void rfa_metadata_start(struct rfa_metadata *m, const char *name, const struct rfa_log *log)
{
    *m = (struct rfa_metadata){.name = name, .log = log};
}

void rfa_metadata_free(struct rfa_metadata *m)
{
    for (size_t i = 0; i < m->memory_count; i++)
        free(m->memory[i]);
    m->memory_count = m->count = 0;
}

bool rfa_metadata_has(const struct rfa_metadata *m, struct rfa_str key)
{
    for (size_t i = 0; i < m->count; i++)
        if (rfa_str_order(m->value[i].key, key) == 0)
            return true;
    return false;
}

/* Memory that the list owns; NULL after a failure. */
static void *reserve(struct rfa_metadata *m, size_t bytes)
{
    void *memory = m->status == RFA_OK ? malloc(bytes ? bytes : 1) : NULL;
    if (memory)
        m->memory[m->memory_count++] = memory;
    else if (m->status == RFA_OK)
        m->status = rfa_fail(m->log, RFA_ERR_NOMEM, "%s: no memory for its metadata; close other programs", m->name);
    return memory;
}

/* A new entry, to be completed by the caller; NULL after a failure. */
static struct rfa_gguf_value *add(struct rfa_metadata *m, struct rfa_str key, enum rfa_gguf_kind kind)
{
    if (m->status != RFA_OK)
        return NULL;
    if (m->count == RFA_METADATA_MAX || key.len == 0 || key.len > RFA_GGUF_MAX_KEY || rfa_metadata_has(m, key)) {
        m->status =
            rfa_fail(m->log, RFA_ERR_FORMAT,
                     "%s: key '%.*s' is given twice, empty, too long, or one too many (%d are allowed); remove it",
                     m->name, (int)(key.len < 80 ? key.len : 80), key.data, RFA_METADATA_MAX);
        return NULL;
    }
    char *copy = reserve(m, key.len);
    if (!copy)
        return NULL;
    memcpy(copy, key.data, key.len);
    struct rfa_gguf_value *v = &m->value[m->count++];
    *v = (struct rfa_gguf_value){.key = {copy, key.len}, .kind = kind};
    return v;
}

void rfa_metadata_uint(struct rfa_metadata *m, struct rfa_str key, uint64_t value)
{
    struct rfa_gguf_value *v = add(m, key, RFA_GGUF_UINT);
    if (v)
        v->as.u = value;
}

void rfa_metadata_int(struct rfa_metadata *m, struct rfa_str key, int64_t value)
{
    struct rfa_gguf_value *v = add(m, key, RFA_GGUF_INT);
    if (v)
        v->as.i = value;
}

void rfa_metadata_float(struct rfa_metadata *m, struct rfa_str key, double value)
{
    struct rfa_gguf_value *v = add(m, key, RFA_GGUF_FLOAT);
    if (v)
        v->as.f = value;
}

void rfa_metadata_bool(struct rfa_metadata *m, struct rfa_str key, bool value)
{
    struct rfa_gguf_value *v = add(m, key, RFA_GGUF_BOOL);
    if (v)
        v->as.b = value;
}

void rfa_metadata_string(struct rfa_metadata *m, struct rfa_str key, struct rfa_str value)
{
    struct rfa_gguf_value *v = add(m, key, RFA_GGUF_STRING);
    char *copy = v ? reserve(m, value.len) : NULL;
    if (!copy)
        return;
    memcpy(copy, value.data, value.len);
    v->as.s = (struct rfa_str){copy, value.len};
}

/* Room for the elements of a new array entry as a file stores them. */
static uint8_t *add_array(struct rfa_metadata *m, struct rfa_str key, enum rfa_gguf_kind kind, enum rfa_gguf_type type,
                          size_t count, size_t bytes)
{
    struct rfa_gguf_value *v = add(m, key, RFA_GGUF_ARRAY);
    uint8_t *data = v ? reserve(m, bytes) : NULL;
    if (!data)
        return NULL;
    v->as.array.kind = kind;
    v->as.array.element_type = (uint32_t)type;
    v->as.array.count = count;
    v->as.array.data = data;
    return data;
}

void rfa_metadata_uints(struct rfa_metadata *m, struct rfa_str key, const uint32_t *value, size_t count)
{
    uint8_t *data = add_array(m, key, RFA_GGUF_UINT, RFA_GGUF_TYPE_U32, count, count * sizeof *value);
    if (data)
        memcpy(data, value, count * sizeof *value);
}

void rfa_metadata_floats(struct rfa_metadata *m, struct rfa_str key, const float *value, size_t count)
{
    uint8_t *data = add_array(m, key, RFA_GGUF_FLOAT, RFA_GGUF_TYPE_F32, count, count * sizeof *value);
    if (data)
        memcpy(data, value, count * sizeof *value);
}

void rfa_metadata_strings(struct rfa_metadata *m, struct rfa_str key, const struct rfa_str *value, size_t count)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += sizeof(uint64_t) + value[i].len;
    uint8_t *data = add_array(m, key, RFA_GGUF_STRING, RFA_GGUF_TYPE_STRING, count, bytes);
    for (size_t i = 0; data && i < count; i++) {
        uint64_t length = value[i].len;
        memcpy(data, &length, sizeof length);
        memcpy(data + sizeof length, value[i].data, value[i].len);
        data += sizeof length + value[i].len;
    }
}

struct rfa_gguf rfa_metadata_view(struct rfa_metadata *m)
{
    for (size_t i = 0; i < m->count; i++)
        m->by_key[i] = &m->value[i];
    qsort(m->by_key, m->count, sizeof m->by_key[0], compare_values);
    return (struct rfa_gguf){.value = m->value, .value_by_key = m->by_key, .value_count = m->count, .alignment = 64};
}

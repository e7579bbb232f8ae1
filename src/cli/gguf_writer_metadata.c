#include "gguf_writer.h"

#include "gguf_writer_state.h"

#include <string.h>

static void put_key_str(struct rfa_gguf_writer *w, struct rfa_str key, enum rfa_gguf_type type)
{
    if (w->failure != RFA_OK)
        return;
    if (w->head_written)
        rfa_gguf_keep_failure(
            w, rfa_fail(w->log, RFA_ERR_ARG, "%s: key \"%s\" comes after the data", w->output.path, key.data));
    else if (!rfa_gguf_is_name(key, RFA_GGUF_MAX_KEY))
        rfa_gguf_keep_failure(w, rfa_fail(w->log, RFA_ERR_ARG,
                                          "%s: a key of %zu bytes is not 1 to %d printable ASCII characters",
                                          w->output.path, key.len, RFA_GGUF_MAX_KEY));
    else if (w->value_count == RFA_GGUF_MAX_VALUES)
        rfa_gguf_keep_failure(
            w, rfa_fail(w->log, RFA_ERR_ARG, "%s: more than %d metadata entries", w->output.path, RFA_GGUF_MAX_VALUES));
    else
        w->key[w->value_count++] = w->values.count;
    rfa_gguf_append_string(w, key);
    rfa_gguf_append_u32(w, type);
}

static void put_scalar(struct rfa_gguf_writer *w, const char *key, enum rfa_gguf_type type, const void *value)
{
    put_key_str(w, (struct rfa_str){key, strlen(key)}, type);
    rfa_gguf_append(w, value, rfa_gguf_type_bytes(type));
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
    rfa_gguf_append_string(w, value);
}

static void put_array_head(struct rfa_gguf_writer *w, struct rfa_str key, uint32_t element_type, uint64_t count)
{
    put_key_str(w, key, RFA_GGUF_TYPE_ARRAY);
    rfa_gguf_append_u32(w, element_type);
    rfa_gguf_append_u64(w, count);
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
    rfa_gguf_append(w, value->as.array.data, (size_t)(end - value->as.array.data));
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

/* What a file's table says: types, entries by name, values. The table is made in gguf_parse.c. */
#include "gguf.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ types */

static const struct {
    uint8_t bytes; /* 0: of variable length */
    enum rfa_gguf_kind kind;
} value_types[] = {
    [RFA_GGUF_TYPE_U8] = {1, RFA_GGUF_UINT},       [RFA_GGUF_TYPE_I8] = {1, RFA_GGUF_INT},
    [RFA_GGUF_TYPE_U16] = {2, RFA_GGUF_UINT},      [RFA_GGUF_TYPE_I16] = {2, RFA_GGUF_INT},
    [RFA_GGUF_TYPE_U32] = {4, RFA_GGUF_UINT},      [RFA_GGUF_TYPE_I32] = {4, RFA_GGUF_INT},
    [RFA_GGUF_TYPE_F32] = {4, RFA_GGUF_FLOAT},     [RFA_GGUF_TYPE_BOOL] = {1, RFA_GGUF_BOOL},
    [RFA_GGUF_TYPE_STRING] = {0, RFA_GGUF_STRING}, [RFA_GGUF_TYPE_ARRAY] = {0, RFA_GGUF_ARRAY},
    [RFA_GGUF_TYPE_U64] = {8, RFA_GGUF_UINT},      [RFA_GGUF_TYPE_I64] = {8, RFA_GGUF_INT},
    [RFA_GGUF_TYPE_F64] = {8, RFA_GGUF_FLOAT},
};

static const struct {
    const char *name;
    uint32_t ggml_type;
    uint32_t bytes;
} tensor_types[] = {
    [RFA_TYPE_F32] = {"F32", 0, 4},
    [RFA_TYPE_F16] = {"F16", 1, 2},
    [RFA_TYPE_I8] = {"I8", 24, 1},
    [RFA_TYPE_I32] = {"I32", 26, 4},
};

size_t rfa_type_bytes(enum rfa_type type)
{
    return tensor_types[type].bytes;
}

const char *rfa_type_name(enum rfa_type type)
{
    return tensor_types[type].name;
}

uint32_t rfa_type_ggml(enum rfa_type type)
{
    return tensor_types[type].ggml_type;
}

size_t rfa_gguf_type_bytes(uint32_t type)
{
    return value_types[type].bytes;
}

enum rfa_gguf_kind rfa_gguf_type_kind(uint32_t type)
{
    return value_types[type].kind;
}

/* ------------------------------------------------------------------ lookup */

static int order_to_tensor(const void *name, const void *tensor)
{
    return rfa_str_order(*(const struct rfa_str *)name, ((const struct rfa_gguf_tensor *)tensor)->name);
}

static int order_to_value(const void *key, const void *value)
{
    return rfa_str_order(*(const struct rfa_str *)key, (*(const struct rfa_gguf_value *const *)value)->key);
}

const struct rfa_gguf_tensor *rfa_gguf_find_tensor(const struct rfa_gguf *gguf, struct rfa_str name)
{
    if (gguf->tensor_count == 0)
        return NULL;
    return bsearch(&name, gguf->tensor, gguf->tensor_count, sizeof *gguf->tensor, order_to_tensor);
}

const struct rfa_gguf_value *rfa_gguf_find_value(const struct rfa_gguf *gguf, struct rfa_str key)
{
    if (gguf->value_count == 0)
        return NULL;
    const struct rfa_gguf_value *const *found =
        bsearch(&key, gguf->value_by_key, gguf->value_count, sizeof *gguf->value_by_key, order_to_value);
    return found ? *found : NULL;
}

/* ------------------------------------------------------------------ values */

void rfa_gguf_load_scalar(struct rfa_gguf_value *value, uint32_t type, const uint8_t *p)
{
    union {
        uint16_t u16;
        int16_t i16;
        uint32_t u32;
        int32_t i32;
        int64_t i64;
        uint64_t u64;
        float f32;
        double f64;
    } x = {.u64 = 0};
    memcpy(&x, p, value_types[type].bytes);
    value->kind = value_types[type].kind;
    switch (value->kind) {
    case RFA_GGUF_UINT: /* little-endian: the narrow ones stand in the low bytes */
        value->as.u = x.u64;
        break;
    case RFA_GGUF_INT:
        value->as.i = value_types[type].bytes == 1   ? (int8_t)p[0]
                      : value_types[type].bytes == 2 ? x.i16
                      : value_types[type].bytes == 4 ? x.i32
                                                     : x.i64;
        break;
    case RFA_GGUF_FLOAT:
        value->as.f = value_types[type].bytes == 4 ? (double)x.f32 : x.f64;
        break;
    case RFA_GGUF_BOOL:
        value->as.b = p[0] != 0;
        break;
    case RFA_GGUF_STRING:
    case RFA_GGUF_ARRAY:
        assert(!"a scalar type");
    }
}

double rfa_gguf_array_number(const struct rfa_gguf_value *value, uint64_t i)
{
    struct rfa_gguf_value element = {.as.u = 0};
    uint32_t type = value->as.array.element_type;
    assert(value->kind == RFA_GGUF_ARRAY && i < value->as.array.count && type != RFA_GGUF_TYPE_STRING);
    rfa_gguf_load_scalar(&element, type, value->as.array.data + (size_t)i * value_types[type].bytes);
    switch (element.kind) {
    case RFA_GGUF_UINT:
        return (double)element.as.u;
    case RFA_GGUF_INT:
        return (double)element.as.i;
    case RFA_GGUF_BOOL:
        return element.as.b;
    default:
        return element.as.f;
    }
}

struct rfa_str rfa_gguf_next_string(const uint8_t **cursor)
{
    uint64_t len;
    memcpy(&len, *cursor, sizeof len);
    struct rfa_str s = {(const char *)*cursor + sizeof len, (size_t)len};
    *cursor += sizeof len + (size_t)len;
    return s;
}

#include "gguf.h"

#include "checked.h"
#include "sizes.h"
#include "sort.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "gguf.c: model files are little-endian and used in place; big-endian machines are not supported"
#endif

/* A count is bounded by what the file could hold, so the table is never out of proportion to the file. */
enum {
    HEADER_BYTES = 24,
    LEAST_VALUE_BYTES = 8 + 1 + 4 + 1,          /* a key of one byte, a type, a value of one byte */
    LEAST_TENSOR_BYTES = 8 + 1 + 4 + 8 + 4 + 8, /* a name of one byte, a rank, one dimension, a type, an offset */
    DEFAULT_ALIGNMENT = 32
};

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

enum { TENSOR_TYPES = sizeof tensor_types / sizeof tensor_types[0] };

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

/* ggml's name of a tensor type that refatom does not read, for the message; NULL for a number that ggml does not know
 * either. */
static const char *foreign_type_name(uint32_t ggml_type)
{
    static const char *const names[] = {
        [2] = "Q4_0",     [3] = "Q4_1",    [6] = "Q5_0",     [7] = "Q5_1",   [8] = "Q8_0",    [9] = "Q8_1",
        [10] = "Q2_K",    [11] = "Q3_K",   [12] = "Q4_K",    [13] = "Q5_K",  [14] = "Q6_K",   [15] = "Q8_K",
        [16] = "IQ2_XXS", [17] = "IQ2_XS", [18] = "IQ3_XXS", [19] = "IQ1_S", [20] = "IQ4_NL", [21] = "IQ3_S",
        [22] = "IQ2_S",   [23] = "IQ4_XS", [25] = "I16",     [27] = "I64",   [28] = "F64",    [29] = "IQ1_M",
        [30] = "BF16",    [34] = "TQ1_0",  [35] = "TQ2_0",   [39] = "MXFP4",
    };
    return ggml_type < sizeof names / sizeof names[0] ? names[ggml_type] : NULL;
}

/* ------------------------------------------------------------------ the cursor */

/* Where reading stands, and what a message has to say about it. */
struct reader {
    const uint8_t *base;
    size_t at, end; /* end: bytes in the file */
    const char *section;
    size_t index; /* of the entry within the section */
    const char *name;
    const struct rfa_log *log;
};

/* "NAME: SECTION INDEX: reason" */
#if defined(__GNUC__) || defined(__clang__)
__attribute__((format(printf, 3, 4)))
#endif
static enum rfa_status
refuse(const struct reader *r, enum rfa_status status, const char *format, ...)
{
    char reason[640];
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    return rfa_fail(r->log, status, "%s: %s %zu: %s", r->name, r->section, r->index, reason);
}

/* The next `bytes` bytes of the file; `what` names them. */
static enum rfa_status take(struct reader *r, const uint8_t **out, uint64_t bytes, const char *what)
{
    if (bytes > r->end - r->at) {
        refuse(r, RFA_ERR_FORMAT,
               "the file ends inside the %s (%llu bytes wanted at byte %zu of %zu); it is cut short or damaged: fetch "
               "or convert it "
               "again",
               what, (unsigned long long)bytes, r->at, r->end);
        return RFA_ERR_FORMAT; /* a constant, so that a compiler sees that *out is set whenever it is used */
    }
    *out = r->base + r->at;
    r->at += (size_t)bytes;
    return RFA_OK;
}

static enum rfa_status take_u32(struct reader *r, uint32_t *out, const char *what)
{
    const uint8_t *p;
    RFA_TRY(take(r, &p, sizeof *out, what));
    memcpy(out, p, sizeof *out);
    return RFA_OK;
}

static enum rfa_status take_u64(struct reader *r, uint64_t *out, const char *what)
{
    const uint8_t *p;
    RFA_TRY(take(r, &p, sizeof *out, what));
    memcpy(out, p, sizeof *out);
    return RFA_OK;
}

/* A string of at most `limit` bytes; longer ones are refused with `status`. */
static enum rfa_status take_string(struct reader *r, struct rfa_str *out, uint64_t limit, enum rfa_status status,
                                   const char *what)
{
    uint64_t len;
    const uint8_t *p;
    RFA_TRY(take_u64(r, &len, what));
    if (len > limit)
        return refuse(r, status, "its %s has %llu bytes, more than the %llu allowed", what, (unsigned long long)len,
                      (unsigned long long)limit);
    RFA_TRY(take(r, &p, len, what));
    *out = (struct rfa_str){(const char *)p, (size_t)len};
    return RFA_OK;
}

/* Keys and tensor names: printable ASCII without spaces, so that they can be shown and compared bytewise. */
static enum rfa_status take_identifier(struct reader *r, struct rfa_str *out, uint64_t limit, enum rfa_status status,
                                       const char *what)
{
    RFA_TRY(take_string(r, out, limit, status, what));
    if (out->len == 0)
        return refuse(r, RFA_ERR_FORMAT, "its %s is empty", what);
    for (size_t i = 0; i < out->len; i++) {
        if (out->data[i] <= ' ' || out->data[i] > '~')
            return refuse(r, RFA_ERR_FORMAT,
                          "its %s has the byte 0x%02x at %zu; only printable ASCII without spaces is allowed", what,
                          (unsigned)(uint8_t)out->data[i], i);
    }
    return RFA_OK;
}

/* ------------------------------------------------------------------ order and lookup */

_Static_assert(sizeof(struct rfa_gguf_tensor) <= RFA_SORT_LARGEST, "tensors can be sorted");

static int by_name(const void *a, const void *b)
{
    return rfa_str_order(((const struct rfa_gguf_tensor *)a)->name, ((const struct rfa_gguf_tensor *)b)->name);
}

static int by_data(const void *a, const void *b)
{
    uintptr_t x = (uintptr_t)((const struct rfa_gguf_tensor *)a)->data;
    uintptr_t y = (uintptr_t)((const struct rfa_gguf_tensor *)b)->data;
    return (x > y) - (x < y);
}

static int by_key(const void *a, const void *b)
{
    return rfa_str_order((*(const struct rfa_gguf_value *const *)a)->key,
                         (*(const struct rfa_gguf_value *const *)b)->key);
}

const struct rfa_gguf_tensor *rfa_gguf_find_tensor(const struct rfa_gguf *gguf, struct rfa_str name)
{
    size_t low = 0, high = gguf->tensor_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = rfa_str_order(gguf->tensor[middle].name, name);
        if (order == 0)
            return &gguf->tensor[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const struct rfa_gguf_value *rfa_gguf_find_value(const struct rfa_gguf *gguf, struct rfa_str key)
{
    size_t low = 0, high = gguf->value_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = rfa_str_order(gguf->value_by_key[middle]->key, key);
        if (order == 0)
            return gguf->value_by_key[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* ------------------------------------------------------------------ header */

struct header {
    uint64_t tensor_count, value_count;
};

static enum rfa_status check_magic(const struct reader *r)
{
    uint32_t version;
    if (memcmp(r->base, "FUGG", 4) == 0)
        return rfa_fail(r->log, RFA_ERR_UNSUPPORTED, "%s: a GGUF file for big-endian machines; convert the model again",
                        r->name);
    if (memcmp(r->base, "GGUF", 4) != 0)
        return rfa_fail(r->log, RFA_ERR_FORMAT,
                        "%s: not a GGUF file (it does not begin with \"GGUF\"); give a model made by convert.py",
                        r->name);
    memcpy(&version, r->base + 4, sizeof version);
    if (version != 0 && (version & 0xffff) == 0)
        return rfa_fail(r->log, RFA_ERR_UNSUPPORTED,
                        "%s: GGUF version with its bytes in big-endian order; convert the model again", r->name);
    if (version != 3)
        return rfa_fail(r->log, RFA_ERR_UNSUPPORTED,
                        "%s: GGUF version %lu; only version 3 is read: convert the model again", r->name,
                        (unsigned long)version);
    return RFA_OK;
}

static enum rfa_status check_count(const struct reader *r, uint64_t count, uint64_t limit, uint64_t least_bytes,
                                   const char *what)
{
    if (count > limit)
        return rfa_fail(r->log, RFA_ERR_UNSUPPORTED, "%s: %llu %s, more than the %llu allowed", r->name,
                        (unsigned long long)count, what, (unsigned long long)limit);
    if (count > (r->end - HEADER_BYTES) / least_bytes)
        return rfa_fail(r->log, RFA_ERR_FORMAT,
                        "%s: claims %llu %s, which do not fit its %zu bytes; it is cut short or damaged", r->name,
                        (unsigned long long)count, what, r->end);
    return RFA_OK;
}

static enum rfa_status read_header(struct reader *r, struct header *h)
{
    if (r->end < HEADER_BYTES)
        return rfa_fail(r->log, RFA_ERR_FORMAT, "%s: %zu bytes, too short for a GGUF header of %d", r->name, r->end,
                        HEADER_BYTES);
    RFA_TRY(check_magic(r));
    memcpy(&h->tensor_count, r->base + 8, 8);
    memcpy(&h->value_count, r->base + 16, 8);
    RFA_TRY(check_count(r, h->tensor_count, RFA_GGUF_MAX_TENSORS, LEAST_TENSOR_BYTES, "tensors"));
    RFA_TRY(check_count(r, h->value_count, RFA_GGUF_MAX_VALUES, LEAST_VALUE_BYTES, "metadata entries"));
    r->at = HEADER_BYTES;
    return RFA_OK;
}

/* The table: tensors, values, values in the order of their keys. The counts are under the limits, so nothing here
 * overflows. */
struct layout {
    size_t values, order, bytes; /* offsets; tensors stand at 0 */
};

static struct layout layout_of(const struct header *h)
{
    struct layout l;
    l.values = rfa_round_up((size_t)h->tensor_count * sizeof(struct rfa_gguf_tensor), 16);
    l.order = rfa_round_up(l.values + (size_t)h->value_count * sizeof(struct rfa_gguf_value), 16);
    l.bytes = rfa_round_up(l.order + (size_t)h->value_count * sizeof(struct rfa_gguf_value *), 16);
    return l;
}

enum rfa_status rfa_gguf_table_bytes(size_t *table_bytes, const void *file, size_t file_bytes, const char *name,
                                     const struct rfa_log *log)
{
    struct reader r = {.base = file, .end = file_bytes, .name = name, .log = log};
    struct header h = {0, 0};
    *table_bytes = 0;
    RFA_TRY(read_header(&r, &h));
    *table_bytes = layout_of(&h).bytes;
    return RFA_OK;
}

/* ------------------------------------------------------------------ metadata */

/* The scalar of GGUF type `type` at p, widened into *value. */
static void load_scalar(struct rfa_gguf_value *value, uint32_t type, const uint8_t *p)
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

static enum rfa_status check_bool(const struct reader *r, uint8_t byte)
{
    if (byte > 1)
        return refuse(r, RFA_ERR_FORMAT, "a truth value has the byte 0x%02x; only 0 and 1 are allowed", (unsigned)byte);
    return RFA_OK;
}

static enum rfa_status check_value_type(const struct reader *r, uint32_t type)
{
    if (type >= RFA_GGUF_TYPE_COUNT)
        return refuse(r, RFA_ERR_FORMAT, "metadata type %lu does not exist", (unsigned long)type);
    return RFA_OK;
}

/* Walks the strings or checks the size and the truth values of an array whose elements begin at the cursor. */
static enum rfa_status skip_elements(struct reader *r, uint32_t type, uint64_t count)
{
    if (type == RFA_GGUF_TYPE_STRING) {
        struct rfa_str ignored;
        for (uint64_t i = 0; i < count; i++)
            RFA_TRY(take_string(r, &ignored, RFA_GGUF_MAX_STRING, RFA_ERR_UNSUPPORTED, "string in an array"));
        return RFA_OK;
    }
    uint64_t bytes;
    const uint8_t *p;
    if (!rfa_mul_add(&bytes, count, value_types[type].bytes, 0))
        return refuse(r, RFA_ERR_FORMAT, "an array of %llu elements overflows; the file is damaged",
                      (unsigned long long)count);
    RFA_TRY(take(r, &p, bytes, "array"));
    for (uint64_t i = 0; type == RFA_GGUF_TYPE_BOOL && i < count; i++)
        RFA_TRY(check_bool(r, p[i]));
    return RFA_OK;
}

static enum rfa_status read_array(struct reader *r, struct rfa_gguf_value *value)
{
    uint32_t type;
    uint64_t count;
    RFA_TRY(take_u32(r, &type, "element type"));
    RFA_TRY(check_value_type(r, type));
    if (type == RFA_GGUF_TYPE_ARRAY)
        return refuse(r, RFA_ERR_UNSUPPORTED, "key \"%.*s\" is an array of arrays, which no model uses",
                      (int)value->key.len, value->key.data);
    RFA_TRY(take_u64(r, &count, "element count"));
    value->kind = RFA_GGUF_ARRAY;
    value->as.array.kind = value_types[type].kind;
    value->as.array.element_type = type;
    value->as.array.count = count;
    value->as.array.data = r->base + r->at;
    return skip_elements(r, type, count);
}

static enum rfa_status read_value(struct reader *r, struct rfa_gguf_value *value)
{
    uint32_t type;
    const uint8_t *p;
    RFA_TRY(take_identifier(r, &value->key, RFA_GGUF_MAX_KEY, RFA_ERR_UNSUPPORTED, "key"));
    RFA_TRY(take_u32(r, &type, "type"));
    RFA_TRY(check_value_type(r, type));
    if (type == RFA_GGUF_TYPE_ARRAY)
        return read_array(r, value);
    if (type == RFA_GGUF_TYPE_STRING) {
        value->kind = RFA_GGUF_STRING;
        return take_string(r, &value->as.s, RFA_GGUF_MAX_STRING, RFA_ERR_UNSUPPORTED, "string");
    }
    RFA_TRY(take(r, &p, value_types[type].bytes, "value"));
    if (type == RFA_GGUF_TYPE_BOOL)
        RFA_TRY(check_bool(r, p[0]));
    load_scalar(value, type, p);
    return RFA_OK;
}

static enum rfa_status read_values(struct reader *r, struct rfa_gguf_value *value, const struct rfa_gguf_value **order,
                                   size_t count)
{
    r->section = "metadata entry";
    for (r->index = 0; r->index < count; r->index++) {
        RFA_TRY(read_value(r, &value[r->index]));
        order[r->index] = &value[r->index];
    }
    rfa_sort(order, count, sizeof *order, by_key);
    for (size_t i = 1; i < count; i++) {
        if (by_key(&order[i - 1], &order[i]) == 0)
            return rfa_fail(r->log, RFA_ERR_FORMAT,
                            "%s: key \"%.*s\" stands there twice; which one counts is undefined", r->name,
                            (int)order[i]->key.len, order[i]->key.data);
    }
    return RFA_OK;
}

static enum rfa_status read_alignment(const struct reader *r, struct rfa_gguf *out)
{
    const struct rfa_gguf_value *v = rfa_gguf_find_value(out, RFA_STR("general.alignment"));
    out->alignment = DEFAULT_ALIGNMENT;
    if (!v)
        return RFA_OK;
    if (v->kind != RFA_GGUF_UINT)
        return rfa_fail(r->log, RFA_ERR_FORMAT, "%s: general.alignment is not an unsigned integer", r->name);
    out->alignment = v->as.u;
    if (v->as.u < 8 || (v->as.u & (v->as.u - 1)) != 0)
        return rfa_fail(r->log, RFA_ERR_FORMAT,
                        "%s: general.alignment is %llu; it must be a power of two and a multiple of 8", r->name,
                        (unsigned long long)v->as.u);
    return RFA_OK;
}

/* ------------------------------------------------------------------ tensors */

static enum rfa_status set_type(const struct reader *r, struct rfa_gguf_tensor *t, uint32_t ggml_type)
{
    for (int i = 0; i < TENSOR_TYPES; i++) {
        if (tensor_types[i].ggml_type == ggml_type) {
            t->type = (enum rfa_type)i;
            return RFA_OK;
        }
    }
    const char *foreign = foreign_type_name(ggml_type);
    if (foreign)
        return refuse(r, RFA_ERR_UNSUPPORTED,
                      "\"%.*s\" has the type %s; only F32, F16, I8 and I32 are read: convert the model again",
                      (int)t->name.len, t->name.data, foreign);
    return refuse(r, RFA_ERR_FORMAT, "\"%.*s\" has the type %lu, which does not exist", (int)t->name.len, t->name.data,
                  (unsigned long)ggml_type);
}

/* The dimensions, turned into the order of C. */
static enum rfa_status read_shape(struct reader *r, struct rfa_gguf_tensor *t)
{
    RFA_TRY(take_u32(r, &t->rank, "number of dimensions"));
    if (t->rank < 1 || t->rank > RFA_MAX_DIMS)
        return refuse(r, RFA_ERR_FORMAT, "\"%.*s\" has %lu dimensions; 1 to %d are allowed", (int)t->name.len,
                      t->name.data, (unsigned long)t->rank, RFA_MAX_DIMS);
    for (uint32_t i = 0; i < RFA_MAX_DIMS; i++)
        t->dim[i] = 1;
    for (uint32_t i = t->rank; i-- > 0;) {
        RFA_TRY(take_u64(r, &t->dim[i], "dimensions"));
        if (t->dim[i] == 0)
            return refuse(r, RFA_ERR_FORMAT, "\"%.*s\" has a dimension of 0", (int)t->name.len, t->name.data);
    }
    return RFA_OK;
}

static enum rfa_status set_bytes(const struct reader *r, struct rfa_gguf_tensor *t)
{
    uint64_t bytes = tensor_types[t->type].bytes;
    for (uint32_t i = 0; i < t->rank; i++) {
        if (!rfa_mul_add(&bytes, bytes, t->dim[i], 0))
            return refuse(r, RFA_ERR_FORMAT, "the size of \"%.*s\" overflows 64 bits; the file is damaged",
                          (int)t->name.len, t->name.data);
    }
    if (bytes > r->end)
        return refuse(r, RFA_ERR_FORMAT,
                      "\"%.*s\" wants %llu bytes, more than the whole file has (%zu); it is cut short or damaged",
                      (int)t->name.len, t->name.data, (unsigned long long)bytes, r->end);
    t->bytes = (size_t)bytes;
    return RFA_OK;
}

/* t->data becomes base + offset for now: where the tensor section begins is known only after the last entry
 * (place_tensors). */
static enum rfa_status read_tensor(struct reader *r, struct rfa_gguf_tensor *t, uint64_t alignment)
{
    uint32_t ggml_type;
    uint64_t offset;
    RFA_TRY(take_identifier(r, &t->name, RFA_GGUF_MAX_NAME, RFA_ERR_FORMAT, "name"));
    RFA_TRY(read_shape(r, t));
    RFA_TRY(take_u32(r, &ggml_type, "type"));
    RFA_TRY(set_type(r, t, ggml_type));
    RFA_TRY(take_u64(r, &offset, "offset"));
    RFA_TRY(set_bytes(r, t));
    if (offset % alignment != 0)
        return refuse(r, RFA_ERR_FORMAT, "\"%.*s\" begins at %llu of the data, not a multiple of the alignment %llu",
                      (int)t->name.len, t->name.data, (unsigned long long)offset, (unsigned long long)alignment);
    if (offset > r->end)
        return refuse(r, RFA_ERR_FORMAT, "\"%.*s\" begins at %llu of the data, behind the file's end (%zu bytes)",
                      (int)t->name.len, t->name.data, (unsigned long long)offset, r->end);
    t->data = r->base + (size_t)offset;
    return RFA_OK;
}

/* Moves every tensor to its place in the file and checks that it ends inside. */
static enum rfa_status place_tensors(const struct reader *r, struct rfa_gguf_tensor *tensor, size_t count,
                                     uint64_t data_offset)
{
    for (size_t i = 0; i < count; i++) {
        struct rfa_gguf_tensor *t = &tensor[i];
        uint64_t begin, end;
        uint64_t offset = (uint64_t)((const uint8_t *)t->data - r->base);
        if (!rfa_mul_add(&begin, 1, offset, data_offset) || !rfa_mul_add(&end, 1, begin, t->bytes) || end > r->end)
            return rfa_fail(r->log, RFA_ERR_FORMAT,
                            "%s: tensor \"%.*s\" of %zu bytes ends behind the file's end (%zu bytes); the file is cut "
                            "short: fetch or "
                            "convert it again",
                            r->name, (int)t->name.len, t->name.data, t->bytes, r->end);
        t->data = r->base + (size_t)begin;
    }
    return RFA_OK;
}

static enum rfa_status check_disjoint(const struct reader *r, struct rfa_gguf_tensor *tensor, size_t count)
{
    rfa_sort(tensor, count, sizeof *tensor, by_data);
    for (size_t i = 1; i < count; i++) {
        const struct rfa_gguf_tensor *a = &tensor[i - 1], *b = &tensor[i];
        if (a->bytes > (size_t)((const uint8_t *)b->data - (const uint8_t *)a->data))
            return rfa_fail(r->log, RFA_ERR_FORMAT, "%s: the data of \"%.*s\" and \"%.*s\" overlap", r->name,
                            (int)a->name.len, a->name.data, (int)b->name.len, b->name.data);
    }
    return RFA_OK;
}

static enum rfa_status check_unique(const struct reader *r, struct rfa_gguf_tensor *tensor, size_t count)
{
    rfa_sort(tensor, count, sizeof *tensor, by_name);
    for (size_t i = 1; i < count; i++) {
        if (by_name(&tensor[i - 1], &tensor[i]) == 0)
            return rfa_fail(r->log, RFA_ERR_FORMAT, "%s: tensor \"%.*s\" stands there twice", r->name,
                            (int)tensor[i].name.len, tensor[i].name.data);
    }
    return RFA_OK;
}

static enum rfa_status read_tensors(struct reader *r, struct rfa_gguf_tensor *tensor, struct rfa_gguf *out)
{
    uint64_t data_offset;
    r->section = "tensor";
    for (r->index = 0; r->index < out->tensor_count; r->index++)
        RFA_TRY(read_tensor(r, &tensor[r->index], out->alignment));
    if (!rfa_mul_round_up(&data_offset, r->at, out->alignment) || data_offset > r->end)
        data_offset = r->end; /* right for a file without tensors; with one, place_tensors refuses it: none is empty */
    out->data_offset = (size_t)data_offset;
    RFA_TRY(place_tensors(r, tensor, out->tensor_count, data_offset));
    RFA_TRY(check_disjoint(r, tensor, out->tensor_count));
    return check_unique(r, tensor, out->tensor_count);
}

static enum rfa_status parse(struct rfa_gguf *out, uint8_t *table, size_t table_bytes, struct reader *r)
{
    struct header h = {0, 0};
    RFA_TRY(read_header(r, &h));
    struct layout l = layout_of(&h);
    if (table_bytes < l.bytes)
        return rfa_fail(r->log, RFA_ERR_NOMEM, "%s: its table needs %zu bytes, %zu given", r->name, l.bytes,
                        table_bytes);

    struct rfa_gguf_tensor *tensor = (void *)table;
    struct rfa_gguf_value *value = (void *)(table + l.values);
    const struct rfa_gguf_value **order = (void *)(table + l.order);
    out->file_bytes = r->end;
    out->tensor_count = (size_t)h.tensor_count;
    out->value_count = (size_t)h.value_count;
    out->tensor = tensor;
    out->value = value;
    out->value_by_key = order;
    RFA_TRY(read_values(r, value, order, out->value_count));
    RFA_TRY(read_alignment(r, out));
    return read_tensors(r, tensor, out);
}

enum rfa_status rfa_gguf_parse(struct rfa_gguf *out, void *table, size_t table_bytes, const void *file,
                               size_t file_bytes, const char *name, const struct rfa_log *log)
{
    struct reader r = {.base = file, .end = file_bytes, .name = name, .log = log};
    *out = (struct rfa_gguf){0};
    assert((uintptr_t)table % 16 == 0);
    enum rfa_status status = parse(out, table, table_bytes, &r);
    if (status != RFA_OK)
        *out = (struct rfa_gguf){0};
    return status;
}

/* ------------------------------------------------------------------ arrays */

double rfa_gguf_array_number(const struct rfa_gguf_value *value, uint64_t i)
{
    struct rfa_gguf_value element = {.as.u = 0};
    uint32_t type = value->as.array.element_type;
    assert(value->kind == RFA_GGUF_ARRAY && i < value->as.array.count && type != RFA_GGUF_TYPE_STRING);
    load_scalar(&element, type, value->as.array.data + (size_t)i * value_types[type].bytes);
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

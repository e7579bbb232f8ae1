/* A GGUF file becomes its table: header, metadata, tensors, each checked before it counts. */
#include <assert.h>
#include <string.h>

#include "checked.h"
#include "gguf_reader.h"
#include "sizes.h"
#include "sort.h"

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "gguf_parse.c: model files are little-endian and used in place; big-endian machines are not supported"
#endif

/* A count is bounded by what the file could hold, so the table is never out of proportion to the file. */
enum {
    HEADER_BYTES = 24,
    LEAST_VALUE_BYTES = 8 + 1 + 4 + 1,          /* a key of one byte, a type, a value of one byte */
    LEAST_TENSOR_BYTES = 8 + 1 + 4 + 8 + 4 + 8, /* a name of one byte, a rank, one dimension, a type, an offset */
    DEFAULT_ALIGNMENT = 32
};

/* ------------------------------------------------------------------ order */

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

/* ------------------------------------------------------------------ header */

struct header {
    uint64_t tensor_count, value_count;
};

static enum rfa_status check_magic(const struct rfa_gguf_reader *r)
{
    uint32_t version;
    if (memcmp(r->base, "FUGG", 4) == 0)
        return rfa_gguf_refuse(r, RFA_ERR_UNSUPPORTED, "a GGUF file for big-endian machines");
    if (memcmp(r->base, "GGUF", 4) != 0)
        return rfa_fail(r->log, RFA_ERR_FORMAT,
                        "%s: not a GGUF file (it does not begin with \"GGUF\"); give a model made by convert.py",
                        r->name);
    memcpy(&version, r->base + 4, sizeof version);
    if (version != 0 && (version & 0xffff) == 0)
        return rfa_gguf_refuse(r, RFA_ERR_UNSUPPORTED, "GGUF version with its bytes in big-endian order");
    if (version != 3)
        return rfa_gguf_refuse(r, RFA_ERR_UNSUPPORTED, "GGUF version %lu, where only version 3 is read",
                               (unsigned long)version);
    return RFA_OK;
}

static enum rfa_status check_count(const struct rfa_gguf_reader *r, uint64_t count, uint64_t limit,
                                   uint64_t least_bytes, const char *what)
{
    if (count > limit)
        return rfa_gguf_refuse(r, RFA_ERR_UNSUPPORTED, "%llu %s, more than the %llu allowed", (unsigned long long)count,
                               what, (unsigned long long)limit);
    if (count > (r->end - HEADER_BYTES) / least_bytes)
        return rfa_gguf_refuse(r, RFA_ERR_FORMAT, "claims %llu %s, which do not fit its %zu bytes",
                               (unsigned long long)count, what, r->end);
    return RFA_OK;
}

static enum rfa_status read_header(struct rfa_gguf_reader *r, struct header *h)
{
    if (r->end < HEADER_BYTES)
        return rfa_gguf_refuse(r, RFA_ERR_FORMAT, "%zu bytes, too few for a GGUF header of %d", r->end, HEADER_BYTES);
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
    struct rfa_gguf_reader r = {.base = file, .end = file_bytes, .name = name, .log = log};
    struct header h = {0, 0};
    *table_bytes = 0;
    RFA_TRY(read_header(&r, &h));
    *table_bytes = layout_of(&h).bytes;
    return RFA_OK;
}

/* ------------------------------------------------------------------ metadata */

static enum rfa_status check_bool(const struct rfa_gguf_reader *r, uint8_t byte)
{
    if (byte > 1)
        return rfa_gguf_refuse(r, RFA_ERR_FORMAT, "a truth value has the byte 0x%02x, not 0 or 1", (unsigned)byte);
    return RFA_OK;
}

static enum rfa_status check_value_type(const struct rfa_gguf_reader *r, uint32_t type)
{
    if (type >= RFA_GGUF_TYPE_COUNT)
        return rfa_gguf_refuse(r, RFA_ERR_FORMAT, "metadata type %lu does not exist", (unsigned long)type);
    return RFA_OK;
}

/* Walks the strings or checks the size and the truth values of an array whose elements begin at the cursor. */
static enum rfa_status skip_elements(struct rfa_gguf_reader *r, uint32_t type, uint64_t count)
{
    if (type == RFA_GGUF_TYPE_STRING) {
        struct rfa_str ignored;
        for (uint64_t i = 0; i < count; i++)
            RFA_TRY(rfa_gguf_take_string(r, &ignored, RFA_GGUF_MAX_STRING, RFA_ERR_UNSUPPORTED, "string in an array"));
        return RFA_OK;
    }
    uint64_t bytes;
    const uint8_t *p;
    if (!rfa_mul_add(&bytes, count, rfa_gguf_type_bytes(type), 0))
        return rfa_gguf_refuse(r, RFA_ERR_FORMAT, "an array of %llu elements overflows", (unsigned long long)count);
    RFA_TRY(rfa_gguf_take(r, &p, bytes, "array"));
    for (uint64_t i = 0; type == RFA_GGUF_TYPE_BOOL && i < count; i++)
        RFA_TRY(check_bool(r, p[i]));
    return RFA_OK;
}

static enum rfa_status read_array(struct rfa_gguf_reader *r, struct rfa_gguf_value *value)
{
    uint32_t type;
    uint64_t count;
    RFA_TRY(rfa_gguf_take_u32(r, &type, "element type"));
    RFA_TRY(check_value_type(r, type));
    if (type == RFA_GGUF_TYPE_ARRAY)
        return rfa_gguf_refuse(r, RFA_ERR_UNSUPPORTED, "key \"%.*s\" is an array of arrays, which no model uses",
                               (int)value->key.len, value->key.data);
    RFA_TRY(rfa_gguf_take_u64(r, &count, "element count"));
    value->kind = RFA_GGUF_ARRAY;
    value->as.array.kind = rfa_gguf_type_kind(type);
    value->as.array.element_type = type;
    value->as.array.count = count;
    value->as.array.data = r->base + r->at;
    return skip_elements(r, type, count);
}

static enum rfa_status read_value(struct rfa_gguf_reader *r, struct rfa_gguf_value *value)
{
    uint32_t type;
    const uint8_t *p;
    RFA_TRY(rfa_gguf_take_identifier(r, &value->key, RFA_GGUF_MAX_KEY, RFA_ERR_UNSUPPORTED, "key"));
    RFA_TRY(rfa_gguf_take_u32(r, &type, "type"));
    RFA_TRY(check_value_type(r, type));
    if (type == RFA_GGUF_TYPE_ARRAY)
        return read_array(r, value);
    if (type == RFA_GGUF_TYPE_STRING) {
        value->kind = RFA_GGUF_STRING;
        return rfa_gguf_take_string(r, &value->as.s, RFA_GGUF_MAX_STRING, RFA_ERR_UNSUPPORTED, "string");
    }
    RFA_TRY(rfa_gguf_take(r, &p, rfa_gguf_type_bytes(type), "value"));
    if (type == RFA_GGUF_TYPE_BOOL)
        RFA_TRY(check_bool(r, p[0]));
    rfa_gguf_load_scalar(value, type, p);
    return RFA_OK;
}

static enum rfa_status read_values(struct rfa_gguf_reader *r, struct rfa_gguf_value *value,
                                   const struct rfa_gguf_value **order, size_t count)
{
    r->section = "metadata entry";
    for (r->index = 0; r->index < count; r->index++) {
        RFA_TRY(read_value(r, &value[r->index]));
        order[r->index] = &value[r->index];
    }
    r->section = NULL;
    rfa_sort(order, count, sizeof *order, by_key);
    for (size_t i = 1; i < count; i++) {
        if (by_key(&order[i - 1], &order[i]) == 0)
            return rfa_gguf_refuse(r, RFA_ERR_FORMAT, "key \"%.*s\" stands there twice", (int)order[i]->key.len,
                                   order[i]->key.data);
    }
    return RFA_OK;
}

static enum rfa_status read_alignment(const struct rfa_gguf_reader *r, struct rfa_gguf *out)
{
    const struct rfa_gguf_value *v = rfa_gguf_find_value(out, RFA_STR("general.alignment"));
    out->alignment = DEFAULT_ALIGNMENT;
    if (!v)
        return RFA_OK;
    if (v->kind != RFA_GGUF_UINT)
        return rfa_gguf_refuse(r, RFA_ERR_FORMAT, "general.alignment is not an unsigned integer");
    out->alignment = v->as.u;
    if (v->as.u < 8 || (v->as.u & (v->as.u - 1)) != 0)
        return rfa_gguf_refuse(r, RFA_ERR_FORMAT, "general.alignment is %llu, not a power of two from 8 on",
                               (unsigned long long)v->as.u);
    return RFA_OK;
}

/* ------------------------------------------------------------------ tensors */

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

static enum rfa_status set_type(const struct rfa_gguf_reader *r, struct rfa_gguf_tensor *t, uint32_t ggml_type)
{
    for (int i = RFA_TYPE_F32; i <= RFA_TYPE_I32; i++) {
        if (rfa_type_ggml((enum rfa_type)i) == ggml_type) {
            t->type = (enum rfa_type)i;
            return RFA_OK;
        }
    }
    const char *foreign = foreign_type_name(ggml_type);
    if (foreign)
        return rfa_gguf_refuse(r, RFA_ERR_UNSUPPORTED,
                               "\"%.*s\" has the type %s, where only F32, F16, I8 and I32 are read", (int)t->name.len,
                               t->name.data, foreign);
    return rfa_gguf_refuse(r, RFA_ERR_FORMAT, "\"%.*s\" has the type %lu, which does not exist", (int)t->name.len,
                           t->name.data, (unsigned long)ggml_type);
}

/* The dimensions, turned into the order of C. */
static enum rfa_status read_shape(struct rfa_gguf_reader *r, struct rfa_gguf_tensor *t)
{
    RFA_TRY(rfa_gguf_take_u32(r, &t->rank, "number of dimensions"));
    if (t->rank < 1 || t->rank > RFA_MAX_DIMS)
        return rfa_gguf_refuse(r, RFA_ERR_FORMAT, "\"%.*s\" has %lu dimensions, not 1 to %d", (int)t->name.len,
                               t->name.data, (unsigned long)t->rank, RFA_MAX_DIMS);
    for (uint32_t i = 0; i < RFA_MAX_DIMS; i++)
        t->dim[i] = 1;
    for (uint32_t i = t->rank; i-- > 0;) {
        RFA_TRY(rfa_gguf_take_u64(r, &t->dim[i], "dimensions"));
        if (t->dim[i] == 0)
            return rfa_gguf_refuse(r, RFA_ERR_FORMAT, "\"%.*s\" has a dimension of 0", (int)t->name.len, t->name.data);
    }
    return RFA_OK;
}

static enum rfa_status set_bytes(const struct rfa_gguf_reader *r, struct rfa_gguf_tensor *t)
{
    uint64_t bytes = rfa_type_bytes(t->type);
    for (uint32_t i = 0; i < t->rank; i++) {
        if (!rfa_mul_add(&bytes, bytes, t->dim[i], 0))
            return rfa_gguf_refuse(r, RFA_ERR_FORMAT, "the size of \"%.*s\" overflows 64 bits", (int)t->name.len,
                                   t->name.data);
    }
    if (bytes > r->end)
        return rfa_gguf_refuse(r, RFA_ERR_FORMAT, "\"%.*s\" wants %llu bytes, more than the whole file has (%zu)",
                               (int)t->name.len, t->name.data, (unsigned long long)bytes, r->end);
    t->bytes = (size_t)bytes;
    return RFA_OK;
}

/* t->data becomes base + offset for now: where the tensor section begins is known only after the last entry
 * (place_tensors). */
static enum rfa_status read_tensor(struct rfa_gguf_reader *r, struct rfa_gguf_tensor *t, uint64_t alignment)
{
    uint32_t ggml_type;
    uint64_t offset;
    RFA_TRY(rfa_gguf_take_identifier(r, &t->name, RFA_GGUF_MAX_NAME, RFA_ERR_FORMAT, "name"));
    RFA_TRY(read_shape(r, t));
    RFA_TRY(rfa_gguf_take_u32(r, &ggml_type, "type"));
    RFA_TRY(set_type(r, t, ggml_type));
    RFA_TRY(rfa_gguf_take_u64(r, &offset, "offset"));
    RFA_TRY(set_bytes(r, t));
    if (offset % alignment != 0)
        return rfa_gguf_refuse(
            r, RFA_ERR_FORMAT, "\"%.*s\" begins at %llu of the data, not a multiple of the alignment %llu",
            (int)t->name.len, t->name.data, (unsigned long long)offset, (unsigned long long)alignment);
    if (offset > r->end)
        return rfa_gguf_refuse(r, RFA_ERR_FORMAT,
                               "\"%.*s\" begins at %llu of the data, behind the file's end (%zu bytes)",
                               (int)t->name.len, t->name.data, (unsigned long long)offset, r->end);
    t->data = r->base + (size_t)offset;
    return RFA_OK;
}

/* Moves every tensor to its place in the file and checks that it ends inside. */
static enum rfa_status place_tensors(const struct rfa_gguf_reader *r, struct rfa_gguf_tensor *tensor, size_t count,
                                     uint64_t data_offset)
{
    for (size_t i = 0; i < count; i++) {
        struct rfa_gguf_tensor *t = &tensor[i];
        uint64_t begin, end;
        uint64_t offset = (uint64_t)((const uint8_t *)t->data - r->base);
        if (!rfa_mul_add(&begin, 1, offset, data_offset) || !rfa_mul_add(&end, 1, begin, t->bytes) || end > r->end)
            return rfa_gguf_refuse(r, RFA_ERR_FORMAT,
                                   "tensor \"%.*s\" of %zu bytes ends behind the file's end (%zu bytes)",
                                   (int)t->name.len, t->name.data, t->bytes, r->end);
        t->data = r->base + (size_t)begin;
    }
    return RFA_OK;
}

static enum rfa_status check_disjoint(const struct rfa_gguf_reader *r, struct rfa_gguf_tensor *tensor, size_t count)
{
    rfa_sort(tensor, count, sizeof *tensor, by_data);
    for (size_t i = 1; i < count; i++) {
        const struct rfa_gguf_tensor *a = &tensor[i - 1], *b = &tensor[i];
        if (a->bytes > (size_t)((const uint8_t *)b->data - (const uint8_t *)a->data))
            return rfa_gguf_refuse(r, RFA_ERR_FORMAT, "the data of \"%.*s\" and \"%.*s\" overlap", (int)a->name.len,
                                   a->name.data, (int)b->name.len, b->name.data);
    }
    return RFA_OK;
}

static enum rfa_status check_unique(const struct rfa_gguf_reader *r, struct rfa_gguf_tensor *tensor, size_t count)
{
    rfa_sort(tensor, count, sizeof *tensor, by_name);
    for (size_t i = 1; i < count; i++) {
        if (by_name(&tensor[i - 1], &tensor[i]) == 0)
            return rfa_gguf_refuse(r, RFA_ERR_FORMAT, "tensor \"%.*s\" stands there twice", (int)tensor[i].name.len,
                                   tensor[i].name.data);
    }
    return RFA_OK;
}

static enum rfa_status read_tensors(struct rfa_gguf_reader *r, struct rfa_gguf_tensor *tensor, struct rfa_gguf *out)
{
    uint64_t data_offset;
    r->section = "tensor";
    for (r->index = 0; r->index < out->tensor_count; r->index++)
        RFA_TRY(read_tensor(r, &tensor[r->index], out->alignment));
    r->section = NULL;
    if (!rfa_mul_round_up(&data_offset, r->at, out->alignment) || data_offset > r->end)
        data_offset = r->end; /* right for a file without tensors; with one, place_tensors refuses it: none is empty */
    out->data_offset = (size_t)data_offset;
    RFA_TRY(place_tensors(r, tensor, out->tensor_count, data_offset));
    RFA_TRY(check_disjoint(r, tensor, out->tensor_count));
    return check_unique(r, tensor, out->tensor_count);
}

static enum rfa_status parse(struct rfa_gguf *out, uint8_t *table, size_t table_bytes, struct rfa_gguf_reader *r)
{
    struct header h = {0, 0};
    RFA_TRY(read_header(r, &h));
    struct layout l = layout_of(&h);
    if (table_bytes < l.bytes)
        return rfa_fail(r->log, RFA_ERR_NOMEM, "%s: its table needs %zu bytes, %zu given; ask rfa_gguf_table_bytes",
                        r->name, l.bytes, table_bytes);

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
    struct rfa_gguf_reader r = {.base = file, .end = file_bytes, .name = name, .log = log};
    *out = (struct rfa_gguf){0};
    assert((uintptr_t)table % 16 == 0);
    enum rfa_status status = parse(out, table, table_bytes, &r);
    if (status != RFA_OK)
        *out = (struct rfa_gguf){0};
    return status;
}

/* GGUF v3 container: untrusted bytes in, a checked table of metadata and tensors out. gguf_parse.c makes the table,
 * gguf.c answers from it.
 *
 * The reader never copies or allocates by itself; names, strings and tensor data are views into the caller's bytes,
 * which must outlive the table. Every count, offset and product is checked for overflow in one helper before it is
 * used.
 */
#ifndef RFA_GGUF_H
#define RFA_GGUF_H

#include "error.h"

enum rfa_type { RFA_TYPE_F32, RFA_TYPE_F16, RFA_TYPE_I8, RFA_TYPE_I32 };

enum { RFA_MAX_DIMS = 4 };

/* Limits, the same for reading and writing. */
enum {
    RFA_GGUF_MAX_TENSORS = 65536,
    RFA_GGUF_MAX_VALUES = 4096,
    RFA_GGUF_MAX_NAME = 64, /* bytes of a tensor's name; set by the format */
    RFA_GGUF_MAX_KEY = 256,
    RFA_GGUF_MAX_STRING = 1 << 20
};

/* GGUF's numbers of the metadata types. */
enum rfa_gguf_type {
    RFA_GGUF_TYPE_U8,
    RFA_GGUF_TYPE_I8,
    RFA_GGUF_TYPE_U16,
    RFA_GGUF_TYPE_I16,
    RFA_GGUF_TYPE_U32,
    RFA_GGUF_TYPE_I32,
    RFA_GGUF_TYPE_F32,
    RFA_GGUF_TYPE_BOOL,
    RFA_GGUF_TYPE_STRING,
    RFA_GGUF_TYPE_ARRAY,
    RFA_GGUF_TYPE_U64,
    RFA_GGUF_TYPE_I64,
    RFA_GGUF_TYPE_F64,
    RFA_GGUF_TYPE_COUNT
};

/* One tensor of the file. dim[] is in the order of C (row-major, slowest first): the reverse of what GGUF stores.
 * I8 panels of 4 dimensions [N/16][K/4][16][4] appear as dim = {N/16, K/4, 16, 4}. */
struct rfa_gguf_tensor {
    struct rfa_str name;
    enum rfa_type type;
    uint32_t rank;              /* 1 ... 4 */
    uint64_t dim[RFA_MAX_DIMS]; /* unused entries are 1 */
    const void *data;           /* aligned to the file's general.alignment when the base is */
    size_t bytes;
};

/* One metadata value. Scalars are widened; arrays stay in the file. */
enum rfa_gguf_kind { RFA_GGUF_UINT, RFA_GGUF_INT, RFA_GGUF_FLOAT, RFA_GGUF_BOOL, RFA_GGUF_STRING, RFA_GGUF_ARRAY };

struct rfa_gguf_value {
    struct rfa_str key;
    enum rfa_gguf_kind kind;
    union {
        uint64_t u;
        int64_t i;
        double f;
        bool b;
        struct rfa_str s;
        struct {
            enum rfa_gguf_kind kind; /* of the elements; arrays of arrays are refused */
            uint32_t element_type;   /* enum rfa_gguf_type */
            uint64_t count;
            const uint8_t *data; /* first element as stored */
        } array;
    } as;
};

struct rfa_gguf {
    const struct rfa_gguf_value *value;               /* in the order of the file */
    const struct rfa_gguf_value *const *value_by_key; /* sorted by key (bytewise) for lookup */
    size_t value_count;
    const struct rfa_gguf_tensor *tensor; /* sorted by name (bytewise) for lookup */
    size_t tensor_count;
    uint64_t alignment; /* a power of two, at least 8; 32 where the file does not say */
    size_t data_offset; /* of the tensor section in the file */
    size_t file_bytes;
};

/* Statuses of both functions below: RFA_ERR_FORMAT where the bytes break the format, RFA_ERR_UNSUPPORTED where they are
 * (or may be) good GGUF that refatom does not take: another version or byte order, an array of arrays, a tensor type
 * beyond the four, a count or a length over the limits above. */

/* Bytes of table memory that rfa_gguf_parse needs for this file; checks the header only. `name` (a path) appears in
 * messages. */
enum rfa_status rfa_gguf_table_bytes(size_t *table_bytes, const void *file, size_t file_bytes, const char *name,
                                     const struct rfa_log *log);

/* Validates everything and fills `table` (memory of rfa_gguf_table_bytes, aligned to 16; less is RFA_ERR_NOMEM). After
 * a failure *out is all zero. */
enum rfa_status rfa_gguf_parse(struct rfa_gguf *out, void *table, size_t table_bytes, const void *file,
                               size_t file_bytes, const char *name, const struct rfa_log *log);

/* NULL when absent. */
const struct rfa_gguf_tensor *rfa_gguf_find_tensor(const struct rfa_gguf *gguf, struct rfa_str name);
const struct rfa_gguf_value *rfa_gguf_find_value(const struct rfa_gguf *gguf, struct rfa_str key);

/* Element i of an array value; string and number arrays. The caller has checked kind and i < count. Strings cost a walk
 * from the start: use rfa_gguf_next_string to read them in order. */
double rfa_gguf_array_number(const struct rfa_gguf_value *value, uint64_t i);

/* Reads the string at *cursor (start with value->as.array.data) and moves the cursor behind it. */
struct rfa_str rfa_gguf_next_string(const uint8_t **cursor);

size_t rfa_type_bytes(enum rfa_type type);
const char *rfa_type_name(enum rfa_type type);
uint32_t rfa_type_ggml(enum rfa_type type); /* the number in the file */

/* Bytes of one value, 0 for strings and arrays, and its kind. `type` is below RFA_GGUF_TYPE_COUNT. */
size_t rfa_gguf_type_bytes(uint32_t type);
enum rfa_gguf_kind rfa_gguf_type_kind(uint32_t type);

/* The scalar of GGUF type `type` at p, widened into *value. */
void rfa_gguf_load_scalar(struct rfa_gguf_value *value, uint32_t type, const uint8_t *p);

#endif

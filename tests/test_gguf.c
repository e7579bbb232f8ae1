/* The GGUF reader: what it finds in a good file, and with which message it refuses each kind of bad one. Files lie
 * against a guard page, so that a read behind their end is seen without a sanitizer, too. */
#include "guard.h"

#include "../src/checked.h"
#include "../src/gguf.h"
#include "gguf_bytes.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* ------------------------------------------------------------------ files */

/* A file of two tensors and five metadata entries; a case changes what it wants. */
struct recipe {
    const char *magic;
    uint32_t version;
    uint64_t tensor_count, value_count;
    uint64_t alignment;
    struct {
        const char *name;
        uint32_t rank;
        uint64_t dim[5]; /* in the file's order */
        uint32_t type;
        uint64_t offset;
    } tensor[2];
    void (*extra)(struct gguf_bytes *b); /* writes one more metadata entry */
    size_t data_bytes;
};

static const struct recipe good_recipe = {
    .magic = "GGUF",
    .version = 3,
    .tensor_count = 2,
    .value_count = 5,
    .alignment = 32,
    .tensor = {{"vit.pos", 2, {3, 5}, 0, 0}, {"opt.fc1.weight", 4, {4, 16, 1, 2}, 24, 64}},
    .data_bytes = 64 + 128,
};

static void write_recipe(struct gguf_bytes *b, const struct recipe *r)
{
    bytes_header(b, r->magic, r->version, r->tensor_count, r->value_count + (r->extra != NULL));
    bytes_key(b, "general.name", RFA_GGUF_TYPE_STRING);
    bytes_string(b, "tiny");
    bytes_key(b, "general.alignment", RFA_GGUF_TYPE_U32);
    bytes_u32(b, (uint32_t)r->alignment);
    bytes_key(b, "flag", RFA_GGUF_TYPE_BOOL);
    bytes_u8(b, 1);
    bytes_array(b, "words", RFA_GGUF_TYPE_STRING, 3);
    bytes_string(b, "first");
    bytes_string(b, "");
    bytes_string(b, "third");
    bytes_array(b, "sizes", RFA_GGUF_TYPE_I32, 2);
    bytes_u32(b, 7);
    bytes_u32(b, (uint32_t)-9);
    if (r->extra)
        r->extra(b);
    for (int i = 0; i < 2; i++) {
        bytes_string(b, r->tensor[i].name);
        bytes_u32(b, r->tensor[i].rank);
        for (uint32_t d = 0; d < r->tensor[i].rank && d < 5; d++)
            bytes_u64(b, r->tensor[i].dim[d]);
        bytes_u32(b, r->tensor[i].type);
        bytes_u64(b, r->tensor[i].offset);
    }
    bytes_pad(b, 32);
    for (size_t i = 0; i < r->data_bytes; i++)
        bytes_u8(b, (uint8_t)i);
}

static struct gguf_bytes make(const struct recipe *r)
{
    struct gguf_bytes b = {0};
    write_recipe(&b, r);
    return b;
}

/* ------------------------------------------------------------------ parsing against guard pages */

struct parsed {
    struct guard file, table;
    struct rfa_gguf gguf;
    struct log_memory log;
    enum rfa_status status;
};

static void parse(struct parsed *p, const uint8_t *data, size_t bytes)
{
    size_t table_bytes = 0;
    memset(p, 0, sizeof *p);
    struct rfa_log log = {log_remember, &p->log};
    uint8_t *file = guard_end(&p->file, bytes);
    if (bytes > 0)
        memcpy(file, data, bytes);
    p->status = rfa_gguf_table_bytes(&table_bytes, file, bytes, "m.gguf", &log);
    void *table = guard_end(&p->table, table_bytes);
    if (p->status == RFA_OK)
        p->status = rfa_gguf_parse(&p->gguf, table, table_bytes, file, bytes, "m.gguf", &log);
}

static void release(struct parsed *p)
{
    assert_true(guard_intact(&p->file) && guard_intact(&p->table));
    guard_free(&p->file);
    guard_free(&p->table);
}

/* What holds for every file that was taken, whatever its bytes. */
static void check_sound(const struct parsed *p)
{
    const struct rfa_gguf *g = &p->gguf;
    const uint8_t *begin = p->file.data, *end = begin + p->file.bytes;
    assert_int_equal(g->file_bytes, p->file.bytes);
    for (size_t i = 0; i < g->tensor_count; i++) {
        const struct rfa_gguf_tensor *t = &g->tensor[i];
        const uint8_t *data = t->data;
        uint64_t bytes = rfa_type_bytes(t->type);
        for (int d = 0; d < RFA_MAX_DIMS; d++)
            bytes *= t->dim[d];
        assert_int_equal(bytes, t->bytes);
        assert_true(data >= begin + g->data_offset && data < end && t->bytes <= (size_t)(end - data));
        assert_int_equal((size_t)(data - begin) % g->alignment, 0);
        assert_ptr_equal(rfa_gguf_find_tensor(g, t->name), t);
        for (size_t j = 0; j < i; j++) {
            const uint8_t *other = g->tensor[j].data;
            assert_true(other + g->tensor[j].bytes <= data || data + t->bytes <= other);
        }
    }
    for (size_t i = 0; i < g->value_count; i++) {
        const struct rfa_gguf_value *v = &g->value[i];
        assert_ptr_equal(rfa_gguf_find_value(g, v->key), v);
        if (v->kind == RFA_GGUF_ARRAY && v->as.array.kind == RFA_GGUF_STRING) {
            const uint8_t *cursor = v->as.array.data;
            for (uint64_t n = 0; n < v->as.array.count; n++) {
                struct rfa_str s = rfa_gguf_next_string(&cursor);
                assert_true((const uint8_t *)s.data + s.len <= end);
            }
        }
    }
}

/* ------------------------------------------------------------------ good files */

static void finds_tensors(void **state)
{
    (void)state;
    struct gguf_bytes b = make(&good_recipe);
    struct parsed p;
    parse(&p, b.data, b.count);
    assert_int_equal(p.status, RFA_OK);
    assert_int_equal(p.log.count, 0);
    check_sound(&p);
    const struct rfa_gguf_tensor *pos = rfa_gguf_find_tensor(&p.gguf, RFA_STR("vit.pos"));
    const struct rfa_gguf_tensor *fc1 = rfa_gguf_find_tensor(&p.gguf, RFA_STR("opt.fc1.weight"));
    assert_non_null(pos);
    assert_non_null(fc1);
    assert_int_equal(pos->type, RFA_TYPE_F32);
    assert_int_equal(pos->rank, 2);
    assert_int_equal(pos->dim[0], 5); /* reversed */
    assert_int_equal(pos->dim[1], 3);
    assert_int_equal(pos->dim[2], 1);
    assert_int_equal(pos->bytes, 60);
    assert_int_equal(fc1->type, RFA_TYPE_I8);
    const uint64_t panels[RFA_MAX_DIMS] = {2, 1, 16, 4};
    assert_memory_equal(fc1->dim, panels, sizeof panels);
    assert_int_equal(((const uint8_t *)fc1->data)[3], 64 + 3);
    assert_null(rfa_gguf_find_tensor(&p.gguf, RFA_STR("vit.po")));
    assert_null(rfa_gguf_find_tensor(&p.gguf, RFA_STR("vit.pos.")));
    assert_null(rfa_gguf_find_tensor(&p.gguf, RFA_STR("")));
    release(&p);
    free(b.data);
}

static void finds_values(void **state)
{
    (void)state;
    struct gguf_bytes b = make(&good_recipe);
    struct parsed p;
    parse(&p, b.data, b.count);
    assert_int_equal(p.gguf.value_count, 5);
    assert_memory_equal(p.gguf.value[0].key.data, "general.name", 12); /* the file's order */
    const struct rfa_gguf_value *name = rfa_gguf_find_value(&p.gguf, RFA_STR("general.name"));
    const struct rfa_gguf_value *words = rfa_gguf_find_value(&p.gguf, RFA_STR("words"));
    const struct rfa_gguf_value *sizes = rfa_gguf_find_value(&p.gguf, RFA_STR("sizes"));
    assert_int_equal(name->kind, RFA_GGUF_STRING);
    assert_int_equal(name->as.s.len, 4);
    assert_memory_equal(name->as.s.data, "tiny", 4);
    assert_true(rfa_gguf_find_value(&p.gguf, RFA_STR("flag"))->as.b);
    const uint8_t *cursor = words->as.array.data;
    assert_int_equal(words->as.array.count, 3);
    assert_int_equal(rfa_gguf_next_string(&cursor).len, 5);
    assert_int_equal(rfa_gguf_next_string(&cursor).len, 0);
    assert_memory_equal(rfa_gguf_next_string(&cursor).data, "third", 5);
    assert_int_equal(sizes->as.array.kind, RFA_GGUF_INT);
    assert_true(rfa_gguf_array_number(sizes, 0) == 7 && rfa_gguf_array_number(sizes, 1) == -9);
    assert_null(rfa_gguf_find_value(&p.gguf, RFA_STR("word")));
    release(&p);
    free(b.data);
}

static const struct {
    uint32_t type;
    enum rfa_gguf_kind kind;
    uint64_t bits; /* as stored, low bytes first */
    double number;
} scalars[] = {
    {RFA_GGUF_TYPE_U8, RFA_GGUF_UINT, 0xfe, 254},
    {RFA_GGUF_TYPE_I8, RFA_GGUF_INT, 0xfe, -2},
    {RFA_GGUF_TYPE_U16, RFA_GGUF_UINT, 0xfffe, 65534},
    {RFA_GGUF_TYPE_I16, RFA_GGUF_INT, 0xfffe, -2},
    {RFA_GGUF_TYPE_U32, RFA_GGUF_UINT, 0xfffffffe, 4294967294.0},
    {RFA_GGUF_TYPE_I32, RFA_GGUF_INT, 0xfffffffe, -2},
    {RFA_GGUF_TYPE_F32, RFA_GGUF_FLOAT, 0xbfc00000, -1.5},
    {RFA_GGUF_TYPE_BOOL, RFA_GGUF_BOOL, 1, 1},
    {RFA_GGUF_TYPE_U64, RFA_GGUF_UINT, 1ull << 52, 4503599627370496.0},
    {RFA_GGUF_TYPE_I64, RFA_GGUF_INT, 0xfffffffffffffffe, -2},
    {RFA_GGUF_TYPE_F64, RFA_GGUF_FLOAT, 0xbff8000000000000, -1.5},
};

static double number_of(const struct rfa_gguf_value *v)
{
    return v->kind == RFA_GGUF_UINT   ? (double)v->as.u
           : v->kind == RFA_GGUF_INT  ? (double)v->as.i
           : v->kind == RFA_GGUF_BOOL ? (double)v->as.b
                                      : v->as.f;
}

static void widens_every_scalar_type(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof scalars / sizeof scalars[0]; i++) {
        struct gguf_bytes b = {0};
        struct parsed p;
        bytes_header(&b, "GGUF", 3, 0, 2);
        bytes_key(&b, "scalar", scalars[i].type);
        bytes_put(&b, &scalars[i].bits, rfa_gguf_type_bytes(scalars[i].type));
        bytes_array(&b, "array", scalars[i].type, 2);
        bytes_put(&b, "\0\0\0\0\0\0\0", rfa_gguf_type_bytes(scalars[i].type));
        bytes_put(&b, &scalars[i].bits, rfa_gguf_type_bytes(scalars[i].type));
        parse(&p, b.data, b.count);
        assert_int_equal(p.status, RFA_OK);
        const struct rfa_gguf_value *scalar = rfa_gguf_find_value(&p.gguf, RFA_STR("scalar"));
        const struct rfa_gguf_value *array = rfa_gguf_find_value(&p.gguf, RFA_STR("array"));
        assert_int_equal(scalar->kind, scalars[i].kind);
        assert_int_equal(array->as.array.kind, scalars[i].kind);
        assert_true(number_of(scalar) == scalars[i].number);
        assert_true(rfa_gguf_array_number(array, 0) == 0);
        assert_true(rfa_gguf_array_number(array, 1) == scalars[i].number);
        release(&p);
        free(b.data);
    }
}

static void takes_files_without_content(void **state)
{
    (void)state;
    struct gguf_bytes b = {0};
    struct parsed p;
    bytes_header(&b, "GGUF", 3, 0, 0);
    parse(&p, b.data, b.count);
    assert_int_equal(p.status, RFA_OK);
    assert_int_equal(p.gguf.alignment, 32);
    assert_int_equal(p.gguf.data_offset, 24);
    assert_null(rfa_gguf_find_tensor(&p.gguf, RFA_STR("x")));
    assert_null(rfa_gguf_find_value(&p.gguf, RFA_STR("x")));
    release(&p);
    free(b.data);
}

/* Many names in an order that is neither sorted nor reversed. */
static void sorts_many_tensors(void **state)
{
    (void)state;
    enum { N = 1009 };
    struct gguf_bytes b = {0};
    struct parsed p;
    char name[32];
    bytes_header(&b, "GGUF", 3, N, 0);
    for (uint64_t i = 0; i < N; i++) {
        snprintf(name, sizeof name, "t%d", (int)(i * 389 % N));
        bytes_string(&b, name);
        bytes_u32(&b, 1);
        bytes_u64(&b, 1);
        bytes_u32(&b, 0);
        bytes_u64(&b, (i * 601 % N) * 32);
    }
    bytes_pad(&b, 32);
    size_t data = b.count;
    for (size_t i = 0; i < N * 32; i++)
        bytes_u8(&b, 0);
    parse(&p, b.data, b.count);
    assert_int_equal(p.status, RFA_OK);
    check_sound(&p);
    for (uint64_t i = 0; i < N; i++) {
        snprintf(name, sizeof name, "t%d", (int)(i * 389 % N));
        const struct rfa_gguf_tensor *t = rfa_gguf_find_tensor(&p.gguf, (struct rfa_str){name, strlen(name)});
        assert_non_null(t);
        assert_int_equal((const uint8_t *)t->data - p.file.data, data + (i * 601 % N) * 32);
    }
    release(&p);
    free(b.data);
}

static void wants_the_whole_table(void **state)
{
    (void)state;
    struct gguf_bytes b = make(&good_recipe);
    struct log_memory memory = {.count = 0};
    struct rfa_log log = {log_remember, &memory};
    struct rfa_gguf gguf;
    struct guard guard;
    size_t bytes;
    assert_int_equal(rfa_gguf_table_bytes(&bytes, b.data, b.count, "m", NULL), RFA_OK);
    void *table = guard_end(&guard, bytes);
    assert_int_equal(rfa_gguf_parse(&gguf, table, bytes - 1, b.data, b.count, "m", &log), RFA_ERR_NOMEM);
    assert_int_equal(memory.status, RFA_ERR_NOMEM);
    assert_int_equal(gguf.tensor_count, 0);
    assert_int_equal(rfa_gguf_parse(&gguf, table, bytes, b.data, b.count, "m", NULL), RFA_OK);
    guard_free(&guard);
    free(b.data);
}

/* ------------------------------------------------------------------ bad files */

/* Metadata entries for recipe.extra. */
static void key_empty(struct gguf_bytes *b)
{
    bytes_key(b, "", RFA_GGUF_TYPE_BOOL);
    bytes_u8(b, 0);
}

static void key_long(struct gguf_bytes *b)
{
    char key[RFA_GGUF_MAX_KEY + 2];
    memset(key, 'k', sizeof key - 1);
    key[sizeof key - 1] = '\0';
    bytes_key(b, key, RFA_GGUF_TYPE_BOOL);
    bytes_u8(b, 0);
}

static void key_endless(struct gguf_bytes *b)
{
    bytes_u64(b, UINT64_MAX);
}

static void key_escape(struct gguf_bytes *b)
{
    bytes_key(b, "k\033[2J", RFA_GGUF_TYPE_BOOL);
    bytes_u8(b, 0);
}

static void key_twice(struct gguf_bytes *b)
{
    bytes_key(b, "words", RFA_GGUF_TYPE_BOOL);
    bytes_u8(b, 0);
}

static void type_unknown(struct gguf_bytes *b)
{
    bytes_key(b, "k", RFA_GGUF_TYPE_COUNT);
    bytes_u64(b, 0);
}

static void bool_two(struct gguf_bytes *b)
{
    bytes_key(b, "k", RFA_GGUF_TYPE_BOOL);
    bytes_u8(b, 2);
}

static void bools_two(struct gguf_bytes *b)
{
    bytes_array(b, "k", RFA_GGUF_TYPE_BOOL, 3);
    bytes_put(b, "\0\1\3", 3);
}

static void string_huge(struct gguf_bytes *b)
{
    bytes_key(b, "k", RFA_GGUF_TYPE_STRING);
    bytes_u64(b, RFA_GGUF_MAX_STRING + 1);
}

static void string_beyond(struct gguf_bytes *b)
{
    bytes_key(b, "k", RFA_GGUF_TYPE_STRING);
    bytes_u64(b, RFA_GGUF_MAX_STRING);
}

static void strings_huge(struct gguf_bytes *b)
{
    bytes_array(b, "k", RFA_GGUF_TYPE_STRING, 1);
    bytes_u64(b, UINT64_MAX - 7);
}

static void strings_beyond(struct gguf_bytes *b)
{
    bytes_array(b, "k", RFA_GGUF_TYPE_STRING, UINT64_MAX);
    for (int i = 0; i < 100; i++)
        bytes_string(b, "");
    bytes_put(b, "\xff\xff\0\0\0\0\0\0", 8);
}

static void array_of_arrays(struct gguf_bytes *b)
{
    bytes_array(b, "k", RFA_GGUF_TYPE_ARRAY, 1);
    bytes_u32(b, RFA_GGUF_TYPE_U8);
    bytes_u64(b, 0);
}

static void array_type_unknown(struct gguf_bytes *b)
{
    bytes_array(b, "k", 77, 1);
}

static void array_overflow(struct gguf_bytes *b)
{
    bytes_array(b, "k", RFA_GGUF_TYPE_F64, 1ull << 61);
}

static void array_beyond(struct gguf_bytes *b)
{
    bytes_array(b, "k", RFA_GGUF_TYPE_U16, 1ull << 40);
}

static void alignment_of(struct gguf_bytes *b)
{
    bytes_key(b, "k", RFA_GGUF_TYPE_U8);
    bytes_u8(b, 1);
}

/* One change to the good file, and the refusal. Fields that are 0 stay as they are, but for those under `set`. */
enum change { AS_IS, DIM, RANK, TYPE, OFFSET };

static const char name_65[] = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklm";

static const struct {
    const char *what;
    enum rfa_status status;
    const char *message; /* a part of it */
    const char *magic;
    uint32_t version;
    uint64_t tensor_count, value_count, alignment;
    void (*extra)(struct gguf_bytes *b);
    const char *name; /* of the second tensor */
    enum change change;
    uint64_t value; /* for the second tensor's slowest dimension, rank, type or offset */
} bad[] = {
    {"ggml file", RFA_ERR_FORMAT, "not a GGUF file", .magic = "lmgg"},
    {"big-endian magic", RFA_ERR_UNSUPPORTED, "for big-endian machines", .magic = "FUGG"},
    {"big-endian version", RFA_ERR_UNSUPPORTED, "bytes in big-endian order", .version = 0x03000000},
    {"version 2", RFA_ERR_UNSUPPORTED, "GGUF version 2,", .version = 2},
    {"version 4", RFA_ERR_UNSUPPORTED, "GGUF version 4,", .version = 4},
    {"too many tensors", RFA_ERR_UNSUPPORTED, "65537 tensors, more than the 65536", .tensor_count = 65537},
    {"2^64 - 1 tensors", RFA_ERR_UNSUPPORTED, "18446744073709551615 tensors", .tensor_count = UINT64_MAX},
    {"more tensors than fit", RFA_ERR_FORMAT, "claims 65536 tensors", .tensor_count = 65536},
    {"one tensor more", RFA_ERR_FORMAT, "tensor 2:", .tensor_count = 3},
    {"too many values", RFA_ERR_UNSUPPORTED, "4097 metadata entries, more than the 4096", .value_count = 4097},
    {"more values than fit", RFA_ERR_FORMAT, "claims 4096 metadata entries", .value_count = 4096},
    {"one value more", RFA_ERR_FORMAT, "tensor 0: its name has 1407374883553280 bytes", .value_count = 6},
    {"empty key", RFA_ERR_FORMAT, "its key is empty", .extra = key_empty},
    {"long key", RFA_ERR_UNSUPPORTED, "its key has 257 bytes, more than the 256", .extra = key_long},
    {"endless key", RFA_ERR_UNSUPPORTED, "its key has 18446744073709551615 bytes", .extra = key_endless},
    {"escape in a key", RFA_ERR_FORMAT, "its key has the byte 0x1b at 1", .extra = key_escape},
    {"key twice", RFA_ERR_FORMAT, "key \"words\" stands there twice", .extra = key_twice},
    {"unknown metadata type", RFA_ERR_FORMAT, "metadata type 13 does not exist", .extra = type_unknown},
    {"bad bool", RFA_ERR_FORMAT, "truth value has the byte 0x02", .extra = bool_two},
    {"bad bool in an array", RFA_ERR_FORMAT, "truth value has the byte 0x03", .extra = bools_two},
    {"huge string", RFA_ERR_UNSUPPORTED, "its string has 1048577 bytes", .extra = string_huge},
    {"string behind the end", RFA_ERR_FORMAT, "ends inside the string (1048576 bytes", .extra = string_beyond},
    {"huge string in an array", RFA_ERR_UNSUPPORTED, "its string in an array has 18446744073709551608",
     .extra = strings_huge},
    {"2^64 - 1 strings", RFA_ERR_FORMAT, "ends inside the string in an array (65535", .extra = strings_beyond},
    {"array of arrays", RFA_ERR_UNSUPPORTED, "\"k\" is an array of arrays", .extra = array_of_arrays},
    {"array of an unknown type", RFA_ERR_FORMAT, "metadata type 77 does not exist", .extra = array_type_unknown},
    {"array size overflows", RFA_ERR_FORMAT, "an array of 2305843009213693952 elements overflows",
     .extra = array_overflow},
    {"array behind the end", RFA_ERR_FORMAT, "ends inside the array (2199023255552 bytes", .extra = array_beyond},
    {"alignment 12", RFA_ERR_FORMAT, "general.alignment is 12,", .alignment = 12},
    {"alignment 4", RFA_ERR_FORMAT, "general.alignment is 4,", .alignment = 4},
    {"alignment 2^31", RFA_ERR_FORMAT, "not a multiple of the alignment 2147483648", .alignment = 1u << 31},
    {"rank 0", RFA_ERR_FORMAT, "has 0 dimensions", .change = RANK, .value = 0},
    {"rank 5", RFA_ERR_FORMAT, "has 5 dimensions", .change = RANK, .value = 5},
    {"rank 2^32 - 1", RFA_ERR_FORMAT, "has 4294967295 dimensions", .change = RANK, .value = UINT32_MAX},
    {"zero dimension", RFA_ERR_FORMAT, "has a dimension of 0", .change = DIM, .value = 0},
    {"size overflows", RFA_ERR_FORMAT, "size of \"opt.fc1.weight\" overflows", .change = DIM, .value = 1ull << 58},
    {"larger than the file", RFA_ERR_FORMAT, "wants 8192 bytes, more than the whole file", .change = DIM, .value = 128},
    {"ends behind the file", RFA_ERR_FORMAT, "of 192 bytes ends behind the file's end", .change = DIM, .value = 3},
    {"type Q4_0", RFA_ERR_UNSUPPORTED, "has the type Q4_0", .change = TYPE, .value = 2},
    {"type BF16", RFA_ERR_UNSUPPORTED, "has the type BF16", .change = TYPE, .value = 30},
    {"type that was removed", RFA_ERR_FORMAT, "has the type 4, which does not exist", .change = TYPE, .value = 4},
    {"type 2^32 - 1", RFA_ERR_FORMAT, "has the type 4294967295, which", .change = TYPE, .value = UINT32_MAX},
    {"offset not aligned", RFA_ERR_FORMAT, "begins at 72 of the data, not a multiple", .change = OFFSET, .value = 72},
    {"offset behind the end", RFA_ERR_FORMAT, "begins at 1024 of the data, behind", .change = OFFSET, .value = 1024},
    {"offset near 2^64", RFA_ERR_FORMAT, "begins at 18446744073709551584 of", .change = OFFSET,
     .value = UINT64_MAX - 31},
    {"ranges overlap", RFA_ERR_FORMAT, "data of \"vit.pos\" and \"opt.fc1.weight\" overlap", .change = OFFSET,
     .value = 32},
    {"empty name", RFA_ERR_FORMAT, "its name is empty", .name = ""},
    {"long name", RFA_ERR_FORMAT, "its name has 65 bytes, more than the 64", .name = name_65},
    {"space in a name", RFA_ERR_FORMAT, "its name has the byte 0x20 at 3", .name = "vit pos"},
    {"byte above ASCII in a name", RFA_ERR_FORMAT, "its name has the byte 0xc3 at 1", .name = "v\xc3\xa4t"},
    {"name twice", RFA_ERR_FORMAT, "tensor \"vit.pos\" stands there twice", .name = "vit.pos"},
};

enum { BAD = sizeof bad / sizeof bad[0] };

static struct gguf_bytes make_bad(size_t i)
{
    struct recipe r = good_recipe;
    if (bad[i].magic)
        r.magic = bad[i].magic;
    if (bad[i].version)
        r.version = bad[i].version;
    if (bad[i].tensor_count)
        r.tensor_count = bad[i].tensor_count;
    if (bad[i].value_count)
        r.value_count = bad[i].value_count;
    if (bad[i].alignment)
        r.alignment = bad[i].alignment;
    if (bad[i].name)
        r.tensor[1].name = bad[i].name;
    r.extra = bad[i].extra;
    switch (bad[i].change) {
    case AS_IS:
        break;
    case DIM:
        r.tensor[1].dim[3] = bad[i].value;
        break;
    case RANK:
        r.tensor[1].rank = (uint32_t)bad[i].value;
        break;
    case TYPE:
        r.tensor[1].type = (uint32_t)bad[i].value;
        break;
    case OFFSET:
        r.tensor[1].offset = bad[i].value;
        break;
    }
    return make(&r);
}

static void refuses_each_with_its_message(void **state)
{
    (void)state;
    int wrong = 0;
    for (size_t i = 0; i < BAD; i++) {
        struct gguf_bytes b = make_bad(i);
        struct parsed p;
        parse(&p, b.data, b.count);
        if (p.status != bad[i].status || p.log.status != bad[i].status || p.log.count != 1 ||
            strncmp(p.log.message, "m.gguf: ", 8) || !strstr(p.log.message, bad[i].message) ||
            !strstr(p.log.message, "convert")) { /* the remedy */
            print_error("%s: status %d, \"%s\"\n", bad[i].what, (int)p.status, p.log.message);
            wrong++;
        }
        assert_int_equal(p.gguf.tensor_count, 0);
        release(&p);
        free(b.data);
    }
    assert_int_equal(wrong, 0);
}

/* A remedy is worth nothing if two causes read alike. */
static void messages_differ(void **state)
{
    (void)state;
    static char message[BAD][1024];
    for (size_t i = 0; i < BAD; i++) {
        struct gguf_bytes b = make_bad(i);
        struct parsed p;
        parse(&p, b.data, b.count);
        memcpy(message[i], p.log.message, sizeof message[i]);
        release(&p);
        free(b.data);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(message[i], message[j]);
    }
}

static void refuses_alignment_of_another_kind(void **state)
{
    (void)state;
    static const uint32_t types[] = {RFA_GGUF_TYPE_I32, RFA_GGUF_TYPE_F32};
    for (size_t i = 0; i < 2; i++) {
        struct gguf_bytes b = {0};
        struct parsed p;
        bytes_header(&b, "GGUF", 3, 0, 2);
        alignment_of(&b);
        bytes_key(&b, "general.alignment", types[i]);
        bytes_u32(&b, 32);
        parse(&p, b.data, b.count);
        assert_int_equal(p.status, RFA_ERR_FORMAT);
        assert_non_null(strstr(p.log.message, "general.alignment is not an unsigned integer"));
        release(&p);
        free(b.data);
    }
}

static void refuses_every_truncation(void **state)
{
    (void)state;
    struct gguf_bytes b = make(&good_recipe);
    for (size_t n = 0; n < b.count; n++) {
        struct parsed p;
        parse(&p, b.data, n);
        assert_int_equal(p.status, RFA_ERR_FORMAT);
        assert_int_equal(p.log.count, 1);
        release(&p);
    }
    free(b.data);
}

/* Every byte of the head in several wrong values: refused, or taken and sound. */
static void survives_changed_bytes(void **state)
{
    (void)state;
    struct gguf_bytes b = make(&good_recipe);
    size_t head = b.count - good_recipe.data_bytes, taken = 0, refused = 0;
    static const uint8_t masks[] = {0x01, 0x02, 0x08, 0x20, 0x40, 0x80, 0xff};
    for (size_t at = 0; at < head; at++) {
        for (size_t m = 0; m < sizeof masks; m++) {
            struct parsed p;
            b.data[at] ^= masks[m];
            parse(&p, b.data, b.count);
            b.data[at] ^= masks[m];
            assert_int_equal(p.log.count, p.status != RFA_OK);
            if (p.status == RFA_OK) {
                check_sound(&p);
                taken++;
            } else {
                assert_true(p.status == RFA_ERR_FORMAT || p.status == RFA_ERR_UNSUPPORTED);
                refused++;
            }
            release(&p);
        }
    }
    assert_true(taken > 100 && refused > 1000); /* both kinds were tried: text may change, structure may not */
    free(b.data);
}

static void checked_arithmetic(void **state)
{
    (void)state;
    uint64_t x = 5;
    assert_true(rfa_mul_add(&x, 1ull << 32, (1ull << 32) - 1, UINT32_MAX) && x == UINT64_MAX);
    assert_true(rfa_mul_add(&x, UINT64_MAX, 1, 0) && x == UINT64_MAX);
    assert_true(rfa_mul_add(&x, UINT64_MAX, 0, 7) && x == 7);
    assert_false(rfa_mul_add(&x, UINT64_MAX, 1, 1));
    assert_false(rfa_mul_add(&x, 1ull << 32, 1ull << 32, 0));
    assert_int_equal(x, 7);
    assert_true(rfa_mul_round_up(&x, 65, 64) && x == 128);
    assert_true(rfa_mul_round_up(&x, 0, 64) && x == 0);
    assert_false(rfa_mul_round_up(&x, UINT64_MAX, 64));
}

/* Writes the files of this test to FOLDER: seeds for fuzz_gguf. */
static int write_corpus(const char *folder)
{
    for (size_t i = 0; i <= BAD; i++) {
        struct gguf_bytes b = i < BAD ? make_bad(i) : make(&good_recipe);
        char name[32];
        snprintf(name, sizeof name, "gguf-%02d.gguf", (int)i);
        if (!bytes_save(&b, folder, name))
            return 1;
        free(b.data);
    }
    return 0;
}

/* Without arguments: the tests. With --corpus FOLDER: writes the files that they use. */
int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--corpus") == 0)
        return write_corpus(argv[2]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_tensors),
        cmocka_unit_test(finds_values),
        cmocka_unit_test(widens_every_scalar_type),
        cmocka_unit_test(takes_files_without_content),
        cmocka_unit_test(sorts_many_tensors),
        cmocka_unit_test(wants_the_whole_table),
        cmocka_unit_test(refuses_each_with_its_message),
        cmocka_unit_test(messages_differ),
        cmocka_unit_test(refuses_alignment_of_another_kind),
        cmocka_unit_test(refuses_every_truncation),
        cmocka_unit_test(survives_changed_bytes),
        cmocka_unit_test(checked_arithmetic),
    };
    return cmocka_run_group_tests_name("gguf", tests, NULL, NULL);
}

/* What opening a model refuses of its tensors: a bundled model with one of them changed at a time. */
#include "folder_fixture.h"

#include "../src/cli/gguf_writer.h"
#include "gguf_bytes.h"
#include "model_case.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* A tensor takes another type or shape, filled with `value`, or is left out (rank 0). */
struct change {
    const char *name;
    enum rfa_type type;
    uint32_t rank;
    uint64_t dim[RFA_MAX_DIMS];
    float value; /* of F32; bytes of the other types are 0 */
};

enum { MAX_CHANGES = 5 };

struct refusal {
    const char *model; /* of tests/data */
    struct change change[MAX_CHANGES];
    enum rfa_status status;
    const char *word; /* in the message */
};

/* ------------------------------------------------------------------ changes */

static size_t bytes_of(const struct change *c)
{
    size_t bytes = rfa_type_bytes(c->type);
    for (uint32_t i = 0; i < c->rank; i++)
        bytes *= (size_t)c->dim[i];
    return bytes;
}

static const struct change *change_of(const struct refusal *r, struct rfa_str name)
{
    for (size_t i = 0; i < MAX_CHANGES && r->change[i].name; i++)
        if (strlen(r->change[i].name) == name.len && memcmp(r->change[i].name, name.data, name.len) == 0)
            return &r->change[i];
    return NULL;
}

static bool is_new(const struct rfa_gguf *g, const struct change *c)
{
    return c->name && !rfa_gguf_find_tensor(g, (struct rfa_str){c->name, strlen(c->name)});
}

static void write_change(struct rfa_gguf_writer *w, const struct change *c)
{
    size_t bytes = bytes_of(c);
    float *data = calloc(1, bytes);
    assert_non_null(data);
    for (size_t i = 0; c->type == RFA_TYPE_F32 && i < bytes / sizeof *data; i++)
        data[i] = c->value;
    assert_int_equal(rfa_gguf_write(w, data, bytes), RFA_OK);
    free(data);
}

static void declare_change(struct rfa_gguf_writer *w, const struct change *c)
{
    rfa_gguf_declare(w, (struct rfa_str){c->name, strlen(c->name)}, c->type, c->rank, c->dim);
}

/* The model with its changes; tensors that it has not are added. */
static void write_model(const char *path, const struct rfa_gguf *g, const struct refusal *r)
{
    struct rfa_gguf_writer *w;
    assert_int_equal(rfa_gguf_writer_open(&w, path, NULL), RFA_OK);
    for (size_t i = 0; i < g->value_count; i++)
        rfa_gguf_put_value(w, &g->value[i]);
    for (int pass = 0; pass < 2; pass++) { /* the declarations, and then the data */
        for (size_t i = 0; i < g->tensor_count; i++) {
            const struct rfa_gguf_tensor *t = &g->tensor[i];
            const struct change *c = change_of(r, t->name);
            if (c && c->rank == 0)
                continue;
            if (pass == 0 && c)
                declare_change(w, c);
            else if (pass == 0)
                rfa_gguf_declare(w, t->name, t->type, t->rank, t->dim);
            else if (c)
                write_change(w, c);
            else
                assert_int_equal(rfa_gguf_write(w, t->data, t->bytes), RFA_OK);
        }
        for (size_t i = 0; i < MAX_CHANGES; i++)
            if (is_new(g, &r->change[i]))
                pass == 0 ? declare_change(w, &r->change[i]) : write_change(w, &r->change[i]);
    }
    assert_int_equal(rfa_gguf_writer_finish(&w), RFA_OK);
}

/* Opens the changed model; whether it ended as it should, else it says how it did. */
static bool is_refused(const struct refusal *r)
{
    struct rfa_file_map map;
    struct rfa_gguf g;
    struct log_memory memory = {.count = 0};
    const struct rfa_log log = {log_remember, &memory};
    rfa_model *model;
    size_t bytes;
    const char *source = case_path(r->model, ".gguf"), *path = temp_path(&folder, "changed.gguf");
    assert_int_equal(rfa_file_map_open(&map, source, 1, NULL), RFA_OK);
    assert_int_equal(rfa_gguf_table_bytes(&bytes, map.data, map.bytes, source, NULL), RFA_OK);
    void *table = malloc(bytes);
    assert_non_null(table);
    assert_int_equal(rfa_gguf_parse(&g, table, bytes, map.data, map.bytes, source, NULL), RFA_OK);
    write_model(path, &g, r);
    enum rfa_status status = rfa_model_open(&model, path, &log);
    bool refused = status == r->status && memory.count == (status != RFA_OK) && strstr(memory.message, r->word);
    if (!refused)
        print_error("%s, %s: status %d, \"%s\"\n", r->model, r->change[0].name, (int)status, memory.message);
    rfa_model_close(&model);
    free(table);
    rfa_file_map_close(&map);
    return refused;
}

/* An int8 matrix [n,k] with its companions, as zeros and with scales of `scale`. */
#define INT8(stem, n, k, scale)                                                                                        \
    {stem ".weight", RFA_TYPE_I8, 4, {(n + 15) / 16, (k + 3) / 4, 16, 4}, 0},                                          \
        {stem ".scale", RFA_TYPE_F32, 1, {(n + 15) / 16 * 16}, scale},                                                 \
        {stem ".sum", RFA_TYPE_I32, 1, {(n + 15) / 16 * 16}, 0},                                                       \
    {                                                                                                                  \
        stem ".bias", RFA_TYPE_F32, 1, {(n + 15) / 16 * 16}, 0                                                         \
    }

static const struct refusal refusals[] = {
    {"nano3", {{.name = "opt.norm.bias", .rank = 0}}, RFA_ERR_SHAPE, "opt.norm.bias' is missing"},
    {"nano3", {{"vit.blk.0.norm1.weight", RFA_TYPE_F16, 1, {40}, 0}}, RFA_ERR_SHAPE, "is F16 [40]"},
    {"nano3", {{"opt.tok", RFA_TYPE_F32, 2, {256, 28}, 0}}, RFA_ERR_SHAPE, "demands F32 or F16 [257,28]"},
    {"nano3", {INT8("vit.blk.0.fc1", 99, 40, 1)}, RFA_OK, ""},
    {"nano3", {INT8("vit.blk.0.fc1", 99, 44, 1)}, RFA_ERR_SHAPE, "demands I8 panels [7,10,16,4]"},
    {"nano3", {INT8("vit.blk.0.fc1", 99, 40, -1)}, RFA_ERR_FORMAT, "fc1.scale' holds -1 at 0"},
    {"nano3", {INT8("vit.blk.0.fc1", 99, 40, NAN)}, RFA_ERR_FORMAT, "fc1.scale' holds"},
    /* Products that read a part of the matrix or of their input, and ops that have one form only. */
    {"nano3", {INT8("head.br.1.sent.kv", 40, 20, 1)}, RFA_ERR_SHAPE, "kv.weight' is I8"},
    {"nano3", {INT8("head.br.2.box.kv", 40, 20, 1)}, RFA_ERR_SHAPE, "kv.weight' is I8"},
    {"nano3", {INT8("head.img.scan.dt", 40, 2, 1)}, RFA_ERR_SHAPE, "demands F32 or F16 [40,2]"},
    {"nano3", {INT8("head.box.proj", 36, 4, 1)}, RFA_ERR_SHAPE, "demands F32 [36,4]"},
    {"nano3", {{"head.box.proj.weight", RFA_TYPE_F16, 2, {36, 4}, 0}}, RFA_ERR_SHAPE, "demands F32 [36,4]"},
    {"first4", {{"head.box.mix.weight", RFA_TYPE_F16, 2, {5, 9}, 0}}, RFA_ERR_SHAPE, "demands F32 [5,9]"},
    {"first4", {INT8("head.agent.box.pool1", 18, 36, 1)}, RFA_ERR_SHAPE, "pool1.weight' is I8"},
    /* Sizes that RefAtomNet's configuration leaves to its matrices. */
    {"first4", {{"head.agent.box.pool2.weight", RFA_TYPE_F32, 2, {35, 18}, 0}}, RFA_ERR_SHAPE, "pool2.weight' is"},
    {"first4", {{"head.agent.img.pool2.weight", RFA_TYPE_F32, 2, {72, 18}, 0}}, RFA_ERR_SHAPE, "pool2.weight' is"},
    {"first4", {{"head.class.fc1.weight", RFA_TYPE_F32, 2, {65537, 36}, 0}}, RFA_ERR_SHAPE, "65537 rows"},
};

static void refuses_each_with_its_message(void **state)
{
    (void)state;
    int wrong = 0;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++)
        wrong += !is_refused(&refusals[i]);
    assert_int_equal(wrong, 0);
}

/* ------------------------------------------------------------------ every tensor in turn */

/* Where one tensor's entry stands in the head of a file: name length (8 bytes), name, rank (4), dimensions (8 each),
 * type (4), offset (8). */
struct entry {
    size_t name, name_bytes, rank, dims, type;
};

/* Finds the entry by its own bytes: length, name and a plausible rank. */
static struct entry find_entry(const uint8_t *file, size_t bytes, struct rfa_str name)
{
    uint64_t length = name.len;
    for (size_t i = 0; i + 12 + name.len < bytes; i++) {
        struct entry e = {i + 8, name.len, i + 8 + name.len, i + 12 + name.len, 0};
        uint32_t rank;
        if (memcmp(file + i, &length, 8) != 0 || memcmp(file + e.name, name.data, name.len) != 0)
            continue;
        memcpy(&rank, file + e.rank, 4);
        if (rank >= 1 && rank <= 4) {
            e.type = e.dims + 8 * rank;
            return e;
        }
    }
    case_broken("a tensor's entry in the file");
    return (struct entry){0, 0, 0, 0, 0};
}

static void open_altered(const uint8_t *file, size_t bytes, enum rfa_status want, const char *name, const char *what)
{
    struct log_memory log = {.count = 0};
    struct rfa_log to = {log_remember, &log};
    rfa_model *model = (rfa_model *)(uintptr_t)file;
    enum rfa_status status = rfa_model_open_memory(&model, file, bytes, &to);
    if (status != want || log.count != 1 || !strstr(log.message, name))
        fail_msg("tensor '%s' %s: status %d, %d messages: %s", name, what, (int)status, log.count, log.message);
    assert_null(model);
}

/* The tensor is there under another name. */
static void rename_tensor(uint8_t *file, size_t bytes, struct entry e, const char *name)
{
    uint8_t *last = file + e.name + e.name_bytes - 1, was = *last;
    *last = was == '~' ? '}' : '~';
    open_altered(file, bytes, RFA_ERR_SHAPE, name, "renamed");
    *last = was;
}

/* The last dimension stays, which keeps the bytes inside the file: 1 smaller, or two dimensions merged into one. */
static void misshape_tensor(uint8_t *file, size_t bytes, struct entry e, const char *name)
{
    uint64_t dim, other;
    memcpy(&dim, file + e.dims, 8);
    other = dim > 1 ? dim - 1 : dim;
    if (other == dim)
        return;
    memcpy(file + e.dims, &other, 8);
    open_altered(file, bytes, RFA_ERR_SHAPE, name, "one column smaller");
    memcpy(file + e.dims, &dim, 8);
}

/* A matrix stored as I32: bytes enough where it was F32. */
static void retype_tensor(uint8_t *file, size_t bytes, struct entry e, const char *name)
{
    uint32_t type, i32 = rfa_type_ggml(RFA_TYPE_I32);
    memcpy(&type, file + e.type, 4);
    if (type != rfa_type_ggml(RFA_TYPE_F32))
        return;
    memcpy(file + e.type, &i32, 4);
    open_altered(file, bytes, RFA_ERR_SHAPE, name, "stored as I32");
    memcpy(file + e.type, &type, 4);
}

static void every_tensor_is_needed_as_it_is(const char *model)
{
    struct model_case c;
    struct rfa_file_map map;
    void *table;
    struct rfa_gguf gguf;
    size_t table_bytes;
    case_open(&c, model);
    assert_int_equal(rfa_file_map_open(&map, case_path(model, ".gguf"), 1, NULL), RFA_OK);
    uint8_t *file = aligned_alloc(64, (map.bytes + 63) / 64 * 64);
    assert_non_null(file);
    memcpy(file, map.data, map.bytes);
    assert_int_equal(rfa_gguf_table_bytes(&table_bytes, map.data, map.bytes, model, NULL), RFA_OK);
    table = malloc(table_bytes);
    assert_int_equal(rfa_gguf_parse(&gguf, table, table_bytes, map.data, map.bytes, model, NULL), RFA_OK);
    for (size_t i = 0; i < gguf.tensor_count; i++) {
        char name[RFA_GGUF_MAX_NAME + 1];
        const struct rfa_gguf_tensor *t = &gguf.tensor[i];
        snprintf(name, sizeof name, "%.*s", (int)t->name.len, t->name.data);
        if (strstr(name, ".sent.q."))
            continue; /* attention over identical rows asks nothing */
        struct entry e = find_entry(file, gguf.data_offset, t->name);
        rename_tensor(file, map.bytes, e, name);
        misshape_tensor(file, map.bytes, e, name);
        retype_tensor(file, map.bytes, e, name);
    }
    rfa_model *whole;
    assert_int_equal(rfa_model_open_memory(&whole, file, map.bytes, NULL), RFA_OK);
    rfa_model_close(&whole);
    free(table);
    free(file);
    rfa_file_map_close(&map);
    case_close(&c);
}

static void plus_plus_without_a_tensor(void **state)
{
    (void)state;
    every_tensor_is_needed_as_it_is("nano3");
}

static void first_without_a_tensor(void **state)
{
    (void)state;
    every_tensor_is_needed_as_it_is("first4");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(refuses_each_with_its_message),
                                       cmocka_unit_test(plus_plus_without_a_tensor),
                                       cmocka_unit_test(first_without_a_tensor)};
    return cmocka_run_group_tests_name("build", tests, make_folder, remove_folder);
}

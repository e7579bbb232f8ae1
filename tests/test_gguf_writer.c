/* The GGUF writer: what it writes is what the reader finds, and whatever fails leaves the target alone and no temporary
 * file behind. */
#include "folder_fixture.h"

#include "../src/cli/gguf_writer.h"
#include "../src/file_map.h"
#include "gguf_bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cmocka.h>

static struct log_memory memory;
static const struct rfa_log log_to_memory = {log_remember, &memory};

static int set_up(void **state)
{
    memory = (struct log_memory){.count = 0};
    return make_folder(state);
}

/* A written file, read back. */
struct back {
    struct rfa_file_map map;
    void *table;
    struct rfa_gguf gguf;
};

static void read_back(struct back *b, const char *path)
{
    size_t bytes;
    assert_int_equal(rfa_file_map_open(&b->map, path, 24, NULL), RFA_OK);
    assert_int_equal(rfa_gguf_table_bytes(&bytes, b->map.data, b->map.bytes, path, NULL), RFA_OK);
    b->table = malloc(bytes);
    assert_non_null(b->table);
    assert_int_equal(rfa_gguf_parse(&b->gguf, b->table, bytes, b->map.data, b->map.bytes, path, NULL), RFA_OK);
}

static void release(struct back *b)
{
    free(b->table);
    rfa_file_map_close(&b->map);
}

static const struct rfa_gguf_value *value(const struct back *b, const char *key)
{
    const struct rfa_gguf_value *v = rfa_gguf_find_value(&b->gguf, (struct rfa_str){key, strlen(key)});
    assert_non_null(v);
    return v;
}

static struct rfa_gguf_writer *open_writer(const char *name)
{
    struct rfa_gguf_writer *w;
    assert_int_equal(rfa_gguf_writer_open(&w, temp_path(&folder, name), &log_to_memory), RFA_OK);
    return w;
}

/* ------------------------------------------------------------------ what is written */

static void put_array(struct rfa_gguf_writer *w, const char *key, uint32_t type, const void *data, size_t count)
{
    struct rfa_gguf_value value = {.key = {key, strlen(key)}, .kind = RFA_GGUF_ARRAY};
    value.as.array.kind = rfa_gguf_type_kind(type);
    value.as.array.element_type = type;
    value.as.array.count = count;
    value.as.array.data = data;
    rfa_gguf_put_value(w, &value);
}

static void put_words(struct rfa_gguf_writer *w)
{
    struct gguf_bytes words = {.data = NULL};
    bytes_string(&words, "a");
    bytes_string(&words, "");
    bytes_string(&words, "d\xc3\xa9j\xc3\xa0");
    put_array(w, "words", RFA_GGUF_TYPE_STRING, words.data, 3);
    free(words.data);
}

static void put_every_kind(struct rfa_gguf_writer *w)
{
    rfa_gguf_put_string(w, "general.architecture", RFA_STR("refatomnet"));
    rfa_gguf_put_u32(w, "u32", UINT32_MAX);
    rfa_gguf_put_u64(w, "u64", 1ull << 40);
    rfa_gguf_put_i32(w, "i32", INT32_MIN);
    rfa_gguf_put_i64(w, "i64", -(1ll << 40));
    rfa_gguf_put_f32(w, "f32", 0.5f);
    rfa_gguf_put_f64(w, "f64", 0.1);
    rfa_gguf_put_bool(w, "yes", true);
    rfa_gguf_put_bool(w, "no", false);
    put_words(w);
    put_array(w, "u32s", RFA_GGUF_TYPE_U32, (const uint32_t[]){1, UINT32_MAX}, 2);
    put_array(w, "i32s", RFA_GGUF_TYPE_I32, (const int32_t[]){-1, 2, 3}, 3);
    put_array(w, "f32s", RFA_GGUF_TYPE_F32, (const float[]){0.25f, -8}, 2);
    put_array(w, "none", RFA_GGUF_TYPE_STRING, "", 0);
}

static void check_every_kind(const struct back *b)
{
    assert_int_equal(value(b, "u32")->as.u, UINT32_MAX);
    assert_true(value(b, "u64")->as.u == 1ull << 40);
    assert_true(value(b, "i32")->as.i == INT32_MIN);
    assert_true(value(b, "i64")->as.i == -(1ll << 40));
    assert_true(value(b, "f32")->as.f == 0.5 && value(b, "f64")->as.f == 0.1);
    assert_true(value(b, "yes")->kind == RFA_GGUF_BOOL && value(b, "yes")->as.b && !value(b, "no")->as.b);
    const struct rfa_gguf_value *words = value(b, "words");
    const uint8_t *cursor = words->as.array.data;
    assert_int_equal(words->as.array.count, 3);
    assert_memory_equal(rfa_gguf_next_string(&cursor).data, "a", 1);
    assert_int_equal(rfa_gguf_next_string(&cursor).len, 0);
    assert_memory_equal(rfa_gguf_next_string(&cursor).data, "d\xc3\xa9j\xc3\xa0", 6);
    assert_true(rfa_gguf_array_number(value(b, "u32s"), 1) == UINT32_MAX);
    assert_true(rfa_gguf_array_number(value(b, "i32s"), 0) == -1);
    assert_true(rfa_gguf_array_number(value(b, "f32s"), 1) == -8);
    assert_int_equal(value(b, "none")->as.array.count, 0);
    assert_int_equal(value(b, "general.alignment")->as.u, RFA_GGUF_WRITER_ALIGNMENT);
}

static void metadata_returns(void **state)
{
    (void)state;
    struct rfa_gguf_writer *w = open_writer("m.gguf");
    struct back b;
    put_every_kind(w);
    assert_int_equal(rfa_gguf_writer_finish(&w), RFA_OK);
    assert_null(w);
    read_back(&b, temp_path(&folder, "m.gguf"));
    assert_int_equal(b.gguf.value_count, 15);
    check_every_kind(&b);
    release(&b);
    assert_int_equal(temp_folder_count(&folder), 1);
    assert_int_equal(memory.count, 0);
}

/* Copying every value of a file gives the same file. */
static void copied_metadata_is_equal(void **state)
{
    (void)state;
    struct rfa_gguf_writer *w = open_writer("one.gguf");
    struct back one, two;
    put_every_kind(w);
    assert_int_equal(rfa_gguf_writer_finish(&w), RFA_OK);
    read_back(&one, temp_path(&folder, "one.gguf"));
    w = open_writer("two.gguf");
    for (size_t i = 0; i < one.gguf.value_count; i++)
        rfa_gguf_put_value(w, &one.gguf.value[i]);
    assert_int_equal(rfa_gguf_writer_finish(&w), RFA_OK);
    read_back(&two, temp_path(&folder, "two.gguf"));
    assert_int_equal(one.map.bytes, two.map.bytes);
    assert_memory_equal(one.map.data, two.map.data, one.map.bytes);
    release(&one);
    release(&two);
}

/* 6 floats, 30 bytes, 1 half, 3 integers; byte i of the data is i mod 251. */
static void declare_tensors(struct rfa_gguf_writer *w)
{
    rfa_gguf_declare(w, RFA_STR("z.first"), RFA_TYPE_F32, 2, (const uint64_t[]){2, 3});
    rfa_gguf_declare(w, RFA_STR("b.panels"), RFA_TYPE_I8, 4, (const uint64_t[]){1, 2, 3, 5});
    rfa_gguf_declare(w, RFA_STR("half"), RFA_TYPE_F16, 1, (const uint64_t[]){1});
    rfa_gguf_declare(w, RFA_STR("a.last"), RFA_TYPE_I32, 3, (const uint64_t[]){1, 1, 3});
}

enum { DATA = 24 + 30 + 2 + 12 };

static const uint8_t *data_bytes(void)
{
    static uint8_t data[DATA + 1];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i % 251);
    return data;
}

static void check_tensor(const struct back *b, struct rfa_str name, enum rfa_type type, size_t from, size_t bytes)
{
    const struct rfa_gguf_tensor *t = rfa_gguf_find_tensor(&b->gguf, name);
    assert_non_null(t);
    assert_int_equal(t->type, type);
    assert_int_equal(t->bytes, bytes);
    assert_int_equal((uintptr_t)t->data % RFA_GGUF_WRITER_ALIGNMENT, 0);
    assert_memory_equal(t->data, data_bytes() + from, bytes);
}

static void data_returns_in_pieces_of_any_size(void **state)
{
    (void)state;
    static const size_t pieces[] = {1, 7, 24, 29, 54, DATA};
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        struct rfa_gguf_writer *w = open_writer("t.gguf");
        struct back b;
        declare_tensors(w);
        for (size_t at = 0; at < DATA; at += pieces[i])
            assert_int_equal(rfa_gguf_write(w, data_bytes() + at, DATA - at < pieces[i] ? DATA - at : pieces[i]),
                             RFA_OK);
        assert_int_equal(rfa_gguf_writer_finish(&w), RFA_OK);
        read_back(&b, temp_path(&folder, "t.gguf"));
        assert_int_equal(b.gguf.tensor_count, 4);
        check_tensor(&b, RFA_STR("z.first"), RFA_TYPE_F32, 0, 24);
        check_tensor(&b, RFA_STR("b.panels"), RFA_TYPE_I8, 24, 30);
        check_tensor(&b, RFA_STR("half"), RFA_TYPE_F16, 54, 2);
        check_tensor(&b, RFA_STR("a.last"), RFA_TYPE_I32, 56, 12);
        const uint64_t panels[RFA_MAX_DIMS] = {1, 2, 3, 5};
        assert_memory_equal(rfa_gguf_find_tensor(&b.gguf, RFA_STR("b.panels"))->dim, panels, sizeof panels);
        release(&b);
    }
    assert_int_equal(temp_folder_count(&folder), 1); /* each replaced the last */
}

/* The first bytes in full, so that reader and writer cannot be wrong together. */
static void bytes_are_those_of_the_format(void **state)
{
    (void)state;
    struct rfa_gguf_writer *w = open_writer("f.gguf");
    struct gguf_bytes want = {0};
    struct rfa_file_map map;
    rfa_gguf_put_bool(w, "flag", true);
    rfa_gguf_declare(w, RFA_STR("t"), RFA_TYPE_I8, 2, (const uint64_t[]){2, 3});
    assert_int_equal(rfa_gguf_write(w, "\1\2\3\4\5\6", 6), RFA_OK);
    assert_int_equal(rfa_gguf_writer_finish(&w), RFA_OK);
    bytes_header(&want, "GGUF", 3, 1, 2);
    bytes_key(&want, "general.alignment", 4);
    bytes_u32(&want, 64);
    bytes_key(&want, "flag", 7);
    bytes_u8(&want, 1);
    bytes_string(&want, "t");
    bytes_u32(&want, 2);
    bytes_u64(&want, 3);
    bytes_u64(&want, 2);
    bytes_u32(&want, 24);
    bytes_u64(&want, 0);
    bytes_pad(&want, 64);
    bytes_put(&want, "\1\2\3\4\5\6", 6);
    bytes_pad(&want, 64);
    assert_int_equal(rfa_file_map_open(&map, temp_path(&folder, "f.gguf"), 1, NULL), RFA_OK);
    assert_int_equal(map.bytes, want.count);
    assert_memory_equal(map.data, want.data, want.count);
    rfa_file_map_close(&map);
    free(want.data);
}

/* ------------------------------------------------------------------ what fails */

/* A finish that fails leaves the old file and nothing else. */
static void check_failure(struct rfa_gguf_writer **w, enum rfa_status status, const char *message)
{
    assert_int_equal(rfa_gguf_writer_finish(w), status);
    assert_null(*w);
    assert_int_equal(memory.count, 1);
    assert_int_equal(memory.status, status);
    if (!strstr(memory.message, message))
        fail_msg("\"%s\" lacks \"%s\"", memory.message, message);
    memory.count = 0;
    assert_int_equal(temp_folder_count(&folder), 1);
    struct rfa_file_map map;
    assert_int_equal(rfa_file_map_open(&map, temp_path(&folder, "old.gguf"), 1, NULL), RFA_OK);
    assert_memory_equal(map.data, "old", 3);
    rfa_file_map_close(&map);
}

static void too_little_data(struct rfa_gguf_writer *w)
{
    declare_tensors(w);
    rfa_gguf_write(w, data_bytes(), 40);
}

static void too_much_data(struct rfa_gguf_writer *w)
{
    declare_tensors(w);
    assert_int_equal(rfa_gguf_write(w, data_bytes(), DATA + 1), RFA_ERR_ARG);
    assert_int_equal(rfa_gguf_write(w, data_bytes(), 1), RFA_ERR_ARG); /* the first failure stays */
}

static void key_after_data(struct rfa_gguf_writer *w)
{
    rfa_gguf_declare(w, RFA_STR("t"), RFA_TYPE_I8, 1, (const uint64_t[]){2});
    rfa_gguf_write(w, "x", 1);
    rfa_gguf_put_u32(w, "late", 1);
}

static void tensor_after_data(struct rfa_gguf_writer *w)
{
    rfa_gguf_declare(w, RFA_STR("t"), RFA_TYPE_I8, 1, (const uint64_t[]){1});
    rfa_gguf_write(w, "x", 1);
    rfa_gguf_declare(w, RFA_STR("u"), RFA_TYPE_I8, 1, (const uint64_t[]){1});
}

static void key_twice(struct rfa_gguf_writer *w)
{
    rfa_gguf_put_u32(w, "k", 1);
    rfa_gguf_put_bool(w, "k", true);
}

static void alignment_by_hand(struct rfa_gguf_writer *w)
{
    rfa_gguf_put_u32(w, "general.alignment", 32);
}

static void key_with_space(struct rfa_gguf_writer *w)
{
    rfa_gguf_put_u32(w, "a key", 1);
}

static void tensor_twice(struct rfa_gguf_writer *w)
{
    rfa_gguf_declare(w, RFA_STR("t"), RFA_TYPE_I8, 1, (const uint64_t[]){1});
    rfa_gguf_declare(w, RFA_STR("t"), RFA_TYPE_F32, 1, (const uint64_t[]){1});
}

static void name_empty(struct rfa_gguf_writer *w)
{
    rfa_gguf_declare(w, RFA_STR(""), RFA_TYPE_I8, 1, (const uint64_t[]){1});
}

static void name_long(struct rfa_gguf_writer *w)
{
    char name[RFA_GGUF_MAX_NAME + 1];
    memset(name, 'n', sizeof name);
    rfa_gguf_declare(w, (struct rfa_str){name, sizeof name}, RFA_TYPE_I8, 1, (const uint64_t[]){1});
}

static void dimension_0(struct rfa_gguf_writer *w)
{
    rfa_gguf_declare(w, RFA_STR("t"), RFA_TYPE_I8, 2, (const uint64_t[]){1, 0});
}

static void rank_0(struct rfa_gguf_writer *w)
{
    rfa_gguf_declare(w, RFA_STR("t"), RFA_TYPE_I8, 0, NULL);
}

static void rank_5(struct rfa_gguf_writer *w)
{
    rfa_gguf_declare(w, RFA_STR("t"), RFA_TYPE_I8, 5, (const uint64_t[]){1, 1, 1, 1, 1});
}

static void size_overflow(struct rfa_gguf_writer *w)
{
    rfa_gguf_declare(w, RFA_STR("t"), RFA_TYPE_F32, 2, (const uint64_t[]){1ull << 32, 1ull << 30});
}

static void string_too_long(struct rfa_gguf_writer *w)
{
    static char text[RFA_GGUF_MAX_STRING + 1];
    rfa_gguf_put_string(w, "k", (struct rfa_str){text, sizeof text});
}

static void too_many_keys(struct rfa_gguf_writer *w)
{
    char key[16];
    for (int i = 0; i < RFA_GGUF_MAX_VALUES; i++) { /* general.alignment is one of those allowed */
        snprintf(key, sizeof key, "k%d", i);
        rfa_gguf_put_bool(w, key, true);
    }
}

static void refuses_each_with_its_message(void **state)
{
    (void)state;
    static const struct {
        void (*use)(struct rfa_gguf_writer *w);
        const char *message;
    } bad[] = {
        {too_little_data, "ends inside tensor \"b.panels\" (16 of 30 bytes)"},
        {too_much_data, "1 bytes more data than"},
        {key_after_data, "key \"late\" comes after the data"},
        {tensor_after_data, "a tensor is declared after the first data"},
        {key_twice, "key \"k\" is given twice"},
        {alignment_by_hand, "key \"general.alignment\" is given twice"},
        {key_with_space, "a key of 5 bytes is not"},
        {tensor_twice, "tensor \"t\" is given twice"},
        {name_empty, "a tensor name of 0 bytes"},
        {name_long, "a tensor name of 65 bytes"},
        {dimension_0, "no valid shape"},
        {rank_0, "no valid shape"},
        {rank_5, "no valid shape"},
        {size_overflow, "no valid shape"},
        {string_too_long, "a string of 1048577 bytes"},
        {too_many_keys, "more than 4096 metadata entries"},
    };
    temp_write(temp_path(&folder, "old.gguf"), "old", 3);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct rfa_gguf_writer *w = open_writer("old.gguf");
        bad[i].use(w);
        check_failure(&w, RFA_ERR_ARG, bad[i].message);
    }
}

static void refuses_targets(void **state)
{
    (void)state;
    struct rfa_gguf_writer *w;
    const char *pipe = temp_path(&folder, "pipe");
    assert_int_equal(rfa_gguf_writer_open(&w, temp_path(&folder, "absent/m.gguf"), &log_to_memory), RFA_ERR_IO);
    assert_null(w);
    assert_non_null(strstr(memory.message, "cannot be written"));
    assert_int_equal(rfa_gguf_writer_open(&w, folder.path, &log_to_memory), RFA_ERR_IO);
    assert_non_null(strstr(memory.message, "not a regular file"));
    assert_int_equal(mkfifo(pipe, 0600), 0);
    assert_int_equal(rfa_gguf_writer_open(&w, pipe, &log_to_memory), RFA_ERR_IO);
    assert_null(w);
    assert_int_equal(temp_folder_count(&folder), 1);
}

static void discard_leaves_nothing(void **state)
{
    (void)state;
    struct rfa_gguf_writer *w = open_writer("m.gguf");
    declare_tensors(w);
    assert_int_equal(rfa_gguf_write(w, data_bytes(), 40), RFA_OK);
    assert_int_equal(temp_folder_count(&folder), 1); /* the temporary file */
    rfa_gguf_writer_discard(&w);
    assert_null(w);
    assert_int_equal(temp_folder_count(&folder), 0);
    rfa_gguf_writer_discard(&w);
}

/* Two writers to one target do not meet; the last to finish wins. */
static void writers_do_not_meet(void **state)
{
    (void)state;
    struct rfa_gguf_writer *one = open_writer("m.gguf"), *two = open_writer("m.gguf");
    struct back b;
    rfa_gguf_put_u32(one, "who", 1);
    rfa_gguf_put_u32(two, "who", 2);
    assert_int_equal(rfa_gguf_writer_finish(&two), RFA_OK);
    assert_int_equal(rfa_gguf_writer_finish(&one), RFA_OK);
    read_back(&b, temp_path(&folder, "m.gguf"));
    assert_int_equal(value(&b, "who")->as.u, 1);
    release(&b);
    assert_int_equal(temp_folder_count(&folder), 1);
}

static void links_stay_links(void **state)
{
    (void)state;
    const char *link = temp_path(&folder, "link.gguf");
    struct stat s;
    temp_write(temp_path(&folder, "real.gguf"), "old", 3);
    assert_int_equal(symlink("real.gguf", link), 0);
    struct rfa_gguf_writer *w = open_writer("link.gguf");
    assert_int_equal(rfa_gguf_writer_finish(&w), RFA_OK);
    assert_int_equal(lstat(link, &s), 0);
    assert_true(S_ISLNK(s.st_mode));
    assert_int_equal(stat(temp_path(&folder, "real.gguf"), &s), 0);
    assert_int_equal(s.st_size, 64);
}

static void full_disk_is_reported(void **state)
{
    (void)state;
    struct rfa_gguf_writer *w = open_writer("m.gguf");
    static const uint8_t zeros[1 << 16];
    enum rfa_status status = RFA_OK;
    struct rlimit old, small;
    rfa_gguf_declare(w, RFA_STR("t"), RFA_TYPE_I8, 1, (const uint64_t[]){1 << 20});
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    small = old;
    small.rlim_cur = 1 << 18;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    for (int i = 0; i < 16 && status == RFA_OK; i++)
        status = rfa_gguf_write(w, zeros, sizeof zeros);
    assert_int_equal(rfa_gguf_writer_finish(&w), RFA_ERR_IO);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    signal(SIGXFSZ, handler);
    assert_int_equal(status, RFA_ERR_IO);
    assert_int_equal(memory.count, 1);
    assert_non_null(strstr(memory.message, "cannot write"));
    assert_int_equal(temp_folder_count(&folder), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(metadata_returns),
        TEST(copied_metadata_is_equal),
        TEST(data_returns_in_pieces_of_any_size),
        TEST(bytes_are_those_of_the_format),
        TEST(refuses_each_with_its_message),
        TEST(refuses_targets),
        TEST(discard_leaves_nothing),
        TEST(writers_do_not_meet),
        TEST(links_stay_links),
        TEST(full_disk_is_reported),
    };
    return cmocka_run_group_tests_name("gguf_writer", tests, NULL, NULL);
}

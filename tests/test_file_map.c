/* Mapping files: what is refused and how, and that advice and locks leave the bytes alone. */
#include "folder_fixture.h"

#include "../src/file_map.h"
#include "gguf_bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cmocka.h>

static void refuse(const char *path, size_t least, enum rfa_status status, const char *message)
{
    struct log_memory memory = {.count = 0};
    struct rfa_log log = {log_remember, &memory};
    struct rfa_file_map map = {path, 1};
    assert_int_equal(rfa_file_map_open(&map, path, least, &log), status);
    assert_int_equal(memory.count, 1);
    assert_int_equal(memory.status, status);
    assert_int_equal(strncmp(memory.message, path, strlen(path)), 0);
    assert_non_null(strstr(memory.message, message));
    assert_null(map.data);
    assert_int_equal(map.bytes, 0);
    rfa_file_map_close(&map);
}

static void refuses_with_reason(void **state)
{
    (void)state;
    const char *empty = temp_path(&folder, "empty"), *small = temp_path(&folder, "small"),
               *pipe = temp_path(&folder, "pipe");
    temp_write(empty, "", 0);
    temp_write(small, "12345", 5);
    assert_int_equal(mkfifo(pipe, 0600), 0);
    refuse(temp_path(&folder, "absent"), 1, RFA_ERR_IO, "cannot be opened: ");
    refuse(folder.path, 1, RFA_ERR_IO, "is a folder");
    refuse(pipe, 1, RFA_ERR_IO, "is not a regular file");
    refuse(empty, 1, RFA_ERR_FORMAT, "is empty");
    refuse(small, 6, RFA_ERR_FORMAT, "has 5 bytes, too short to be a model (at least 6)");
}

static void maps_all_bytes(void **state)
{
    (void)state;
    const char *path = temp_path(&folder, "five");
    struct rfa_file_map map;
    temp_write(path, "12345", 5);
    assert_int_equal(rfa_file_map_open(&map, path, 5, NULL), RFA_OK);
    assert_int_equal(map.bytes, 5);
    assert_memory_equal(map.data, "12345", 5);
    rfa_file_map_close(&map);
    assert_null(map.data);
    rfa_file_map_close(&map);
}

enum { LARGE = 1 << 20 };

/* A file of LARGE bytes, byte i being i mod 251. */
static void map_large(struct rfa_file_map *map)
{
    static uint8_t data[LARGE];
    const char *path = temp_path(&folder, "large");
    for (size_t i = 0; i < LARGE; i++)
        data[i] = (uint8_t)(i % 251);
    temp_write(path, data, LARGE);
    assert_int_equal(rfa_file_map_open(map, path, LARGE, NULL), RFA_OK);
}

static void check_large(const struct rfa_file_map *map)
{
    const uint8_t *data = map->data;
    for (size_t i = 0; i < LARGE; i++)
        assert_true(data[i] == i % 251);
}

static const size_t ranges[][2] = {{0, LARGE},   {1, LARGE - 1}, {4095, 2},  {5000, 100},
                                   {4096, 4096}, {LARGE - 1, 1}, {LARGE, 0}, {7, 0}};

static void advice_keeps_the_bytes(void **state)
{
    (void)state;
    struct rfa_file_map map;
    map_large(&map);
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        const uint8_t *begin = (const uint8_t *)map.data + ranges[i][0];
        rfa_file_advise(begin, ranges[i][1], RFA_FILE_WILL_NEED);
        check_large(&map);
        rfa_file_advise(begin, ranges[i][1], RFA_FILE_DONT_NEED);
        check_large(&map);
    }
    rfa_file_map_close(&map);
}

/* Bytes of the process's locked memory, from the kernel's own account; -1 where there is none. */
static long locked_bytes(void)
{
    char line[256];
    long kib = -1;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f)) {
        if (sscanf(line, "VmLck: %ld kB", &kib) == 1)
            break;
    }
    if (f)
        fclose(f);
    return kib < 0 ? -1 : kib * 1024;
}

/* False where the limit is 0, without /proc, and under sanitizers, whose mlock does nothing. */
static bool can_lock(void)
{
    static uint8_t page[8192];
    if (locked_bytes() != 0 || mlock(page, sizeof page) != 0)
        return false;
    bool counted = locked_bytes() > 0;
    munlock(page, sizeof page);
    return counted;
}

static void locks_ranges_until_they_are_unmapped(void **state)
{
    (void)state;
    struct rfa_file_map map;
    long page = sysconf(_SC_PAGESIZE);
    if (!can_lock())
        skip();
    map_large(&map);
    const uint8_t *begin = (const uint8_t *)map.data + page - 1;
    assert_int_equal(rfa_file_lock(begin, 0, "m", NULL), RFA_OK);
    assert_int_equal(locked_bytes(), 0);
    assert_int_equal(rfa_file_lock(begin, 2, "m", NULL), RFA_OK);
    assert_int_equal(locked_bytes(), 2 * page);
    rfa_file_map_close(&map);
    assert_int_equal(locked_bytes(), 0);
}

static void lock_that_fails_leaves_nothing_locked(void **state)
{
    (void)state;
    struct rfa_file_map map;
    struct log_memory memory = {.count = 0};
    struct rfa_log log = {log_remember, &memory};
    if (!can_lock())
        skip();
    map_large(&map);
    /* Behind the mapping lies nothing that could be locked; the pages before it could. */
    enum rfa_status status = rfa_file_lock(map.data, SIZE_MAX / 4, "m.gguf", &log);
    assert_int_equal(status, RFA_ERR_NOMEM);
    assert_int_equal(strncmp(memory.message, "m.gguf: cannot lock ", 20), 0);
    assert_non_null(strstr(memory.message, "ulimit -l"));
    assert_int_equal(locked_bytes(), 0);
    rfa_file_map_close(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(refuses_with_reason, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(maps_all_bytes, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(advice_keeps_the_bytes, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(locks_ranges_until_they_are_unmapped, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(lock_that_fails_leaves_nothing_locked, make_folder, remove_folder),
    };
    return cmocka_run_group_tests_name("file_map", tests, NULL, NULL);
}

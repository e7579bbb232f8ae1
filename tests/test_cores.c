/* Which processors are chosen, on made-up trees of /sys as boards have them. */
#define _XOPEN_SOURCE 700 /* nftw */
#include "temp_folder.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "cores.h"

static void make_folder(const char *root, const char *name)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", root, name);
    mkdir(path, 0777); /* it may be there */
}

/* ROOT/sys/devices/system/cpu/cpuN/NAME with the numbers of all cores; a 0 leaves the file out. */
static void make_tree(const char *root, const char *name, const unsigned *values, int count)
{
    char path[512], file[1024], text[32];
    make_folder(root, "sys");
    make_folder(root, "sys/devices");
    make_folder(root, "sys/devices/system");
    make_folder(root, "sys/devices/system/cpu");
    for (int i = 0; i < count; i++) {
        snprintf(path, sizeof path, "sys/devices/system/cpu/cpu%d", i);
        make_folder(root, path);
        strcat(path, "/cpufreq");
        make_folder(root, path);
        snprintf(file, sizeof file, "%s/sys/devices/system/cpu/cpu%d/%s", root, i, name);
        snprintf(text, sizeof text, "%u\n", values[i]);
        if (values[i])
            temp_write(file, text, strlen(text));
    }
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *at)
{
    (void)info, (void)type, (void)at;
    return remove(path);
}

static struct rfa_cores cores_of(int count)
{
    struct rfa_cores c = {.count = count};
    for (int i = 0; i < count; i++) {
        c.cpu[i] = i;
        c.used[i] = true;
    }
    return c;
}

/* Which cores `affinity` uses of a board, a letter each: b used, - not. */
static void check_board(const char *name, const unsigned *values, int count, const char *affinity, const char *want)
{
    struct temp_folder folder;
    temp_folder_make(&folder);
    make_tree(folder.path, name, values, count);
    struct rfa_cores c = cores_of(count);
    rfa_cores_read_speeds(&c, folder.path);
    assert_true(rfa_cores_choose(&c, affinity));
    char got[RFA_MAX_CORES + 1] = "";
    int used = 0;
    for (int i = 0; i < count; i++) {
        got[i] = c.used[i] ? 'b' : '-';
        used += c.used[i];
    }
    assert_string_equal(got, want);
    assert_int_equal(rfa_cores_used(&c), used);
    assert_int_equal(nftw(folder.path, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static const unsigned pi5[] = {1024, 1024, 1024, 1024};
static const unsigned rk3588[] = {414, 414, 414, 414, 1024, 1024, 1007, 1007};
static const unsigned odroid_n2[] = {493, 493, 1024, 1024, 1024, 1024};
static const unsigned phone[] = {325, 325, 325, 325, 828, 828, 828, 1024};
static const unsigned hybrid[] = {5200000, 5200000, 5000000, 5000000, 3900000, 3900000};
static const unsigned unknown[] = {0, 0, 0, 0};

static void big_cores_by_default(void **state)
{
    (void)state;
    check_board("cpu_capacity", pi5, 4, NULL, "bbbb");
    check_board("cpu_capacity", rk3588, 8, NULL, "----bbbb");
    check_board("cpu_capacity", odroid_n2, 6, "big", "--bbbb");
    check_board("cpu_capacity", phone, 8, NULL, "----bbbb");
    check_board("cpufreq/cpuinfo_max_freq", hybrid, 6, NULL, "bbbb--");
    check_board("cpu_capacity", unknown, 4, NULL, "bbbb");
}

static void others_on_request(void **state)
{
    (void)state;
    check_board("cpu_capacity", rk3588, 8, "all", "bbbbbbbb");
    check_board("cpu_capacity", rk3588, 8, "0-3,6", "bbbb--b-");
    check_board("cpu_capacity", rk3588, 8, "7", "-------b");
    check_board("cpu_capacity", rk3588, 8, "6-99", "------bb");
}

/* ROOT/sys/devices/system/cpu/cpuN/cache/indexI with its three files. */
static void make_cache(const char *root, int cpu, int index, const char *level, const char *size, const char *shared)
{
    static const char *const names[] = {"level", "size", "shared_cpu_list"};
    const char *const texts[] = {level, size, shared};
    char path[512];
    snprintf(path, sizeof path, "sys/devices/system/cpu/cpu%d/cache", cpu);
    make_folder(root, path);
    snprintf(path + strlen(path), 32, "/index%d", index);
    make_folder(root, path);
    for (int i = 0; i < 3; i++) {
        char file[1024], text[64];
        snprintf(file, sizeof file, "%s/%s/%s", root, path, names[i]);
        snprintf(text, sizeof text, "%s\n", texts[i]);
        temp_write(file, text, strlen(text));
    }
}

/* What a core has of an L2 of `size` that `shared` share, on a board of `count` cores. */
static size_t cache_of(const char *size, const char *shared, const unsigned *speeds, int count, const char *affinity)
{
    struct temp_folder folder;
    temp_folder_make(&folder);
    make_tree(folder.path, "cpu_capacity", speeds, count);
    for (int i = 0; i < count && size; i++) {
        char alone[16];
        snprintf(alone, sizeof alone, "%d", i);
        make_cache(folder.path, i, 0, "1", "32K", alone);
        make_cache(folder.path, i, 1, "2", size, shared ? shared : alone);
        make_cache(folder.path, i, 2, "3", "2048K", "0-3");
    }
    struct rfa_cores c = cores_of(count);
    rfa_cores_read_speeds(&c, folder.path);
    assert_true(rfa_cores_choose(&c, affinity));
    size_t bytes = rfa_cores_cache_bytes(&c, folder.path);
    assert_int_equal(nftw(folder.path, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
    return bytes;
}

static void caches(void **state)
{
    (void)state;
    assert_int_equal(cache_of("512K", NULL, pi5, 4, NULL), 512 * 1024);
    assert_int_equal(cache_of("512K", "0-3", pi5, 4, NULL), 128 * 1024);
    assert_int_equal(cache_of("512K", "0-3", pi5, 4, "2"), 512 * 1024);
    assert_int_equal(cache_of("1M", "0-1", pi5, 4, "0-1"), 512 * 1024);
    assert_int_equal(cache_of("4096K", "4-7", rk3588, 8, NULL), 1024 * 1024);
    assert_int_equal(cache_of("", NULL, pi5, 4, NULL), 0);
    assert_int_equal(cache_of("99999999999999999999K", NULL, pi5, 4, NULL), 0);
    assert_int_equal(cache_of(NULL, NULL, pi5, 4, NULL), 0);
}

static void wrong_lists(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "x", "1,", ",1", "3-1", "-1", "1-", "1 2", "little", "8", "8-9"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct rfa_cores c = cores_of(8);
        assert_false(rfa_cores_choose(&c, wrong[i]));
    }
}

/* Where OpenMP's variables place the threads, its processors are the ones that are used, slow ones too. */
static void bound_by_openmp(void **state)
{
    (void)state;
    struct rfa_cores c = cores_of(8);
    c.bound = true;
    c.capacity = true;
    for (int i = 0; i < 8; i++)
        c.speed[i] = rk3588[i];
    assert_true(rfa_cores_choose(&c, NULL));
    assert_int_equal(rfa_cores_used(&c), 8);
    assert_true(rfa_cores_choose(&c, "all"));
    assert_int_equal(rfa_cores_used(&c), 8);
    assert_false(rfa_cores_choose(&c, "big"));
    assert_false(rfa_cores_choose(&c, "0-3"));
}

static void this_machine(void **state)
{
    (void)state;
    struct rfa_cores c;
    rfa_cores_allowed(&c);
    assert_in_range(c.count, 1, RFA_MAX_CORES);
    assert_int_equal(rfa_cores_used(&c), c.count);
    rfa_cores_read_speeds(&c, "");
    assert_true(rfa_cores_choose(&c, NULL));
    char one[16];
    snprintf(one, sizeof one, "%d", c.cpu[c.count - 1]);
    assert_true(rfa_cores_choose(&c, one));
    assert_true(rfa_cores_bind(&c));
    struct rfa_cores bound;
    rfa_cores_allowed(&bound);
    assert_int_equal(bound.count, 1);
    assert_int_equal(bound.cpu[0], c.cpu[c.count - 1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(big_cores_by_default), cmocka_unit_test(others_on_request), cmocka_unit_test(caches),
        cmocka_unit_test(wrong_lists),          cmocka_unit_test(bound_by_openmp),   cmocka_unit_test(this_machine),
    };
    return cmocka_run_group_tests_name("cores", tests, NULL, NULL);
}

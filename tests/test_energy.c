/* Energy counters on a made-up powercap tree: several packages, a wrap, missing and unreadable counters. */
#include "temp_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "energy.h"

static struct temp_folder tree;

static void put(const char *package, const char *file, const char *text)
{
    char path[400];
    mkdir(temp_path(&tree, package), 0777);
    snprintf(path, sizeof path, "%s/%s", temp_path(&tree, package), file);
    temp_write(path, text, strlen(text));
}

static int make_tree(void **state)
{
    (void)state;
    temp_folder_make(&tree);
    return 0;
}

static int remove_tree(void **state)
{
    static const char *const files[] = {"intel-rapl:0/energy_uj", "intel-rapl:0/max_energy_range_uj",
                                        "intel-rapl:1/energy_uj", "intel-rapl:1/max_energy_range_uj",
                                        "intel-rapl:0:0/energy_uj"};
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        unlink(temp_path(&tree, files[i]));
    temp_folder_remove(&tree);
    return 0;
}

static void two_packages_and_a_wrap(void **state)
{
    (void)state;
    struct rfa_energy e;
    struct rfa_energy_reading from, to;
    put("intel-rapl:0", "max_energy_range_uj", "1000000\n");
    put("intel-rapl:0", "energy_uj", "900000\n");
    put("intel-rapl:1", "max_energy_range_uj", "1000000\n");
    put("intel-rapl:1", "energy_uj", "100000\n");
    put("intel-rapl:0:0", "energy_uj", "5\n"); /* its cores, part of it */
    rfa_energy_open(&e, tree.path, NULL);
    assert_int_equal(e.packages, 2);
    assert_null(e.why_no_cpu);
    rfa_energy_read(&from, &e);
    put("intel-rapl:0", "energy_uj", "100000\n"); /* 200,000 uJ later, over the end */
    put("intel-rapl:1", "energy_uj", "400000\n");
    rfa_energy_read(&to, &e);
    double joules = rfa_energy_cpu(&e, &from, &to);
    assert_true(joules > 0.4999999 && joules < 0.5000001);
    assert_true(rfa_energy_gpu(&e, &from, &to) < 0);
    rfa_energy_close(&e);
}

static void what_is_missing_is_said(void **state)
{
    (void)state;
    struct rfa_energy e;
    struct rfa_energy_reading r;
    rfa_energy_open(&e, "/nonexistent", NULL);
    assert_int_equal(e.packages, 0);
    assert_string_equal(e.why_no_cpu, "this machine has no RAPL counters");
    rfa_energy_read(&r, &e);
    assert_true(rfa_energy_cpu(&e, &r, &r) < 0);
    rfa_energy_close(&e);
    put("intel-rapl:0", "energy_uj", "");
    put("intel-rapl:1", "energy_uj", "");
    rfa_energy_open(&e, tree.path, NULL);
    assert_string_equal(e.why_no_cpu, "its counters are for root alone");
    rfa_energy_close(&e);
}

#ifdef FAKE_NVML
/* fake_nvml.c: the device at 17:00 has used 250 J between two readings, the one at 03:00 has used 1 J. */
static void the_gpu_of_this_address(void **state)
{
    (void)state;
    struct rfa_energy e;
    struct rfa_energy_reading from, to;
    rfa_energy_open(&e, "/nonexistent", "0000:17:00.0");
    assert_null(e.why_no_gpu);
    rfa_energy_read(&from, &e);
    rfa_energy_read(&to, &e);
    assert_true(rfa_energy_gpu(&e, &from, &to) == 250);
    rfa_energy_close(&e);
    rfa_energy_open(&e, "/nonexistent", "0000:99:00.0");
    assert_string_equal(e.why_no_gpu, "the driver does not report it");
    rfa_energy_close(&e);
    rfa_energy_open(&e, "/nonexistent", NULL);
    assert_string_equal(e.why_no_gpu, "no GPU was asked for");
    rfa_energy_close(&e);
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_packages_and_a_wrap),
        cmocka_unit_test(what_is_missing_is_said),
#ifdef FAKE_NVML
        cmocka_unit_test(the_gpu_of_this_address),
#endif
    };
    return cmocka_run_group_tests(tests, make_tree, remove_tree);
}

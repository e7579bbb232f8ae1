/* The list of kernels: what a session would choose from it, and how many rows of each instruction set this machine
 * runs, so in the kernels' own tests: "0 of 24" is a tier that nobody tested here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../simd/kernels.h"

static const struct row {
    const char *slot, *isa;
    uint32_t bits;
    const void *kernel;
} rows[] = {
#define KERNEL(slot, isa, bits) {#slot, #isa, (uint32_t)(bits), (const void *)(uintptr_t)&rfa_##slot##_##isa},
#include "../simd/kernels.def"
#undef KERNEL
};

static const char *const isas[] = {
#define TIER(isa, bits, own, what) #isa,
#include "../simd/tiers.def"
#undef TIER
};

enum { ROWS = sizeof rows / sizeof *rows, ISAS = sizeof isas / sizeof *isas };

static bool runs_here(const struct row *row)
{
    return (rfa_cpu_detect() & row->bits) == row->bits;
}

static void print_counts(void **state)
{
    size_t listed = 0;
    (void)state;
    for (size_t i = 0; i < ISAS; i++) {
        int all = 0, here = 0;
        for (size_t r = 0; r < ROWS; r++)
            if (strcmp(rows[r].isa, isas[i]) == 0) {
                all++;
                here += runs_here(&rows[r]);
            }
        if (all)
            printf("%-10s %2d of %2d kernels run on this machine\n", isas[i], here, all);
        listed += (size_t)all;
    }
    assert_int_equal(listed, ROWS);
}

/* The number of the slot: plain C comes first, one row a slot, in the order of the table. */
static size_t slot_of(size_t row)
{
    for (size_t r = 0; r < ROWS; r++)
        if (strcmp(rows[r].slot, rows[row].slot) == 0)
            return r;
    return ROWS;
}

/* Plain C first and without condition, no variant twice. */
static void is_in_order(void **state)
{
    (void)state;
    for (size_t r = 0; r < ROWS; r++) {
        bool first = slot_of(r) == r;
        assert_int_equal(first, strcmp(rows[r].isa, "c") == 0);
        assert_int_equal(first, rows[r].bits == 0);
        for (size_t other = 0; other < r; other++)
            assert_true(strcmp(rows[other].slot, rows[r].slot) != 0 || strcmp(rows[other].isa, rows[r].isa) != 0);
    }
}

/* The last row whose bits are there is the one that a session gets; without any, plain C. */
static void chooses_the_last(void **state)
{
    const uint32_t cpu[] = {0, rfa_cpu_detect()};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct rfa_kernels k;
        const void *chosen[ROWS] = {NULL}, *table[sizeof k / sizeof(void *)];
        size_t slots = 0;
        for (size_t r = 0; r < ROWS; r++) {
            slots += slot_of(r) == r;
            if ((cpu[i] & rows[r].bits) == rows[r].bits)
                chosen[slot_of(r)] = rows[r].kernel;
        }
        rfa_kernels_init(&k, cpu[i]);
        assert_int_equal(slots, sizeof table / sizeof *table);
        memcpy(table, &k, sizeof table);
        for (size_t s = 0; s < slots; s++)
            assert_ptr_equal(table[s], chosen[s]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(print_counts), cmocka_unit_test(is_in_order),
                                       cmocka_unit_test(chooses_the_last)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

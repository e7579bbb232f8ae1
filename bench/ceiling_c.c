/* Reading with whatever the compiler makes of plain C. */
#include "ceiling.h"

static void read_all(const void *data, size_t bytes)
{
    const uint64_t *x = data;
    uint64_t sum[8] = {0};
    for (size_t i = 0; i < bytes / sizeof *x; i += 8)
        for (size_t j = 0; j < 8; j++)
            sum[j] ^= x[i + j];
    for (size_t j = 1; j < 8; j++)
        sum[0] ^= sum[j];
    __asm__ volatile("" : : "r"(sum[0]));
}

const struct rfa_loop rfa_loop_read_c = {"C", 1, NULL, read_all};

/* refatom info --cpu: which variant of every kernel runs here, and why no faster one does. */
#include "cpu_report.h"

#include <stdio.h>
#include <string.h>

#include "cpu.h"
#include "kernels.h"
#include "refatom.h"

struct row {
    const char *slot, *isa;
    uint32_t bits;
};

/* The list that chooses, slowest first. */
static const struct row rows[] = {
#define KERNEL(slot, isa, bits) {#slot, #isa, (uint32_t)(bits)},
#include "kernels.def"
#undef KERNEL
};

enum { ROWS = sizeof rows / sizeof rows[0] };

struct bundle {
    uint32_t bit;
    const char *isa, *what;
};

static const struct bundle bundles[] = {
#define TIER(isa, bits, own, what) {(uint32_t)(own), #isa, what},
#include "tiers.def"
#undef TIER
};

enum { BUNDLES = sizeof bundles / sizeof bundles[0] };

/* Some kernel of this build can use it: it is for that family of processors, and its compiler knew the instructions. */
static bool built(uint32_t bit)
{
    for (int i = 0; i < ROWS; i++)
        if (rows[i].bits & bit)
            return true;
    return bit == 0;
}

/* Why `bits` are not all usable under the mask; NULL if they are. */
static const char *reason(uint32_t bits, uint32_t mask)
{
    uint32_t found = rfa_cpu_detect();
    if (bits & ~rfa_cpu_present())
        return "the CPU lacks it";
    if (bits & ~found)
        return bits & ~found & RFA_CPU_AMX ? "the system does not grant it" : "the system does not save its registers";
    return bits & ~mask ? "capped" : NULL;
}

static void print_bundles(uint32_t mask)
{
    for (int i = 0; i < BUNDLES; i++) {
        const struct bundle *b = &bundles[i];
        const char *why = built(b->bit) ? reason(b->bit, mask) : "not in this build";
        printf("  %-11s %-28s %s%s\n", b->isa, b->what, why ? "no: " : "yes", why ? why : "");
    }
}

/* The row of a slot that runs: the last usable one, as in rfa_kernels_init. */
static int chosen(const char *slot, uint32_t mask)
{
    int best = -1;
    for (int i = 0; i < ROWS; i++)
        if (strcmp(rows[i].slot, slot) == 0 && !reason(rows[i].bits, mask))
            best = i;
    return best;
}

/* Faster variants of the slot that do not run, and why. */
static void print_kernel(int best, uint32_t mask)
{
    printf("  %-18s %s", rows[best].slot, rows[best].isa);
    const char *before = "   (";
    for (int i = ROWS - 1; i > best; i--)
        if (strcmp(rows[i].slot, rows[best].slot) == 0) {
            printf("%s%s: %s", before, rows[i].isa, reason(rows[i].bits, mask));
            before = "; ";
        }
    printf("%s\n", *before == ';' ? ")" : "");
}

void rfa_cpu_report(uint32_t mask)
{
    bool capped = rfa_cpu_detect() & ~mask;
    printf("tier %s%s\n", rfa_cpu_tier(mask), capped ? ", capped" : "");
    printf("instruction sets\n");
    print_bundles(mask);
    printf("kernels: what runs (and why not a faster variant)\n");
    for (int i = 0; i < ROWS && rows[i].bits == 0; i++) /* the plain C rows come first, one a slot */
        print_kernel(chosen(rows[i].slot, mask), mask);
}

/* Instruction sets by name: what this machine and this build have, and what a mask leaves of it. */
#include <string.h>

#include "kernels.h"
#include "refatom.h"

struct tier {
    const char *name;
    uint32_t bits; /* with those that it builds on */
};

static const struct tier tiers[] = {
#define TIER(isa, bits, own, what) {#isa, (uint32_t)(bits)},
#include "tiers.def"
#undef TIER
};

enum { TIERS = sizeof tiers / sizeof tiers[0] };

enum rfa_status rfa_cpu_mask(uint32_t *mask, const char *tier)
{
    if (!mask || !tier)
        return RFA_ERR_ARG;
    *mask = UINT32_MAX;
    if (strcmp(tier, "auto") == 0)
        return RFA_OK;
    for (int i = 0; i < TIERS; i++)
        if (strcmp(tier, tiers[i].name) == 0) {
            *mask = tiers[i].bits;
            return RFA_OK;
        }
    return RFA_ERR_ARG;
}

/* The bits that some kernel of this build can use. */
static uint32_t built_bits(void)
{
    uint32_t built = 0;
#define KERNEL(slot, isa, bits) built |= (uint32_t)(bits);
#include "kernels.def"
#undef KERNEL
    return built;
}

const char *rfa_cpu_tier(uint32_t mask)
{
    uint32_t bits = rfa_cpu_detect() & mask & built_bits();
    const char *best = tiers[0].name;
    for (int i = 1; i < TIERS; i++)
        if ((bits & tiers[i].bits) == tiers[i].bits)
            best = tiers[i].name;
    return best;
}

uint32_t rfa_cpu_bits(void)
{
    return rfa_cpu_detect();
}

#define _GNU_SOURCE /* sched_getaffinity */
#include "cores.h"

#include <stdlib.h>
#include <string.h>

#include "parallel.h"

#ifdef __linux__
#include <sched.h>
#else
#include <unistd.h>
#endif

/* Shares of the fastest core, in percent, from which a core counts as big. A Cortex-A55 beside A76 has 40 % of the
 * capacity, and 75 % of the frequency; the middle cores of phones have 70 to 90 % of the capacity. */
enum { BIG_CAPACITY = 60, BIG_FREQUENCY = 80 };

/* ------------------------------------------------------------------ what there is */

#ifdef __linux__
/* Whether the OpenMP runtime binds threads, and to which processors. */
static bool bound_to(cpu_set_t *set)
{
    int cpu[CPU_SETSIZE], count = rfa_team_processors(cpu, CPU_SETSIZE);
    CPU_ZERO(set);
    for (int i = 0; i < count; i++)
        if (cpu[i] >= 0 && cpu[i] < CPU_SETSIZE)
            CPU_SET(cpu[i], set);
    return count > 0;
}
#endif

void rfa_cores_release(void)
{
#ifdef __linux__
    cpu_set_t set;
    if (bound_to(&set))
        sched_setaffinity(0, sizeof set, &set);
#endif
}

void rfa_cores_allowed(struct rfa_cores *c)
{
    *c = (struct rfa_cores){.count = 0};
#ifdef __linux__
    cpu_set_t set;
    c->bound = bound_to(&set);
    if (c->bound || sched_getaffinity(0, sizeof set, &set) == 0)
        for (int i = 0; i < CPU_SETSIZE && c->count < RFA_MAX_CORES; i++)
            if (CPU_ISSET(i, &set))
                c->cpu[c->count++] = i;
#else
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    for (int i = 0; i < n && i < RFA_MAX_CORES; i++)
        c->cpu[c->count++] = i;
#endif
    c->count = c->count ? c->count : 1;
    for (int i = 0; i < c->count; i++)
        c->used[i] = true;
}

/* The first line of ROOT/sys/devices/system/cpu/cpuN/NAME; empty where there is none. */
static void read_line(char line[256], const char *root, int cpu, const char *name)
{
    char path[512];
    *line = 0;
    snprintf(path, sizeof path, "%s/sys/devices/system/cpu/cpu%d/%s", root, cpu, name);
    FILE *file = fopen(path, "r");
    if (!file)
        return;
    if (!fgets(line, 256, file))
        *line = 0;
    line[strcspn(line, "\n")] = 0;
    fclose(file);
}

static uint32_t read_number(const char *root, int cpu, const char *name)
{
    char line[256];
    read_line(line, root, cpu, name);
    unsigned long value = strtoul(line, NULL, 10);
    return value > UINT32_MAX ? 0 : (uint32_t)value;
}

static bool read_speeds(struct rfa_cores *c, const char *root, const char *name)
{
    bool found = true;
    for (int i = 0; i < c->count; i++) {
        c->speed[i] = read_number(root, c->cpu[i], name);
        found = found && c->speed[i] > 0;
    }
    return found;
}

void rfa_cores_read_speeds(struct rfa_cores *c, const char *root)
{
    c->capacity = read_speeds(c, root, "cpu_capacity");
    if (!c->capacity)
        read_speeds(c, root, "cpufreq/cpuinfo_max_freq");
}

/* ------------------------------------------------------------------ which are used */

static void choose_big(struct rfa_cores *c)
{
    uint64_t fastest = 0, percent = c->capacity ? BIG_CAPACITY : BIG_FREQUENCY;
    for (int i = 0; i < c->count; i++)
        fastest = c->speed[i] > fastest ? c->speed[i] : fastest;
    for (int i = 0; i < c->count; i++)
        c->used[i] = c->speed[i] == 0 || c->speed[i] * UINT64_C(100) >= fastest * percent;
}

/* Whether `cpu` is in a list of numbers and ranges; *valid says whether it is such a list. */
static bool in_list(const char *list, int cpu, bool *valid)
{
    bool found = false;
    *valid = true;
    for (const char *at = list;; at++) {
        char *end;
        long first = strtol(at, &end, 10), last = first;
        *valid = *valid && end > at && first >= 0;
        if (*end == '-') {
            at = end + 1;
            last = strtol(at, &end, 10);
            *valid = *valid && end > at && last >= first;
        }
        found = found || (first <= cpu && cpu <= last);
        if (*end != ',') {
            *valid = *valid && *end == 0;
            return found;
        }
        at = end;
    }
}

int rfa_cores_used(const struct rfa_cores *c)
{
    int used = 0;
    for (int i = 0; i < c->count; i++)
        used += c->used[i];
    return used;
}

bool rfa_cores_choose(struct rfa_cores *c, const char *affinity)
{
    bool valid = true;
    if (c->bound && affinity && strcmp(affinity, "all") != 0) {
        fputs("refatom: --affinity: OpenMP's variables place the threads already; unset OMP_PROC_BIND, OMP_PLACES and "
              "GOMP_CPU_AFFINITY, or leave it off\n",
              stderr);
        return false;
    }
    if (!c->bound && (!affinity || strcmp(affinity, "big") == 0)) {
        choose_big(c);
    } else {
        bool all = c->bound || strcmp(affinity, "all") == 0;
        for (int i = 0; i < c->count; i++)
            c->used[i] = all || in_list(affinity, c->cpu[i], &valid);
    }
    if (!valid)
        fprintf(stderr, "refatom: --affinity: '%s' is none of big, all, or a list such as 0-3,6\n", affinity);
    else if (rfa_cores_used(c) == 0)
        fprintf(stderr,
                "refatom: --affinity: this process may use none of the processors '%s'; see 'refatom info --cpu'\n",
                affinity);
    return valid && rfa_cores_used(c) > 0;
}

bool rfa_cores_bind(const struct rfa_cores *c)
{
    if (rfa_cores_used(c) == c->count)
        return true;
#ifdef __linux__
    cpu_set_t set;
    CPU_ZERO(&set);
    for (int i = 0; i < c->count; i++)
        if (c->used[i])
            CPU_SET(c->cpu[i], &set);
    if (sched_setaffinity(0, sizeof set, &set) == 0)
        return true;
#endif
    fputs("refatom: --affinity: the system does not place threads; leave it off\n", stderr);
    return false;
}

/* ------------------------------------------------------------------ caches */

/* The second-level cache of the core at `i` over the used cores that share it; 0: not known. */
static size_t cache_share(const struct rfa_cores *c, int i, const char *root)
{
    enum { CACHES = 10 };
    for (int index = 0; index < CACHES; index++) {
        char name[64], line[256];
        snprintf(name, sizeof name, "cache/index%d/level", index);
        if (read_number(root, c->cpu[i], name) != 2)
            continue;
        snprintf(name, sizeof name, "cache/index%d/size", index);
        read_line(line, root, c->cpu[i], name);
        char *unit;
        unsigned long size = strtoul(line, &unit, 10);
        size_t bytes = size < 1 << 20 ? size << (*unit == 'K' ? 10 : *unit == 'M' ? 20 : 0) : 0;
        snprintf(name, sizeof name, "cache/index%d/shared_cpu_list", index);
        read_line(line, root, c->cpu[i], name);
        int sharers = 0;
        bool valid;
        for (int j = 0; j < c->count; j++)
            sharers += c->used[j] && in_list(line, c->cpu[j], &valid);
        return bytes / (size_t)(sharers ? sharers : 1);
    }
    return 0;
}

size_t rfa_cores_cache_bytes(const struct rfa_cores *c, const char *root)
{
    size_t least = 0;
    for (int i = 0; i < c->count; i++) {
        size_t share = c->used[i] ? cache_share(c, i, root) : 0;
        least = share && (!least || share < least) ? share : least;
    }
    return least;
}

/* ------------------------------------------------------------------ */

static bool alike(const struct rfa_cores *c, int i, int j)
{
    return c->speed[i] == c->speed[j] && c->used[i] == c->used[j] && c->cpu[j] - c->cpu[i] == j - i;
}

void rfa_cores_print(FILE *out, const struct rfa_cores *c)
{
    fputs("cores     ", out);
    for (int i = 0, last; i < c->count; i = last + 1) {
        for (last = i; last + 1 < c->count && alike(c, i, last + 1);)
            last++;
        fprintf(out, "%s%d", i ? "; " : "", c->cpu[i]);
        if (last > i)
            fprintf(out, "-%d", c->cpu[last]);
        if (c->speed[i] && c->capacity)
            fprintf(out, " capacity %u", c->speed[i]);
        else if (c->speed[i])
            fprintf(out, " %.2f GHz", c->speed[i] * 1e-6);
        fputs(c->used[i] ? ", used" : ", not used by default", out);
    }
    fputc('\n', out);
}

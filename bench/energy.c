#include "energy.h"

#include <stdio.h>
#include <string.h>

#if defined(__linux__)
#include <dlfcn.h>
#endif

static bool read_number(uint64_t *out, const char *path)
{
    unsigned long long value = 0;
    FILE *file = fopen(path, "r");
    bool read = file && fscanf(file, "%llu", &value) == 1;
    if (file)
        fclose(file);
    *out = value;
    return read;
}

/* Packages are intel-rapl:0, :1 ... (AMD's as well); what is below them, cores and memory, is part of them. */
static void find_packages(struct rfa_energy *e, const char *powercap)
{
    bool exists = false;
    for (int i = 0; i < RFA_ENERGY_PACKAGES; i++) {
        char folder[96], path[128];
        uint64_t now;
        if (snprintf(folder, sizeof folder, "%s/intel-rapl:%d", powercap, i) >= (int)sizeof folder)
            break;
        snprintf(path, sizeof path, "%s/max_energy_range_uj", folder);
        if (!read_number(&e->range[e->packages], path))
            continue;
        exists = true;
        snprintf(e->path[e->packages], sizeof e->path[0], "%s/energy_uj", folder);
        e->packages += read_number(&now, e->path[e->packages]);
    }
    e->why_no_cpu = e->packages ? NULL
                    : exists    ? "its counters are for root alone"
                                : "this machine has no RAPL counters";
}

#if defined(__linux__)
/* A function of NVML; through a union, since C has no conversion from an object's address to a function's. */
static bool find_function(void *out, void *library, const char *name)
{
    union {
        void *object;
        int (*function)(void);
    } found = {.object = dlsym(library, name)};
    memcpy(out, &found.function, sizeof found.function);
    return found.object != NULL;
}

static void find_gpu(struct rfa_energy *e, const char *pci)
{
    int (*init)(void) = NULL, (*handle)(const char *, void **) = NULL, (*shutdown)(void) = NULL;
    unsigned long long now;
    e->library = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
    e->why_no_gpu = "no NVIDIA driver";
    if (!e->library || !find_function(&init, e->library, "nvmlInit_v2") ||
        !find_function(&shutdown, e->library, "nvmlShutdown") ||
        !find_function(&handle, e->library, "nvmlDeviceGetHandleByPciBusId_v2") ||
        !find_function(&e->gpu_energy, e->library, "nvmlDeviceGetTotalEnergyConsumption"))
        return;
    e->why_no_gpu = "the driver does not report it";
    if (init() != 0)
        return;
    e->shutdown = shutdown;
    if (handle(pci, &e->gpu) == 0 && e->gpu_energy(e->gpu, &now) == 0)
        e->why_no_gpu = NULL;
}
#endif

void rfa_energy_open(struct rfa_energy *e, const char *powercap, const char *pci)
{
    *e = (struct rfa_energy){.why_no_gpu = "no GPU was asked for"};
    find_packages(e, powercap);
#if defined(__linux__)
    if (pci)
        find_gpu(e, pci);
#else
    (void)pci;
#endif
}

void rfa_energy_close(struct rfa_energy *e)
{
#if defined(__linux__)
    if (e->shutdown)
        e->shutdown();
    if (e->library)
        dlclose(e->library);
#endif
    e->library = NULL;
    e->shutdown = NULL;
}

void rfa_energy_read(struct rfa_energy_reading *r, const struct rfa_energy *e)
{
    memset(r, 0, sizeof *r);
    for (int i = 0; i < e->packages; i++)
        read_number(&r->package[i], e->path[i]);
    if (!e->why_no_gpu)
        e->gpu_energy(e->gpu, &r->gpu);
}

double rfa_energy_cpu(const struct rfa_energy *e, const struct rfa_energy_reading *from,
                      const struct rfa_energy_reading *to)
{
    double joules = e->packages ? 0 : -1;
    for (int i = 0; i < e->packages; i++) {
        uint64_t wrapped = to->package[i] < from->package[i] ? e->range[i] : 0;
        joules += 1e-6 * (double)(to->package[i] + wrapped - from->package[i]);
    }
    return joules;
}

double rfa_energy_gpu(const struct rfa_energy *e, const struct rfa_energy_reading *from,
                      const struct rfa_energy_reading *to)
{
    return e->why_no_gpu ? -1 : 1e-3 * (double)(to->gpu - from->gpu);
}

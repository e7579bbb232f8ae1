/* Energy counters of the platform: processor packages through Linux's powercap (RAPL), GPUs through NVIDIA's NVML,
 * which is loaded when it is there. */
#ifndef RFA_BENCH_ENERGY_H
#define RFA_BENCH_ENERGY_H

#include <stdbool.h>
#include <stdint.h>

enum { RFA_ENERGY_PACKAGES = 8 };

struct rfa_energy {
    int packages;
    char path[RFA_ENERGY_PACKAGES][160]; /* of the counters, microjoules */
    uint64_t range[RFA_ENERGY_PACKAGES]; /* at which they wrap */
    void *library, *gpu;                 /* NVML and the device, or NULL */
    int (*shutdown)(void);
    int (*gpu_energy)(void *device, unsigned long long *millijoules);
    const char *why_no_cpu, *why_no_gpu; /* NULL where energy is reported */
};

/* The counters as they stand. */
struct rfa_energy_reading {
    uint64_t package[RFA_ENERGY_PACKAGES];
    unsigned long long gpu;
};

/* Finds what there is. `powercap` is /sys/class/powercap, or a tree like it. `pci`: address of the GPU, since NVML
 * counts devices otherwise than CUDA does; NULL: none. */
void rfa_energy_open(struct rfa_energy *energy, const char *powercap, const char *pci);
void rfa_energy_close(struct rfa_energy *energy);

void rfa_energy_read(struct rfa_energy_reading *reading, const struct rfa_energy *energy);

/* Joules from one reading to a later one, one wrap of a counter allowed; negative where they are not reported. */
double rfa_energy_cpu(const struct rfa_energy *energy, const struct rfa_energy_reading *from,
                      const struct rfa_energy_reading *to);
double rfa_energy_gpu(const struct rfa_energy *energy, const struct rfa_energy_reading *from,
                      const struct rfa_energy_reading *to);

#endif

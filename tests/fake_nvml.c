/* A stand-in for NVIDIA's libnvidia-ml: two devices, told apart by their PCI address alone. test_energy loads it. */
#include <string.h>

__attribute__((visibility("default"))) int nvmlInit_v2(void);
__attribute__((visibility("default"))) int nvmlShutdown(void);
__attribute__((visibility("default"))) int nvmlDeviceGetHandleByPciBusId_v2(const char *pci, void **device);
__attribute__((visibility("default"))) int nvmlDeviceGetTotalEnergyConsumption(void *device, unsigned long long *mj);

struct device {
    const char *pci;
    unsigned long long used, step; /* millijoules; what every reading adds */
};

static struct device devices[] = {{"0000:03:00.0", 5000, 1000}, {"0000:17:00.0", 7000, 250000}};
static int running;

int nvmlInit_v2(void)
{
    running++;
    return 0;
}

int nvmlShutdown(void)
{
    return running-- > 0 ? 0 : 1;
}

int nvmlDeviceGetHandleByPciBusId_v2(const char *pci, void **device)
{
    for (int i = 0; running && i < 2; i++)
        if (strcmp(pci, devices[i].pci) == 0) {
            *device = &devices[i];
            return 0;
        }
    return 6; /* not found */
}

int nvmlDeviceGetTotalEnergyConsumption(void *device, unsigned long long *mj)
{
    struct device *d = device;
    *mj = d->used += d->step;
    return 0;
}

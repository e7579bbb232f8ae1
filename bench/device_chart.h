/* The SVG chart of `refatom bench model --devices`: time of every part on every device, and clips a second of several
 * sessions. */
#ifndef RFA_BENCH_DEVICE_CHART_H
#define RFA_BENCH_DEVICE_CHART_H

#include "bench_devices.h"

void rfa_device_chart(FILE *out, const struct rfa_device_run *device, int count);

#endif

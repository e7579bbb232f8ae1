#ifndef RFA_CPU_REPORT_H
#define RFA_CPU_REPORT_H

#include <stdint.h>

/* Prints the tier, the instruction sets and the variant of every kernel that runs here under a mask, each with the
 * reason where something faster does not: the CPU lacks it, the system does not allow it, the mask, or the build. */
void rfa_cpu_report(uint32_t mask);

#endif

/* Body of the register-only loops of the AArch64 files: `text` for \i = 0 ... 15, independent of each other, in every
 * iteration; v24 to v31 hold small normal floats. */
#ifndef RFA_BENCH_CEILING_ARM_H
#define RFA_BENCH_CEILING_ARM_H

#include "ceiling.h"

#define LOOP_ARM(name, text)                                                                                           \
    static void name(size_t iterations)                                                                                \
    {                                                                                                                  \
        __asm__ volatile(".irp i,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,24,25,26,27,28,29,30,31\n\t"                    \
                         "fmov v\\i\\().4s, #0.75\n\t"                                                                 \
                         ".endr\n\t"                                                                                   \
                         "1:\n\t"                                                                                      \
                         ".irp i,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n\t" text ".endr\n\t"                           \
                         "subs %0, %0, #1\n\t"                                                                         \
                         "b.ne 1b"                                                                                     \
                         : "+r"(iterations)                                                                            \
                         :                                                                                             \
                         : "cc", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12",      \
                           "v13", "v14", "v15", "v24", "v25", "v26", "v27", "v28", "v29", "v30", "v31");               \
    }

#endif

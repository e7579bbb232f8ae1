/* Bodies of the register-only loops of the x86 files. In assembly, because a compiler would see that the results go
 * nowhere.
 *
 *   LOOP_X86(name, text)       a function that runs `text` for \i = 0 ... 11, independent of each other, in every
 *                              iteration; registers 13 to 15 hold small normal floats, also harmless as integers
 *   READ_X86(register, width)  a function read_all that loads every byte once into vectors of `width` bytes */
#ifndef RFA_BENCH_CEILING_X86_H
#define RFA_BENCH_CEILING_X86_H

#include "ceiling.h"

#define CLOBBERED                                                                                                      \
    "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12",         \
        "xmm13", "xmm14", "xmm15"

#ifdef __AVX512F__
#define FILL_X86                                                                                                       \
    "vbroadcastss %1, %%zmm13\n\tvmovaps %%zmm13, %%zmm14\n\tvmovaps %%zmm13, %%zmm15\n\t"                             \
    ".irp i,0,1,2,3,4,5,6,7,8,9,10,11\n\tvmovaps %%zmm13, %%zmm\\i\n\t.endr\n\t"
#else
#define FILL_X86                                                                                                       \
    "vbroadcastss %1, %%ymm13\n\tvmovaps %%ymm13, %%ymm14\n\tvmovaps %%ymm13, %%ymm15\n\t"                             \
    ".irp i,0,1,2,3,4,5,6,7,8,9,10,11\n\tvmovaps %%ymm13, %%ymm\\i\n\t.endr\n\t"
#endif

#define LOOP_X86(name, text)                                                                                           \
    static void name(size_t iterations)                                                                                \
    {                                                                                                                  \
        static const float value = 0.7531f;                                                                            \
        __asm__ volatile(FILL_X86 ".p2align 5\n\t"                                                                     \
                                  "1:\n\t"                                                                             \
                                  ".irp i,0,1,2,3,4,5,6,7,8,9,10,11\n\t" text ".endr\n\t"                              \
                                  "sub $1, %0\n\t"                                                                     \
                                  "jnz 1b\n\t"                                                                         \
                                  "vzeroupper"                                                                         \
                         : "+r"(iterations)                                                                            \
                         : "m"(value)                                                                                  \
                         : "cc", CLOBBERED);                                                                           \
    }

#define READ_X86(name, width)                                                                                          \
    static void read_all(const void *data, size_t bytes)                                                               \
    {                                                                                                                  \
        const char *at = data;                                                                                         \
        size_t blocks = bytes / 1024;                                                                                  \
        __asm__ volatile("1:\n\t"                                                                                      \
                         ".set offset, 0\n\t"                                                                          \
                         ".rept 1024 / " #width " / 4\n\t"                                                             \
                         "vmovaps offset(%0), %%" name "0\n\t"                                                         \
                         "vmovaps offset + " #width "(%0), %%" name "1\n\t"                                            \
                         "vmovaps offset + 2 * " #width "(%0), %%" name "2\n\t"                                        \
                         "vmovaps offset + 3 * " #width "(%0), %%" name "3\n\t"                                        \
                         ".set offset, offset + 4 * " #width "\n\t"                                                    \
                         ".endr\n\t"                                                                                   \
                         "add $1024, %0\n\t"                                                                           \
                         "sub $1, %1\n\t"                                                                              \
                         "jnz 1b\n\t"                                                                                  \
                         "vzeroupper"                                                                                  \
                         : "+r"(at), "+r"(blocks)                                                                      \
                         :                                                                                             \
                         : "cc", "memory", "xmm0", "xmm1", "xmm2", "xmm3");                                            \
    }

#endif

#include "core_clock.h"

#include <stddef.h>

#include "clock.h"
#include "session.h"

/* Dependent additions: one a cycle. An immediate operand would not do, some cores add those while they rename. */
#if RFA_ARCH_X86_64
enum { LINKS = 64, SHORT = 4, LONG = 20 }; /* half a microsecond: soon after it the core changes its clock */

static void additions(size_t iterations)
{
    size_t x = 0;
    __asm__ volatile("1:\n\t"
                     ".rept 64\n\t"
                     "add %1, %1\n\t"
                     ".endr\n\t"
                     "sub $1, %0\n\t"
                     "jnz 1b"
                     : "+r"(iterations), "+r"(x)
                     :
                     : "cc");
}
#elif RFA_ARCH_AARCH64
enum { LINKS = 64, SHORT = 4, LONG = 1000 }; /* its timer may step by 40 ns */

static void additions(size_t iterations)
{
    size_t x = 0;
    __asm__ volatile("1:\n\t"
                     ".rept 64\n\t"
                     "add %1, %1, %1\n\t"
                     ".endr\n\t"
                     "subs %0, %0, #1\n\t"
                     "b.ne 1b"
                     : "+r"(iterations), "+r"(x)
                     :
                     : "cc");
}
#endif

double rfa_core_clock(void)
{
#if RFA_ARCH_X86_64 || RFA_ARCH_AARCH64
    additions(1);
    (void)rfa_now(); /* both fetch their code */
    double start = rfa_now();
    additions(SHORT); /* takes what the reading of the time takes beside it */
    double middle = rfa_now();
    additions(LONG);
    double seconds = rfa_now() - middle - (middle - start);
    return seconds > 0 ? (double)LINKS * (LONG - SHORT) / seconds : 0;
#else
    return 0;
#endif
}

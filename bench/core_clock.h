/* How fast the core is at this moment. It slows down for wide vector instructions, the more the denser they are: a loop
 * in registers keeps a higher clock than a product that also loads. */
#ifndef RFA_BENCH_CORE_CLOCK_H
#define RFA_BENCH_CORE_CLOCK_H

/* Cycles a second of the calling thread's core, from a chain of dependent additions; 0 on processors without such a
 * chain. On x86 the chain is so short that the core still has the clock of what ran just before. */
double rfa_core_clock(void);

#endif

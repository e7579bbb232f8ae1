/* The library's clock. */
#ifndef RFA_CLOCK_H
#define RFA_CLOCK_H

/* Seconds of a clock that only moves forward, for differences. */
double rfa_now(void);

#endif

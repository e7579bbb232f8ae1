/* Sixteen floats as one value, so that a kernel whose variants differ in vector width alone has one body
 * (<kernel>_vec16.h): one ZMM, two YMM or four Q registers. Included by vec16_<isa>.h, which defines the type and
 *
 *   vec16_zero() vec16_set1(x)
 *   vec16_load(p) vec16_store(p, v)                     p needs no alignment
 *   vec16_load_n(p, n) vec16_store_n(p, v, n)           touch the first n <= 16 only; the other lanes are +0
 *   vec16_add vec16_sub vec16_mul vec16_div (a, b)
 *   vec16_fma(a, b, c)                                  a * b + c, rounded once
 *   vec16_max(max, x)                                   rfa_max of poly.h
 *   vec16_decay(dt, rate)                               rfa_decay of poly.h
 *   vec16_decay_normal(dt, rate)                        its bits in fewer steps, for dt * rate from -125 to 0
 *   vec16_softplus(x) vec16_silu(x)                     those of poly.h
 *   vec16_max_magnitude(max, x)                         the larger of max >= +0 and |x|; a NaN on either side wins
 *   vec16_all_within(x, limit)                          whether |x| <= limit in all lanes, so none is NaN
 *   vec16_pixel(v, bits)                                float of the lanes' bits as int32, shifted right, in 0 ... 255
 *   vec16_sum(v)                                        the tree +8 +4 +2 +1 of sum16
 */
#ifndef RFA_VEC16_H
#define RFA_VEC16_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Before a loop with a constant number of turns over registers: without unrolling the registers would be memory. */
#if defined(__clang__)
#define VEC16_UNROLL _Pragma("clang loop unroll(full)")
#elif defined(__GNUC__)
#define VEC16_UNROLL _Pragma("GCC unroll 16")
#else
#define VEC16_UNROLL
#endif

#if defined(__GNUC__) || defined(__clang__)
#define VEC16_INLINE      static inline __attribute__((always_inline, unused))
#define VEC16_NOINLINE    __attribute__((noinline))
#define VEC16_PREFETCH(p) __builtin_prefetch(p)
#else
#define VEC16_INLINE static inline
#define VEC16_NOINLINE
#define VEC16_PREFETCH(p) ((void)0)
#endif

#endif

/* Sixteen floats as one value, so that a kernel whose variants differ in vector width alone has one body
 * (<kernel>_vec16.h): one ZMM, two YMM or four Q registers. Included by vec16_<isa>.h, which defines the type vec16 and
 *
 *   vec16_zero() vec16_set1(x) vec16_load(p) vec16_store(p, v)    p needs no alignment
 *   vec16_load_n(p, n) vec16_store_n(p, v, n)                     touches the first n <= 16 only; the other lanes are
 * +0 vec16_add vec16_sub vec16_mul vec16_div (a, b)  vec16_fma(a, b, c) = a * b + c, rounded once vec16_max(a, b)
 * rfa_max of poly.h vec16_sum(v)                                                  the tree +8 +4 +2 +1 of sum16
 *   vec16_u8(p)                                                   16 bytes as floats
 */
#ifndef RFA_VEC16_H
#define RFA_VEC16_H

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
#define VEC16_INLINE static inline __attribute__((always_inline, unused))
#else
#define VEC16_INLINE static inline
#endif

#endif

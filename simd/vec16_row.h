/* What the kernels on rows need beyond vec16.h: included by vec16_row_<isa>.h, which defines
 *
 *   vec16_exp(x) vec16_act(x, act)      those of poly.h
 *   vec16_numerator(y)                  rint(rfa_numerator(y)) + RFA_ROUND: the whole number is the lowest bits
 *   vec16_load_least(p, n)              the first n lanes, then -infinity; n < 16
 *   vec16_largest(v)                    the largest lane; no lane is NaN
 *   vec16_magnitude(max, x)             lanes as bit patterns: the larger of max and rfa_magnitude(x)
 *   vec16_largest_magnitude(max)        the largest lane of that, as unsigned numbers
 *   vec16_max_signed(a, b)              lanes as bit patterns: the larger ones as signed numbers
 *   vec16_max_unsigned(a, b)            the same as unsigned numbers
 *   vec16_within(x, limit)              x where |x| <= limit, else (NaN too) +0
 *
 * and the type `line`, 64 int8 values:
 *
 *   line_round(x)                       four vec16 in [-128, 128], to nearest, half to even, 128 becomes 127
 *   line_low_bytes(x)                   the lowest byte of the bit pattern of each lane of four vec16
 *   line_minus_128(a, b)                bytes of a - 128 * b, modulo 256
 *   line_store(q, l, a_xor)             64 bytes, any alignment */
#ifndef RFA_VEC16_ROW_H
#define RFA_VEC16_ROW_H

#include "../quant/quant.h"
#include "kernels.h"
#include "vec16.h"

#endif

/* Which lines of a panel may be multiplied on bytes, and how many in one chain of 16-bit sums (gemm_s8_avx2.c).
 *
 * A line is RFA_PANEL_N outputs by RFA_PANEL_K inputs. What its products can reach is known from its weights and from
 * the range that the activations of each input k have within the block of rows at hand. */
#ifndef RFA_GEMM_S8_CHAINS_AVX2_H
#define RFA_GEMM_S8_CHAINS_AVX2_H

#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "../quant/quant.h"
#include "gemm_s8_tile.h"

/* Activations of a block: those of input k lie in [low[k], high], which contains `middle`. */
struct ranges {
    _Alignas(RFA_LINE) int8_t low[KC];
    uint8_t below[KC]; /* middle - low */
    uint8_t reach[KC]; /* the larger of that and high - middle */
    int32_t middle;
};

/* The lines of a panel by how they are multiplied: numbers of threes of lines, and of lines. */
struct lines {
    _Alignas(RFA_LINE) int32_t adjust[RFA_PANEL_N]; /* to add to the sums */
    int16_t chain_middle[LINES / 3][2 * RFA_PANEL_N];
    uint32_t chain[LINES / 3], alone[LINES], wide[LINES];
    size_t chains, alones, wides;
    const int8_t *w; /* the panel's first line */
};

INLINE __m256i load(const void *p)
{
    return _mm256_load_si256(p);
}

INLINE void store(void *p, __m256i x)
{
    _mm256_store_si256(p, x);
}

INLINE int32_t four_bytes(const void *p)
{
    int32_t x;
    memcpy(&x, p, sizeof x);
    return x;
}

INLINE __m256i broadcast(const void *four)
{
    return _mm256_set1_epi32(four_bytes(four));
}

/* ------------------------------------------------------------------ activations */

/* Lowest and highest activation of 64 inputs in `rows` rows. */
INLINE void range_of_rows(int8_t *low, int8_t *high, const int8_t *a, size_t stride, size_t rows)
{
    __m256i low0 = load(a), low1 = load(a + 32), high0 = low0, high1 = low1;
    for (size_t i = 1; i < rows; i++) {
        const __m256i x0 = load(a + i * stride), x1 = load(a + i * stride + 32);
        low0 = _mm256_min_epi8(low0, x0);
        low1 = _mm256_min_epi8(low1, x1);
        high0 = _mm256_max_epi8(high0, x0);
        high1 = _mm256_max_epi8(high1, x1);
    }
    store(low, low0);
    store(low + 32, low1);
    store(high, high0);
    store(high + 32, high1);
}

/* Half way between the lowest and the highest activation, on average over the inputs: where sums of products are to be
 * centred. Any value is right; a good one makes chains long. */
static int32_t middle_of(const int8_t *low, const int8_t *high, size_t bytes)
{
    int32_t sum = 0;
    for (size_t k = 0; k < bytes; k++)
        sum += low[k] + high[k];
    return sum / (2 * (int32_t)bytes);
}

/* Ranges of `bytes` inputs, a multiple of 64, in rows `a`. With keep_middle the middle stays as it is. */
static void find_ranges(struct ranges *r, const int8_t *a, size_t stride, size_t rows, size_t bytes, bool keep_middle)
{
    int8_t *high = (int8_t *)r->reach; /* for the time being */
    for (size_t k = 0; k < bytes; k += 64)
        range_of_rows(r->low + k, high + k, a + k, stride, rows);
    if (!keep_middle)
        r->middle = middle_of(r->low, high, bytes);
    const __m256i middle = _mm256_set1_epi8((char)r->middle);
    for (size_t k = 0; k < bytes; k += 32) {
        const __m256i low_k = _mm256_min_epi8(load(r->low + k), middle);
        const __m256i above = _mm256_sub_epi8(_mm256_max_epi8(load(high + k), middle), middle);
        const __m256i below = _mm256_sub_epi8(middle, low_k);
        store(r->low + k, low_k);
        store(r->below + k, below);
        store(r->reach + k, _mm256_max_epu8(above, below));
    }
}

/* Activations from the low end of their range on, [rows][KC] unsigned. */
static void subtract_low(uint8_t *above, const struct ranges *r, const int8_t *a, size_t stride, size_t rows,
                         size_t bytes)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t k = 0; k < bytes; k += 32)
            store(above + i * KC + k, _mm256_sub_epi8(load(a + i * stride + k), load(r->low + k)));
}

/* ------------------------------------------------------------------ weights */

/* Both halves of a line: 8 outputs each. */
struct half_lines {
    __m256i h0, h1;
};

INLINE struct half_lines load_line(const int8_t *w)
{
    return (struct half_lines){load(w), load(w + RFA_LINE / 2)};
}

INLINE void store_line(int16_t *p, struct half_lines x)
{
    store(p, x.h0);
    store(p + RFA_PANEL_N, x.h1);
}

INLINE struct half_lines magnitude(struct half_lines w)
{
    return (struct half_lines){_mm256_abs_epi8(w.h0), _mm256_abs_epi8(w.h1)};
}

/* x times w, unsigned by signed, pairs added and saturated at 16 bits. */
INLINE struct half_lines pairs(__m256i x, struct half_lines w)
{
    return (struct half_lines){_mm256_maddubs_epi16(x, w.h0), _mm256_maddubs_epi16(x, w.h1)};
}

INLINE struct half_lines add16(struct half_lines a, struct half_lines b)
{
    return (struct half_lines){_mm256_add_epi16(a.h0, b.h0), _mm256_add_epi16(a.h1, b.h1)};
}

INLINE struct half_lines add_unsigned(struct half_lines a, struct half_lines b)
{
    return (struct half_lines){_mm256_adds_epu16(a.h0, b.h0), _mm256_adds_epu16(a.h1, b.h1)};
}

INLINE struct half_lines larger(struct half_lines a, struct half_lines b)
{
    return (struct half_lines){_mm256_max_epu16(a.h0, b.h0), _mm256_max_epu16(a.h1, b.h1)};
}

/* Whether 16 bits hold a sum that comes so far from 0. 2^15 - 1 itself may stand for more, a pair that saturated. */
INLINE bool fits(struct half_lines reach)
{
    const __m256i one = _mm256_set1_epi16(1), most = _mm256_adds_epu16(_mm256_max_epu16(reach.h0, reach.h1), one);
    return _mm256_testz_si256(most, _mm256_set1_epi16(INT16_MIN));
}

/* Pairs of a line: the sums if every activation were the middle, with activations counted from the low end of their
 * range; how far the sums lie from that at most; and how far they come from 0 at most. With weights w of activations in
 * [0, below + above] the sums lie between below * w - reach * |w| and below * w + reach * |w|. */
struct pair_sums {
    struct half_lines middle, reach, most;
};

INLINE struct pair_sums pair_sums(const struct lines *l, const struct ranges *r, size_t line)
{
    const struct half_lines w = load_line(l->w + line * RFA_LINE);
    struct pair_sums s = {.middle = pairs(broadcast(r->below + line * RFA_PANEL_K), w),
                          .reach = pairs(broadcast(r->reach + line * RFA_PANEL_K), magnitude(w))};
    const struct half_lines middle_magnitude = {_mm256_abs_epi16(s.middle.h0), _mm256_abs_epi16(s.middle.h1)};
    s.most = add_unsigned(middle_magnitude, s.reach);
    return s;
}

/* Numbers are written to both lists where they may belong, and only the right one moves on: branches would be guessed
 * wrong. */

/* Lines 3 * i to 3 * i + 2, as a chain if that can be; or else i goes into `broken`, which holds *count. */
INLINE void take_three(struct lines *l, const struct ranges *r, uint32_t i, uint32_t *broken, size_t *count)
{
    const struct pair_sums a = pair_sums(l, r, 3 * i), b = pair_sums(l, r, 3 * i + 1), c = pair_sums(l, r, 3 * i + 2);
    const struct half_lines reach = add_unsigned(add_unsigned(a.reach, b.reach), c.reach);
    const bool chain = fits(larger(larger(a.most, b.most), larger(c.most, reach)));
    store_line(l->chain_middle[l->chains], add16(add16(a.middle, b.middle), c.middle));
    l->chain[l->chains] = broken[*count] = i;
    l->chains += chain;
    *count += !chain;
}

/* A line that is in no chain. */
INLINE void take_line(struct lines *l, const struct ranges *r, uint32_t line)
{
    const bool narrow = fits(pair_sums(l, r, line).most);
    l->alone[l->alones] = l->wide[l->wides] = line;
    l->alones += narrow;
    l->wides += !narrow;
}

struct sums {
    __m256i s0, s1;
};

/* sums - x * the products of the line with f [RFA_PANEL_K] unsigned, which must not saturate. */
INLINE struct sums subtract(struct sums s, struct half_lines w, __m256i f, __m256i x)
{
    const struct half_lines p = pairs(f, w);
    return (struct sums){_mm256_sub_epi32(s.s0, _mm256_madd_epi16(p.h0, x)),
                         _mm256_sub_epi32(s.s1, _mm256_madd_epi16(p.h1, x))};
}

/* Chains count from the middle; lines alone count from the low end of the ranges, wide ones from 0. */
static void find_adjustment(struct lines *l, const struct ranges *r)
{
    const __m256i ones8 = _mm256_set1_epi8(1), ones = _mm256_set1_epi16(1);
    const __m256i middle = _mm256_set1_epi16((int16_t)r->middle);
    struct sums s = {_mm256_setzero_si256(), _mm256_setzero_si256()};
    for (size_t i = 0; i < l->alones; i++)
        s = subtract(s, load_line(l->w + l->alone[i] * RFA_LINE), broadcast(r->below + l->alone[i] * RFA_PANEL_K),
                     ones);
    for (size_t i = 0; i < l->wides; i++)
        s = subtract(s, load_line(l->w + l->wide[i] * RFA_LINE), ones8, middle);
    store(l->adjust, s.s0);
    store(l->adjust + 8, s.s1);
}

static void sort_lines(struct lines *l, const struct ranges *r, const int8_t *w, size_t lines)
{
    uint32_t broken[LINES / 3], threes = (uint32_t)(lines / 3);
    size_t count = 0;
    l->w = w;
    l->chains = l->alones = l->wides = 0;
    for (uint32_t i = 0; i < threes; i++)
        take_three(l, r, i, broken, &count);
    for (size_t i = 0; i < count; i++)
        for (uint32_t line = 3 * broken[i]; line < 3 * broken[i] + 3; line++)
            take_line(l, r, line);
    for (uint32_t line = 3 * threes; line < lines; line++)
        take_line(l, r, line);
    find_adjustment(l, r);
}

#endif

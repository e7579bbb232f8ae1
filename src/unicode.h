/* What the tokenizer needs to know of Unicode: UTF-8, classes of characters, lower case, canonical decomposition
 * without marks. */
#ifndef RFA_UNICODE_H
#define RFA_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Flags of a code point, in the order of unicode_tables.py. "Category" is Unicode's general category. */
enum rfa_unicode_flag {
    RFA_UNICODE_DROP = 1 << 0,         /* category C* but tab, LF, CR; U+FFFD: BERT's cleaning removes it */
    RFA_UNICODE_SPACE = 1 << 1,        /* category Z*, tab, LF, CR: ends a word of BERT */
    RFA_UNICODE_SPLIT = 1 << 2,        /* Python's str.isspace(): ends a word of str.split() */
    RFA_UNICODE_PUNCTUATION = 1 << 3,  /* category P* or an ASCII sign: a token of its own */
    RFA_UNICODE_MARK = 1 << 4,         /* category Mn: dropped after decomposition */
    RFA_UNICODE_STARTER_MARK = 1 << 5, /* a MARK of combining class 0: no character is reordered across it */
    RFA_UNICODE_CJK = 1 << 6,          /* ideograph: a word of its own */
    RFA_UNICODE_CASED = 1 << 7,        /* the two properties of the final-sigma rule; */
    RFA_UNICODE_IGNORABLE = 1 << 8     /* never both */
};

enum { RFA_FOLD_MAX = 3 };

/* Bytes of the valid UTF-8 sequence at `text` (1 ... 4, at most `len`) and its code point, or 0 where there is none:
 * overlong forms, surrogates and values above U+10FFFF are invalid. */
size_t rfa_utf8_decode(uint32_t *code, const char *text, size_t len);

/* Writes the 1 ... 4 bytes of a code point and returns how many. */
size_t rfa_utf8_encode(char out[4], uint32_t code);

/* The flags above, for code <= U+10FFFF. */
uint32_t rfa_unicode_flags(uint32_t code);

/* Lower case of one code point out of context. U+0130 gives 'i' only: its second half, U+0307, is the caller's to add.
 */
uint32_t rfa_unicode_lower(uint32_t code);

/* Lower case, canonical decomposition, marks removed: code points to out[], returns how many, 0 only for a MARK. The
 * order of several characters is still to be made canonical with rfa_unicode_combining. */
size_t rfa_unicode_fold(uint32_t out[RFA_FOLD_MAX], uint32_t code);

/* Canonical combining class, 0 for a starter. Right for what rfa_unicode_fold returns, not for a MARK. */
uint32_t rfa_unicode_combining(uint32_t code);

/* ------------------------------------------------------------------ unicode_tables.c */

struct rfa_unicode_lower_run {
    uint32_t first, last, stride;
    int32_t delta;
};

extern const char rfa_unicode_version[];
extern const uint32_t
    rfa_unicode_classes[]; /* code << 11 | flags, where the flags change; ascending, first for code 0 */
extern const size_t rfa_unicode_classes_count;
extern const struct rfa_unicode_lower_run rfa_unicode_lowers[]; /* ascending, disjoint */
extern const size_t rfa_unicode_lowers_count;
extern const uint32_t rfa_unicode_folds[];      /* pairs: a lower-case code, what it folds to; ascending */
extern const size_t rfa_unicode_folds_count;    /* _count is in words everywhere but for the runs */
extern const uint32_t rfa_unicode_long_folds[]; /* fours: a lower-case code, two or three codes (or 0) */
extern const size_t rfa_unicode_long_folds_count;
extern const uint32_t rfa_unicode_reordered[]; /* code << 8 | combining class; ascending */
extern const size_t rfa_unicode_reordered_count;

#endif

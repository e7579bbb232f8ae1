#include "unicode.h"

size_t rfa_utf8_decode(uint32_t *code, const char *text, size_t len)
{
    static const uint32_t smallest[5] = {0, 0, 0x80, 0x800, 0x10000};
    if (len == 0)
        return 0;
    unsigned char lead = (unsigned char)text[0];
    size_t bytes = lead < 0x80 ? 1 : lead < 0xC0 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF8 ? 4 : 0;
    if (bytes == 0 || bytes > len)
        return 0;
    uint32_t c = bytes == 1 ? lead : lead & (0x7Fu >> bytes);
    for (size_t i = 1; i < bytes; i++) {
        unsigned char next = (unsigned char)text[i];
        if ((next & 0xC0) != 0x80)
            return 0;
        c = c << 6 | (next & 0x3Fu);
    }
    if (c < smallest[bytes] || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
        return 0;
    *code = c;
    return bytes;
}

size_t rfa_utf8_encode(char out[4], uint32_t code)
{
    size_t bytes = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const uint32_t lead[5] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = bytes - 1; i > 0; i--) {
        out[i] = (char)(unsigned char)(0x80 | (code & 0x3F));
        code >>= 6;
    }
    out[0] = (char)(unsigned char)(lead[bytes] | code);
    return bytes;
}

/* The last record of `words` 32-bit words whose first word is at most `key`, or record 0. */
static const uint32_t *find(const uint32_t *records, size_t words, size_t total_words, uint32_t key)
{
    size_t low = 0, high = total_words / words;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (records[middle * words] <= key)
            low = middle;
        else
            high = middle;
    }
    return records + low * words;
}

uint32_t rfa_unicode_flags(uint32_t code)
{
    uint32_t any_flags = 0x7FF;
    return *find(rfa_unicode_classes, 1, rfa_unicode_classes_count, code << 11 | any_flags) & any_flags;
}

uint32_t rfa_unicode_lower(uint32_t code)
{
    size_t low = 0, high = rfa_unicode_lowers_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct rfa_unicode_lower_run *run = &rfa_unicode_lowers[middle];
        if (code < run->first)
            high = middle;
        else if (code > run->last)
            low = middle + 1;
        else
            return (code - run->first) % run->stride == 0 ? (uint32_t)((int32_t)code + run->delta) : code;
    }
    return code;
}

/* Hangul syllables decompose by arithmetic (Unicode Standard, section 3.12). */
static size_t fold_hangul(uint32_t out[RFA_FOLD_MAX], uint32_t syllable)
{
    enum { VOWELS = 21, TAILS = 28 };
    uint32_t tail = syllable % TAILS;
    out[0] = 0x1100 + syllable / (VOWELS * TAILS);
    out[1] = 0x1161 + syllable / TAILS % VOWELS;
    out[2] = 0x11A7 + tail;
    return tail ? 3 : 2;
}

size_t rfa_unicode_fold(uint32_t out[RFA_FOLD_MAX], uint32_t code)
{
    uint32_t c = rfa_unicode_lower(code);
    if (rfa_unicode_flags(c) & RFA_UNICODE_MARK)
        return 0;
    if (c >= 0xAC00 && c <= 0xD7A3)
        return fold_hangul(out, c - 0xAC00);
    const uint32_t *one = find(rfa_unicode_folds, 2, rfa_unicode_folds_count, c);
    if (one[0] == c) {
        out[0] = one[1];
        return 1;
    }
    const uint32_t *several = find(rfa_unicode_long_folds, 4, rfa_unicode_long_folds_count, c);
    if (several[0] == c) {
        for (size_t i = 0; i < RFA_FOLD_MAX; i++)
            out[i] = several[i + 1];
        return several[3] ? 3 : 2;
    }
    out[0] = c;
    return 1;
}

uint32_t rfa_unicode_combining(uint32_t code)
{
    uint32_t found = *find(rfa_unicode_reordered, 1, rfa_unicode_reordered_count, code << 8 | 0xFF);
    return found >> 8 == code ? found & 0xFF : 0;
}

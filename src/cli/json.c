#include "json.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ITEMS = 8192, MAX_NUMBER = 64 };

struct json {
    const char *text, *at, *end;
    struct rfa_metadata *m;
    char *buffer; /* as long as the text: decoded strings, one after another */
    size_t used;
};

struct number {
    double value;
    bool whole;
};

static enum rfa_status refuse(struct json *j, const char *what)
{
    unsigned long line = 1;
    for (const char *p = j->text; p < j->at; p++)
        line += *p == '\n';
    if (j->m->status == RFA_OK)
        j->m->status = rfa_fail(j->m->log, RFA_ERR_FORMAT, "%s: line %lu: %s", j->m->name, line, what);
    return j->m->status;
}

static void skip_space(struct json *j)
{
    while (j->at < j->end && (*j->at == ' ' || *j->at == '\t' || *j->at == '\n' || *j->at == '\r'))
        j->at++;
}

/* Skips white space and then `c`, if that is next. */
static bool accept(struct json *j, char c)
{
    skip_space(j);
    bool there = j->at < j->end && *j->at == c;
    j->at += there;
    return there;
}

static bool accept_word(struct json *j, const char *word)
{
    size_t length = strlen(word);
    if ((size_t)(j->end - j->at) < length || memcmp(j->at, word, length) != 0)
        return false;
    j->at += length;
    return true;
}

/* ------------------------------------------------------------------ strings */

static bool hex4(struct json *j, uint32_t *out)
{
    *out = 0;
    for (int i = 0; i < 4; i++, j->at++) {
        static const char digit[] = "0123456789abcdefABCDEF";
        const char *p = j->at < j->end && *j->at ? strchr(digit, *j->at) : NULL;
        if (!p)
            return false;
        uint32_t value = (uint32_t)(p - digit);
        *out = *out << 4 | (value < 16 ? value : value - 6);
    }
    return true;
}

static void put_utf8(struct json *j, uint32_t c)
{
    char *out = j->buffer + j->used;
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = n; i-- > 1; c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)(lead[n] | c);
    j->used += n;
}

/* Behind "\u". Characters beyond 16 bits come as two of them. */
static bool unicode_escape(struct json *j)
{
    uint32_t high, low;
    if (!hex4(j, &high))
        return false;
    if (high >= 0xd800 && high < 0xdc00) {
        if (!accept_word(j, "\\u") || !hex4(j, &low) || low < 0xdc00 || low > 0xdfff)
            return false;
        high = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
    } else if (high >= 0xdc00 && high < 0xe000) {
        return false;
    }
    put_utf8(j, high);
    return true;
}

static bool escape(struct json *j)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    char c = j->at < j->end ? *j->at++ : 0;
    if (c == 'u')
        return unicode_escape(j);
    const char *p = c ? strchr(from, c) : NULL;
    if (p)
        j->buffer[j->used++] = to[p - from];
    return p;
}

/* The opening quote is behind us. */
static enum rfa_status read_string(struct json *j, struct rfa_str *out)
{
    size_t first = j->used;
    for (;;) {
        unsigned char c = j->at < j->end ? (unsigned char)*j->at++ : 0;
        if (c == '"')
            break;
        if (c < 0x20)
            return refuse(j,
                          "a string does not end on its line; add the quote, or write control characters as escapes");
        if (c != '\\')
            j->buffer[j->used++] = (char)c;
        else if (!escape(j))
            return refuse(j, "a string has a wrong escape behind its backslash");
    }
    *out = (struct rfa_str){j->buffer + first, j->used - first};
    return RFA_OK;
}

/* ------------------------------------------------------------------ numbers */

static size_t digits(const char *p)
{
    size_t n = 0;
    while (p[n] >= '0' && p[n] <= '9')
        n++;
    return n;
}

/* Length of the number that begins the text (ended by a zero byte), 0 where none does. */
static size_t number_length(const char *text, bool *whole)
{
    const char *p = text + (*text == '-');
    size_t n = digits(p);
    *whole = true;
    if (n == 0 || (n > 1 && *p == '0'))
        return 0;
    p += n;
    if (*p == '.') {
        *whole = false;
        n = digits(p + 1);
        p += n + 1;
    }
    if (n > 0 && (*p == 'e' || *p == 'E')) {
        *whole = false;
        p += 1 + (p[1] == '+' || p[1] == '-');
        n = digits(p);
        p += n;
    }
    return n > 0 ? (size_t)(p - text) : 0;
}

static enum rfa_status read_number(struct json *j, struct number *out)
{
    char text[MAX_NUMBER] = "";
    size_t left = (size_t)(j->end - j->at);
    memcpy(text, j->at, left < sizeof text - 1 ? left : sizeof text - 1);
    size_t length = number_length(text, &out->whole);
    if (length == 0 || length == sizeof text - 1)
        return refuse(j, "a value is none of number, string, true, false, array");
    text[length] = 0;
    out->value = strtod(text, NULL);
    if (!isfinite(out->value) || (out->whole && fabs(out->value) > 9007199254740992.0))
        return refuse(j, "a number is too large");
    j->at += length;
    return RFA_OK;
}

/* ------------------------------------------------------------------ arrays */

static enum rfa_status read_strings(struct json *j, struct rfa_str key, struct rfa_str *item)
{
    size_t count = 0;
    do {
        if (count == MAX_ITEMS || !accept(j, '"'))
            return refuse(j, "an array of strings holds something else, or too many");
        RFA_TRY(read_string(j, &item[count++]));
    } while (accept(j, ','));
    if (!accept(j, ']'))
        return refuse(j, "an array does not end with ']'");
    rfa_metadata_strings(j->m, key, item, count);
    return j->m->status;
}

static enum rfa_status read_numbers(struct json *j, struct rfa_str key, float *real, uint32_t *whole)
{
    size_t count = 0;
    bool all_whole = true, in_range = true;
    do {
        struct number n;
        if (count == MAX_ITEMS)
            return refuse(j, "an array is too long");
        skip_space(j);
        RFA_TRY(read_number(j, &n));
        all_whole = all_whole && n.whole;
        in_range = in_range && n.value >= 0 && n.value <= UINT32_MAX;
        real[count] = (float)n.value;
        whole[count++] = in_range ? (uint32_t)n.value : 0;
    } while (accept(j, ','));
    if (!accept(j, ']'))
        return refuse(j, "an array does not end with ']'");
    if (all_whole && !in_range)
        return refuse(j, "an array of whole numbers has one outside 0 to 2^32-1");
    if (all_whole)
        rfa_metadata_uints(j->m, key, whole, count);
    else
        rfa_metadata_floats(j->m, key, real, count);
    return j->m->status;
}

static enum rfa_status read_array(struct json *j, struct rfa_str key)
{
    size_t item = sizeof(struct rfa_str) > 2 * sizeof(float) ? sizeof(struct rfa_str) : 2 * sizeof(float);
    void *items = malloc(MAX_ITEMS * item);
    if (!items)
        return refuse(j, "no memory for an array; close other programs");
    skip_space(j);
    enum rfa_status status = j->at < j->end && *j->at == '"'
                                 ? read_strings(j, key, items)
                                 : read_numbers(j, key, items, (uint32_t *)items + MAX_ITEMS);
    free(items);
    return status;
}

/* ------------------------------------------------------------------ object */

static enum rfa_status read_value(struct json *j, struct rfa_str key)
{
    struct rfa_str string;
    struct number n;
    if (accept(j, '[')) /* also skips white space */
        return read_array(j, key);
    if (accept(j, '"')) {
        RFA_TRY(read_string(j, &string));
        rfa_metadata_string(j->m, key, string);
    } else if (accept_word(j, "true")) {
        rfa_metadata_bool(j->m, key, true);
    } else if (accept_word(j, "false")) {
        rfa_metadata_bool(j->m, key, false);
    } else {
        RFA_TRY(read_number(j, &n));
        if (!n.whole)
            rfa_metadata_float(j->m, key, n.value);
        else if (n.value < 0)
            rfa_metadata_int(j->m, key, (int64_t)n.value);
        else
            rfa_metadata_uint(j->m, key, (uint64_t)n.value);
    }
    return j->m->status;
}

static enum rfa_status read_member(struct json *j, const char *prefix)
{
    struct rfa_str key;
    size_t length = strlen(prefix), first = j->used;
    if (!accept(j, '"'))
        return refuse(j, "a key in quotes is wanted");
    memcpy(j->buffer + j->used, prefix, length);
    j->used += length;
    RFA_TRY(read_string(j, &key));
    key = (struct rfa_str){j->buffer + first, length + key.len};
    if (!accept(j, ':'))
        return refuse(j, "':' is wanted behind the key");
    RFA_TRY(read_value(j, key));
    j->used = first;
    return RFA_OK;
}

static enum rfa_status read_object(struct json *j, const char *prefix)
{
    if (!accept(j, '{'))
        return refuse(j, "a JSON object begins with '{'");
    if (!accept(j, '}')) {
        do
            RFA_TRY(read_member(j, prefix));
        while (accept(j, ','));
        if (!accept(j, '}'))
            return refuse(j, "',' or '}' is wanted behind a value");
    }
    skip_space(j);
    return j->at == j->end ? RFA_OK : refuse(j, "something stands behind the object");
}

enum rfa_status rfa_json_read(struct rfa_metadata *m, const char *prefix, const char *text, size_t length)
{
    struct json j = {.text = text, .at = text, .end = text + length, .m = m};
    j.buffer = malloc(length + strlen(prefix) + 1);
    if (!j.buffer)
        return m->status = rfa_fail(m->log, RFA_ERR_NOMEM, "%s: no memory to read it; close other programs", m->name);
    enum rfa_status status = read_object(&j, prefix);
    free(j.buffer);
    return status;
}

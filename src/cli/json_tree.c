#include "json_tree.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "unicode.h"

enum { MAX_DEPTH = 32, MAX_NUMBER = 64, MAX_NODES = 1 << 24 };

struct parser {
    struct rfa_json_tree *tree;
    const char *text, *at, *end;
    const char *wrong; /* the first thing that is */
};

static bool refuse(struct parser *p, const char *what)
{
    if (!p->wrong) {
        p->wrong = what;
        p->tree->wrong_at = (size_t)(p->at - p->text);
    }
    return false;
}

static void skip_space(struct parser *p)
{
    while (p->at < p->end && (*p->at == ' ' || *p->at == '\t' || *p->at == '\n' || *p->at == '\r'))
        p->at++;
}

/* Skips white space and then `c`, if that is next. */
static bool accept(struct parser *p, char c)
{
    skip_space(p);
    bool there = p->at < p->end && *p->at == c;
    p->at += there;
    return there;
}

static bool accept_word(struct parser *p, const char *word)
{
    size_t length = strlen(word);
    if ((size_t)(p->end - p->at) < length || memcmp(p->at, word, length) != 0)
        return false;
    p->at += length;
    return true;
}

/* ------------------------------------------------------------------ strings */

static void put(struct parser *p, uint32_t byte)
{
    p->tree->text[p->tree->text_used++] = (char)byte;
}

static void put_utf8(struct parser *p, uint32_t c)
{
    if (c < 0x80) {
        put(p, c);
    } else if (c < 0x800) {
        put(p, 0xc0 | c >> 6);
        put(p, 0x80 | (c & 0x3f));
    } else {
        if (c < 0x10000) {
            put(p, 0xe0 | c >> 12);
        } else {
            put(p, 0xf0 | c >> 18);
            put(p, 0x80 | (c >> 12 & 0x3f));
        }
        put(p, 0x80 | (c >> 6 & 0x3f));
        put(p, 0x80 | (c & 0x3f));
    }
}

static bool hex4(struct parser *p, uint32_t *out)
{
    *out = 0;
    for (int i = 0; i < 4; i++, p->at++) {
        int c = p->at < p->end ? *p->at : 0;
        if (c >= '0' && c <= '9')
            c -= '0';
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            c = (c | 0x20) - 'a' + 10;
        else
            return refuse(p, "an escape \\u lacks its four hexadecimal digits");
        *out = *out << 4 | (uint32_t)c;
    }
    return true;
}

/* Behind "\u". Characters beyond 16 bits come as two of them; zero bytes would cut strings short. */
static bool unicode_escape(struct parser *p)
{
    uint32_t c, low;
    if (!hex4(p, &c))
        return false;
    if (c >= 0xd800 && c < 0xdc00) {
        if (!accept_word(p, "\\u") || !hex4(p, &low) || low < 0xdc00 || low > 0xdfff)
            return refuse(p, "half of a surrogate pair is missing");
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    } else if ((c >= 0xdc00 && c < 0xe000) || c == 0) {
        return refuse(p, "an escape \\u names no character");
    }
    put_utf8(p, c);
    return true;
}

static bool escape(struct parser *p)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    char c = p->at < p->end ? *p->at++ : 0;
    if (c == 'u')
        return unicode_escape(p);
    const char *found = c ? strchr(from, c) : NULL;
    if (!found)
        return refuse(p, "a backslash begins no escape");
    put(p, (unsigned char)to[found - from]);
    return true;
}

/* Behind the first byte of a character that is not ASCII: takes all of it. */
static bool take_character(struct parser *p)
{
    uint32_t code;
    const char *first = p->at - 1;
    size_t bytes = rfa_utf8_decode(&code, first, (size_t)(p->end - first));
    if (bytes == 0)
        return refuse(p, "a string is not valid UTF-8");
    for (size_t i = 0; i < bytes; i++)
        put(p, (unsigned char)first[i]);
    p->at = first + bytes;
    return true;
}

/* The opening quote is behind us. A decoded string is never longer than its text, and its zero byte takes the closing
 * quote's place. */
static bool read_string(struct parser *p, struct rfa_str *out)
{
    const char *begin = p->tree->text + p->tree->text_used;
    for (;;) {
        unsigned char c = p->at < p->end ? (unsigned char)*p->at++ : 0;
        if (c == '"')
            break;
        if (c < 0x20)
            return refuse(p, "a string does not end, or holds a control character");
        if (c != '\\' && c < 0x80)
            put(p, c);
        else if (!(c < 0x80 ? escape(p) : take_character(p)))
            return false;
    }
    *out = (struct rfa_str){begin, (size_t)(p->tree->text + p->tree->text_used - begin)};
    put(p, 0);
    return true;
}

/* ------------------------------------------------------------------ numbers */

static size_t digits(const char *text)
{
    return strspn(text, "0123456789");
}

/* Length of the number that begins the text, 0 where none does. */
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

static bool read_number(struct parser *p, struct rfa_json *out)
{
    char text[MAX_NUMBER] = "";
    size_t left = (size_t)(p->end - p->at);
    memcpy(text, p->at, left < sizeof text - 1 ? left : sizeof text - 1);
    size_t length = number_length(text, &out->whole);
    if (length == 0 || length == sizeof text - 1)
        return refuse(p, "a value is neither number, string, array, object, true, false nor null");
    text[length] = 0;
    out->number = strtod(text, NULL);
    p->at += length;
    return isfinite(out->number) ? true : refuse(p, "a number is too large");
}

/* ------------------------------------------------------------------ values */

/* Position of a new node, 0 without memory: position 0 is taken by then. */
static uint32_t add_node(struct parser *p)
{
    struct rfa_json_tree *t = p->tree;
    if (t->count == t->capacity) {
        uint32_t capacity = t->capacity ? 2 * t->capacity : 256;
        struct rfa_json *node = capacity <= MAX_NODES ? realloc(t->node, capacity * sizeof *node) : NULL;
        if (!node) {
            refuse(p, "it is too large for the memory");
            return 0;
        }
        t->node = node;
        t->capacity = capacity;
    }
    t->node[t->count] = (struct rfa_json){.kind = RFA_JSON_NULL};
    return t->count++;
}

static bool read_value(struct parser *p, uint32_t node, int depth);

/* Behind the opening bracket or brace of `parent`. */
static bool read_items(struct parser *p, uint32_t parent, int depth, char close)
{
    bool object = close == '}';
    uint32_t last = 0;
    if (accept(p, close))
        return true;
    do {
        struct rfa_str name = {NULL, 0};
        if (object && !(accept(p, '"') && read_string(p, &name) && accept(p, ':')))
            return refuse(p, "an object wants \"name\": value");
        uint32_t item = add_node(p);
        if (item == 0 || !read_value(p, item, depth + 1))
            return false;
        p->tree->node[item].name = name;
        *(last ? &p->tree->node[last].next : &p->tree->node[parent].first) = item;
        p->tree->node[parent].items++;
        last = item;
    } while (accept(p, ','));
    return accept(p, close) ? true : refuse(p, "an array or object does not end");
}

static bool read_value(struct parser *p, uint32_t node, int depth)
{
    skip_space(p);
    struct rfa_json value = {.kind = RFA_JSON_NULL, .at = (size_t)(p->at - p->text)};
    char c = p->at < p->end ? *p->at : 0;
    if (depth > MAX_DEPTH)
        return refuse(p, "it is nested too deeply");
    if (c == '{' || c == '[') {
        p->at++;
        p->tree->node[node].at = value.at;
        p->tree->node[node].kind = c == '{' ? RFA_JSON_OBJECT : RFA_JSON_ARRAY;
        return read_items(p, node, depth, c == '{' ? '}' : ']');
    }
    if (c == '"') {
        p->at++;
        value.kind = RFA_JSON_STRING;
        if (!read_string(p, &value.string))
            return false;
    } else if (accept_word(p, "true")) {
        value.kind = RFA_JSON_TRUE;
    } else if (accept_word(p, "false")) {
        value.kind = RFA_JSON_FALSE;
    } else if (!accept_word(p, "null")) {
        value.kind = RFA_JSON_NUMBER;
        if (!read_number(p, &value))
            return false;
    }
    p->tree->node[node] = value;
    return true;
}

const char *rfa_json_parse(struct rfa_json_tree *tree, const char *text, size_t length)
{
    struct parser p = {.tree = tree, .text = text, .at = text, .end = text + length};
    tree->count = 0;
    tree->text_used = 0;
    if (length + 1 > tree->text_capacity) {
        char *bigger = realloc(tree->text, 2 * length + 1);
        if (!bigger)
            return "it is too large for the memory";
        tree->text = bigger;
        tree->text_capacity = 2 * length + 1;
    }
    (void)add_node(&p);
    if (!p.wrong && read_value(&p, 0, 0)) {
        skip_space(&p);
        if (p.at != p.end)
            refuse(&p, "something stands behind the value");
    }
    return p.wrong;
}

void rfa_json_tree_free(struct rfa_json_tree *tree)
{
    free(tree->node);
    free(tree->text);
    *tree = (struct rfa_json_tree){.node = NULL};
}

/* ------------------------------------------------------------------ access */

const struct rfa_json *rfa_json_first(const struct rfa_json_tree *tree, const struct rfa_json *parent)
{
    return parent->first ? &tree->node[parent->first] : NULL;
}

const struct rfa_json *rfa_json_next(const struct rfa_json_tree *tree, const struct rfa_json *item)
{
    return item->next ? &tree->node[item->next] : NULL;
}

const struct rfa_json *rfa_json_member(const struct rfa_json_tree *tree, const struct rfa_json *object,
                                       const char *name)
{
    const struct rfa_json *found = NULL;
    size_t length = strlen(name);
    if (!object || object->kind != RFA_JSON_OBJECT)
        return NULL;
    for (const struct rfa_json *m = rfa_json_first(tree, object); m; m = rfa_json_next(tree, m))
        if (m->name.len == length && memcmp(m->name.data, name, length) == 0)
            found = m;
    return found;
}

const struct rfa_json *rfa_json_member_of(const struct rfa_json_tree *tree, const struct rfa_json *object,
                                          const char *name, enum rfa_json_kind kind)
{
    const struct rfa_json *m = rfa_json_member(tree, object, name);
    return m && m->kind == kind ? m : NULL;
}

bool rfa_json_numbers(const struct rfa_json_tree *tree, const struct rfa_json *array, double *out, size_t n)
{
    if (!array || array->kind != RFA_JSON_ARRAY || array->items != n)
        return false;
    for (const struct rfa_json *item = rfa_json_first(tree, array); item; item = rfa_json_next(tree, item)) {
        if (item->kind != RFA_JSON_NUMBER)
            return false;
        *out++ = item->number;
    }
    return true;
}

#include "json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "json_tree.h"

enum { MAX_ITEMS = 8192 };

struct reader {
    struct rfa_json_tree tree;
    struct rfa_metadata *m;
    const char *text;
};

static enum rfa_status refuse(struct reader *r, size_t at, const char *what)
{
    unsigned long line = 1;
    for (size_t i = 0; i < at; i++)
        line += r->text[i] == '\n';
    if (r->m->status == RFA_OK)
        r->m->status =
            rfa_fail(r->m->log, RFA_ERR_FORMAT, "%s: line %lu: %s; correct it there", r->m->name, line, what);
    return r->m->status;
}

/* Whole numbers beyond 2^53 would not be what is written. */
static bool exact(const struct rfa_json *number)
{
    return !number->whole || fabs(number->number) <= 9007199254740992.0;
}

static enum rfa_status put_strings(struct reader *r, struct rfa_str key, const struct rfa_json *array,
                                   struct rfa_str *item)
{
    size_t count = 0;
    for (const struct rfa_json *v = rfa_json_first(&r->tree, array); v; v = rfa_json_next(&r->tree, v)) {
        if (v->kind != RFA_JSON_STRING)
            return refuse(r, v->at, "an array of strings holds something else");
        item[count++] = v->string;
    }
    rfa_metadata_strings(r->m, key, item, count);
    return r->m->status;
}

static enum rfa_status put_numbers(struct reader *r, struct rfa_str key, const struct rfa_json *array, float *real,
                                   uint32_t *whole)
{
    size_t count = 0;
    bool all_whole = true, in_range = true;
    for (const struct rfa_json *v = rfa_json_first(&r->tree, array); v; v = rfa_json_next(&r->tree, v)) {
        if (v->kind != RFA_JSON_NUMBER || !exact(v))
            return refuse(r, v->at, "an array of numbers holds something else, or one that is too large");
        all_whole = all_whole && v->whole;
        in_range = in_range && v->number >= 0 && v->number <= UINT32_MAX;
        real[count] = (float)v->number;
        whole[count++] = in_range ? (uint32_t)v->number : 0;
    }
    if (all_whole && !in_range)
        return refuse(r, array->at, "an array of whole numbers has one outside 0 to 2^32-1");
    if (all_whole)
        rfa_metadata_uints(r->m, key, whole, count);
    else
        rfa_metadata_floats(r->m, key, real, count);
    return r->m->status;
}

static enum rfa_status put_array(struct reader *r, struct rfa_str key, const struct rfa_json *array)
{
    if (array->items == 0 || array->items > MAX_ITEMS)
        return refuse(r, array->at, "an array is empty or too long");
    bool strings = rfa_json_first(&r->tree, array)->kind == RFA_JSON_STRING;
    size_t item = strings ? sizeof(struct rfa_str) : sizeof(float) + sizeof(uint32_t);
    void *items = malloc(array->items * item);
    if (!items)
        return refuse(r, array->at, "no memory for an array; close other programs");
    enum rfa_status status = strings ? put_strings(r, key, array, items)
                                     : put_numbers(r, key, array, items, (uint32_t *)items + array->items);
    free(items);
    return status;
}

static enum rfa_status put_number(struct reader *r, struct rfa_str key, const struct rfa_json *v)
{
    if (!exact(v))
        return refuse(r, v->at, "a number is too large");
    if (!v->whole)
        rfa_metadata_float(r->m, key, v->number);
    else if (v->number < 0)
        rfa_metadata_int(r->m, key, (int64_t)v->number);
    else
        rfa_metadata_uint(r->m, key, (uint64_t)v->number);
    return r->m->status;
}

static enum rfa_status put_value(struct reader *r, struct rfa_str key, const struct rfa_json *v)
{
    switch (v->kind) {
    case RFA_JSON_NUMBER:
        return put_number(r, key, v);
    case RFA_JSON_ARRAY:
        return put_array(r, key, v);
    case RFA_JSON_STRING:
        rfa_metadata_string(r->m, key, v->string);
        return r->m->status;
    case RFA_JSON_TRUE:
    case RFA_JSON_FALSE:
        rfa_metadata_bool(r->m, key, v->kind == RFA_JSON_TRUE);
        return r->m->status;
    default:
        return refuse(r, v->at, "a value is none of number, string, true, false, array");
    }
}

static enum rfa_status put_member(struct reader *r, const char *prefix, const struct rfa_json *v)
{
    size_t length = strlen(prefix);
    char *key = malloc(length + v->name.len + 1);
    if (!key)
        return refuse(r, v->at, "no memory for a key; close other programs");
    memcpy(key, prefix, length);
    memcpy(key + length, v->name.data, v->name.len);
    enum rfa_status status = put_value(r, (struct rfa_str){key, length + v->name.len}, v);
    free(key);
    return status;
}

static enum rfa_status put_members(struct reader *r, const char *prefix)
{
    const struct rfa_json *object = &r->tree.node[0];
    if (object->kind != RFA_JSON_OBJECT)
        return refuse(r, object->at, "a configuration is a JSON object");
    for (const struct rfa_json *v = rfa_json_first(&r->tree, object); v; v = rfa_json_next(&r->tree, v))
        RFA_TRY(put_member(r, prefix, v));
    return r->m->status;
}

enum rfa_status rfa_json_read(struct rfa_metadata *m, const char *prefix, const char *text, size_t length)
{
    struct reader r = {.m = m, .text = text};
    const char *wrong = rfa_json_parse(&r.tree, text, length);
    enum rfa_status status = wrong ? refuse(&r, r.tree.wrong_at, wrong) : put_members(&r, prefix);
    rfa_json_tree_free(&r.tree);
    return status;
}

#define _POSIX_C_SOURCE 200809L
#include "samples.h"

#include "sizes.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { CHUNK = 1 << 16, ALIGNMENT = 16, MAX_SAMPLES = 1 << 28 };

static const char SEPARATOR[] = "___";
static const char NO_MEMORY[] = "there is no memory for it";

/* AVA's seconds are labelled at 30 frames a second in files numbered from 1: the window of second s begins with the
 * file 30 (s - 900) - 45, which is shown one frame before 1.5 s ahead of the label. */
static const double FRAME = 1.0 / 30;

/* ------------------------------------------------------------------ memory */

struct rfa_pool_chunk {
    struct rfa_pool_chunk *next;
    size_t used, capacity;
    _Alignas(ALIGNMENT) char bytes[];
};

void *rfa_samples_alloc(struct rfa_samples *samples, size_t bytes)
{
    struct rfa_pool_chunk *chunk = samples->pool;
    bytes = rfa_round_up(bytes, ALIGNMENT);
    if (!chunk || chunk->capacity - chunk->used < bytes) {
        size_t capacity = bytes > CHUNK ? bytes : CHUNK;
        chunk = malloc(sizeof *chunk + capacity);
        if (!chunk)
            return NULL;
        *chunk = (struct rfa_pool_chunk){.next = samples->pool, .capacity = capacity};
        samples->pool = chunk;
    }
    void *memory = chunk->bytes + chunk->used;
    chunk->used += bytes;
    return memory;
}

const char *rfa_samples_string(struct rfa_samples *samples, struct rfa_str text)
{
    char *copy = rfa_samples_alloc(samples, text.len + 1);
    if (copy) {
        memcpy(copy, text.data, text.len);
        copy[text.len] = 0;
    }
    return copy;
}

void rfa_samples_free(struct rfa_samples *samples)
{
    while (samples->pool) {
        struct rfa_pool_chunk *chunk = samples->pool;
        samples->pool = chunk->next;
        free(chunk);
    }
    free(samples->item);
    *samples = (struct rfa_samples){.item = NULL};
}

static struct rfa_sample *new_sample(struct rfa_samples *s)
{
    if (s->count == s->capacity) {
        size_t capacity = s->capacity ? 2 * s->capacity : 256;
        struct rfa_sample *item = capacity <= MAX_SAMPLES ? realloc(s->item, capacity * sizeof *item) : NULL;
        if (!item)
            return NULL;
        s->item = item;
        s->capacity = capacity;
    }
    s->item[s->count] = (struct rfa_sample){.at = NAN, .place = s->count};
    return &s->item[s->count];
}

/* ------------------------------------------------------------------ one line */

struct line {
    struct rfa_samples *samples;
    const struct rfa_json_tree *tree;
    struct rfa_sample *sample;
    double time; /* for a key: the one given, NaN for the whole video */
};

static const struct rfa_json *member(const struct line *l, const char *name, enum rfa_json_kind kind)
{
    return rfa_json_member_of(l->tree, l->tree->node, name, kind);
}

static const char *copy_string(const struct line *l, const struct rfa_json *value)
{
    return rfa_samples_string(l->samples, value->string);
}

/* Splits VIDEO___SECOND___PERSON as the dataset does: VIDEO ends at the first separator. */
static bool split_key(const struct rfa_json *key, struct rfa_str *video, double *second)
{
    const char *text = key->string.data, *end = strstr(text, SEPARATOR);
    char *after;
    if (!end || end == text)
        return false;
    *video = (struct rfa_str){text, (size_t)(end - text)};
    *second = strtod(end + sizeof SEPARATOR - 1, &after);
    return after > end + sizeof SEPARATOR - 1 && isfinite(*second) &&
           strncmp(after, SEPARATOR, sizeof SEPARATOR - 1) == 0;
}

static const char *make_key(const struct line *l)
{
    const struct rfa_json *person = rfa_json_member(l->tree, l->tree->node, "person");
    char text[64] = "";
    int n = isnan(l->time) ? 0 : snprintf(text, sizeof text, "%.9g", l->time);
    n += snprintf(text + n, sizeof text - (size_t)n, "%s", SEPARATOR);
    if (person && person->kind == RFA_JSON_NUMBER)
        snprintf(text + n, sizeof text - (size_t)n, "%.9g", person->number);
    const char *name = person && person->kind == RFA_JSON_STRING ? person->string.data : "";
    size_t bytes = strlen(l->sample->video) + strlen(text) + strlen(name) + sizeof SEPARATOR;
    char *key = rfa_samples_alloc(l->samples, bytes);
    if (key)
        snprintf(key, bytes, "%s%s%s%s", l->sample->video, SEPARATOR, text, name);
    return key;
}

static bool is_number_or_absent(const struct line *l, const char *name)
{
    const struct rfa_json *value = rfa_json_member(l->tree, l->tree->node, name);
    return !value || value->kind == RFA_JSON_NUMBER || value->kind == RFA_JSON_NULL;
}

/* key, video, at */
static const char *read_place(struct line *l, double first_second)
{
    const struct rfa_json *key = member(l, "key", RFA_JSON_STRING), *video = member(l, "video", RFA_JSON_STRING);
    const struct rfa_json *at = member(l, "at", RFA_JSON_NUMBER), *second = member(l, "second", RFA_JSON_NUMBER);
    struct rfa_str from_key = {NULL, 0};
    double label = second ? second->number : NAN, key_second;
    if (!is_number_or_absent(l, "at") || !is_number_or_absent(l, "second"))
        return "its \"at\" or \"second\" is no number";
    if (!video && (!key || !split_key(key, &from_key, &key_second)))
        return "it has neither \"video\" nor a \"key\" of the form VIDEO___SECOND___PERSON";
    if (!video && !second)
        label = key_second;
    l->sample->video = video ? copy_string(l, video) : rfa_samples_string(l->samples, from_key);
    l->time = at ? at->number : label;
    l->sample->at = at ? at->number : label - first_second - FRAME;
    if (l->sample->at < 0)
        return "its time lies before the first frame (\"second\" counts from --first-second)";
    if (!l->sample->video)
        return NO_MEMORY;
    l->sample->key = key ? copy_string(l, key) : make_key(l);
    return l->sample->key ? NULL : NO_MEMORY;
}

static int ascending(const void *a, const void *b)
{
    return (int)*(const uint16_t *)a - (int)*(const uint16_t *)b;
}

static const char *read_labels(const struct line *l)
{
    static const char wrong[] = "its \"labels\" is no array of different class numbers from 1 to the model's count";
    const struct rfa_json *labels = member(l, "labels", RFA_JSON_ARRAY);
    if (!labels)
        return wrong;
    uint16_t *actions = rfa_samples_alloc(l->samples, labels->items * sizeof *actions);
    if (!actions)
        return NO_MEMORY;
    uint32_t n = 0;
    for (const struct rfa_json *i = rfa_json_first(l->tree, labels); i; i = rfa_json_next(l->tree, i)) {
        if (i->kind != RFA_JSON_NUMBER || !(i->number >= 1 && i->number <= l->samples->classes) ||
            i->number != floor(i->number))
            return wrong;
        actions[n++] = (uint16_t)(i->number - 1);
    }
    qsort(actions, n, sizeof *actions, ascending);
    for (uint32_t i = 1; i < n; i++)
        if (actions[i] == actions[i - 1])
            return wrong;
    l->sample->actions = actions;
    l->sample->action_count = n;
    return NULL;
}

/* Annotations may have members of these names that mean something else. */
static void read_clip(const struct line *l)
{
    const struct rfa_json *complete = rfa_json_member(l->tree, l->tree->node, "complete"),
                          *damaged = member(l, "damaged_packets", RFA_JSON_NUMBER);
    if (complete && (complete->kind == RFA_JSON_TRUE || complete->kind == RFA_JSON_FALSE) && damaged &&
        damaged->number >= 0 && damaged->number < 1e15)
        l->sample->clip = (struct rfa_sample_clip){true, complete->kind == RFA_JSON_FALSE, (int64_t)damaged->number};
}

/* What only results have. */
static const char *read_answer(const struct line *l)
{
    const struct rfa_json *error = member(l, "error", RFA_JSON_STRING), *logits = member(l, "logits", RFA_JSON_ARRAY);
    if (error)
        return (l->sample->error = copy_string(l, error)) ? NULL : NO_MEMORY;
    if (!logits)
        return NULL;
    float *copy = rfa_samples_alloc(l->samples, l->samples->classes * sizeof *copy);
    if (!copy)
        return NO_MEMORY;
    uint32_t n = 0;
    for (const struct rfa_json *i = rfa_json_first(l->tree, logits); i; i = rfa_json_next(l->tree, i)) {
        if (n == l->samples->classes || i->kind != RFA_JSON_NUMBER)
            return "its \"logits\" are not one number a class";
        copy[n++] = (float)i->number;
    }
    if (n != l->samples->classes ||
        !rfa_json_numbers(l->tree, member(l, "predicted", RFA_JSON_ARRAY), l->sample->predicted, 4))
        return "its \"logits\" or \"predicted\" box are incomplete";
    l->sample->logits = copy;
    return NULL;
}

const char *rfa_samples_add(struct rfa_samples *samples, const struct rfa_json_tree *tree, double first_second)
{
    struct line l = {samples, tree, new_sample(samples), NAN};
    if (!l.sample)
        return NO_MEMORY;
    const struct rfa_json *caption = member(&l, "caption", RFA_JSON_STRING);
    if (!caption)
        return "it is no object with a \"caption\"";
    if (!rfa_json_numbers(tree, member(&l, "box", RFA_JSON_ARRAY), l.sample->box, 4))
        return "its \"box\" is not [x1, y1, x2, y2]";
    l.sample->caption = copy_string(&l, caption);
    const char *wrong = l.sample->caption ? read_place(&l, first_second) : NO_MEMORY;
    if (!wrong)
        wrong = read_labels(&l);
    if (!wrong)
        wrong = read_answer(&l);
    read_clip(&l);
    samples->count += !wrong;
    return wrong;
}

/* ------------------------------------------------------------------ order */

static int by_key(const void *a, const void *b)
{
    const struct rfa_sample *x = a, *y = b;
    int order = strcmp(x->key, y->key);
    return order ? order : (x->place > y->place) - (x->place < y->place);
}

static int by_place(const void *a, const void *b)
{
    const struct rfa_sample *x = a, *y = b;
    return (x->place > y->place) - (x->place < y->place);
}

void rfa_samples_sort(struct rfa_samples *samples)
{
    if (samples->count > 0)
        qsort(samples->item, samples->count, sizeof *samples->item, by_key);
}

static int compare_key(const void *key, const void *sample)
{
    return strcmp(key, ((const struct rfa_sample *)sample)->key);
}

const struct rfa_sample *rfa_samples_find(const struct rfa_samples *samples, const char *key)
{
    return samples->count ? bsearch(key, samples->item, samples->count, sizeof *samples->item, compare_key) : NULL;
}

static enum rfa_status number_equal_keys(struct rfa_samples *s, const char *path)
{
    size_t repeats = 0;
    const char *last = NULL;
    rfa_samples_sort(s);
    for (size_t i = 0; i < s->count; i++) {
        const char *key = s->item[i].key;
        repeats = last && strcmp(key, last) == 0 ? repeats + 1 : 0;
        last = key;
        if (repeats == 0)
            continue;
        size_t bytes = strlen(key) + 24;
        char *numbered = rfa_samples_alloc(s, bytes);
        if (!numbered)
            return rfa_fail(s->log, RFA_ERR_NOMEM, "no memory for the annotations; close other programs");
        snprintf(numbered, bytes, "%s#%zu", key, repeats + 1);
        s->item[i].key = numbered;
    }
    rfa_samples_sort(s);
    for (size_t i = 1; i < s->count; i++)
        if (strcmp(s->item[i].key, s->item[i - 1].key) == 0)
            return rfa_fail(s->log, RFA_ERR_FORMAT, "%s: two samples would be called %s; give them other keys", path,
                            s->item[i].key);
    qsort(s->item, s->count, sizeof *s->item, by_place);
    return RFA_OK;
}

/* ------------------------------------------------------------------ a file */

static enum rfa_status read_lines(struct rfa_samples *s, FILE *file, const char *path, double first_second)
{
    struct rfa_json_tree tree = {.node = NULL};
    char *text = NULL;
    size_t capacity = 0, number = 0;
    enum rfa_status status = RFA_OK;
    for (ssize_t length; status == RFA_OK && (length = getline(&text, &capacity, file)) >= 0;) {
        number++;
        if (strspn(text, " \t\r\n") == (size_t)length)
            continue;
        const char *wrong = rfa_json_parse(&tree, text, (size_t)length);
        if (!wrong)
            wrong = rfa_samples_add(s, &tree, first_second);
        if (wrong)
            status =
                rfa_fail(s->log, RFA_ERR_FORMAT, "%s: line %zu: %s; see 'refatom eval --help'", path, number, wrong);
    }
    if (status == RFA_OK && ferror(file))
        status = rfa_fail(s->log, RFA_ERR_IO, "%s: cannot be read: %s; check the disk", path, strerror(errno));
    free(text);
    rfa_json_tree_free(&tree);
    return status;
}

enum rfa_status rfa_samples_read(struct rfa_samples *samples, const char *path, double first_second)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return rfa_fail(samples->log, RFA_ERR_IO, "%s: cannot be opened: %s; check the name and the permissions", path,
                        strerror(errno));
    enum rfa_status status = read_lines(samples, file, path, first_second);
    fclose(file);
    if (status == RFA_OK && samples->count == 0)
        status = rfa_fail(samples->log, RFA_ERR_FORMAT, "%s: holds no samples; it wants one JSON object a line", path);
    return status == RFA_OK ? number_equal_keys(samples, path) : status;
}

char *rfa_find_video(const char *folder, const char *video)
{
    static const char *const endings[] = {".mpg", ".m4v", ".mov", ".avi", ".webm", ".mkv", ".mp4", ""};
    size_t bytes = strlen(folder) + strlen(video) + 8;
    char *path = malloc(bytes);
    struct stat s;
    if (!path)
        return NULL;
    snprintf(path, bytes, "%s/%s", folder, video);
    for (size_t i = sizeof endings / sizeof *endings; i-- > 0 && stat(path, &s) != 0;)
        snprintf(path, bytes, "%s/%s%s", folder, video, endings[i]);
    if (stat(path, &s) != 0)
        snprintf(path, bytes, "%s/%s", folder, video);
    return path;
}

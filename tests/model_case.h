/* The models and cases of tests/data: opening both, feeding a case to a session. Tests run from the tests' folder. */
#ifndef RFA_TESTS_MODEL_CASE_H
#define RFA_TESTS_MODEL_CASE_H

#include "../src/file_map.h"
#include "../src/gguf.h"
#include "../src/refatom.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct model_case {
    struct rfa_file_map map;
    void *table;
    struct rfa_gguf gguf;
    rfa_model *model;
    struct rfa_model_info info;
};

/* A test's data is missing or damaged: nothing can be tested. */
static inline void case_broken(const char *what)
{
    fprintf(stderr, "%s: cannot be used; run the tests from the tests' folder of a complete checkout\n", what);
    abort();
}

static inline const char *case_path(const char *name, const char *ending)
{
    static char paths[4][128];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "data/%s%s", name, ending);
    return path;
}

/* data/NAME.gguf and data/NAME.case.gguf. */
static inline void case_open(struct model_case *c, const char *name)
{
    const char *path = case_path(name, ".case.gguf");
    size_t bytes = 0;
    if (rfa_file_map_open(&c->map, path, 1, NULL) != RFA_OK ||
        rfa_gguf_table_bytes(&bytes, c->map.data, c->map.bytes, path, NULL) != RFA_OK)
        case_broken(path);
    c->table = malloc(bytes);
    if (!c->table || rfa_gguf_parse(&c->gguf, c->table, bytes, c->map.data, c->map.bytes, path, NULL) != RFA_OK)
        case_broken(path);
    if (rfa_model_open(&c->model, case_path(name, ".gguf"), NULL) != RFA_OK)
        case_broken(case_path(name, ".gguf"));
    rfa_model_get_info(&c->info, c->model);
}

static inline void case_close(struct model_case *c)
{
    rfa_model_close(&c->model);
    free(c->table);
    rfa_file_map_close(&c->map);
}

/* A tensor of the case; NULL when it has none of this name. */
static inline const struct rfa_gguf_tensor *case_find(const struct model_case *c, const char *name)
{
    return rfa_gguf_find_tensor(&c->gguf, (struct rfa_str){name, strlen(name)});
}

static inline const void *case_data(const struct model_case *c, const char *name)
{
    const struct rfa_gguf_tensor *t = case_find(c, name);
    if (!t)
        case_broken(name);
    return t->data;
}

static inline size_t case_count(const struct model_case *c, const char *name)
{
    const struct rfa_gguf_tensor *t = case_find(c, name);
    return t ? (size_t)t->dim[0] : 0;
}

static inline size_t case_frame_values(const struct model_case *c)
{
    return (size_t)3 * c->info.image_size * c->info.image_size;
}

/* The three stages that take inputs. */
static inline enum rfa_status case_frames(rfa_session *s, const struct model_case *c)
{
    return rfa_encode_frame_pixels(s, 0, case_data(c, "frames"), c->info.frames);
}

static inline enum rfa_status case_scene(rfa_session *s, const struct model_case *c)
{
    return rfa_encode_scene_pixels(s, case_data(c, "key_frame"));
}

/* The first model has no keywords. */
static inline enum rfa_status case_text(rfa_session *s, const struct model_case *c)
{
    const struct rfa_gguf_tensor *keywords = case_find(c, "keyword_ids");
    return rfa_encode_ids(s, case_data(c, "sentence_ids"), case_count(c, "sentence_ids"),
                          keywords ? keywords->data : NULL, case_count(c, "keyword_ids"));
}

static inline enum rfa_status case_encode(rfa_session *s, const struct model_case *c)
{
    enum rfa_status status = case_frames(s, c);
    if (status == RFA_OK)
        status = case_scene(s, c);
    return status == RFA_OK ? case_text(s, c) : status;
}

/* Everything an answer says, by value: what two runs that must be equal are compared by. */
enum { ANSWER_ACTIONS = 128, ANSWER_CHOICES = 32 * 8 };

struct answer {
    uint32_t actions, keywords, detections, frames;
    float logits[ANSWER_ACTIONS], probabilities[ANSWER_ACTIONS], box[4];
    int32_t keyword_index[ANSWER_CHOICES], box_index[ANSWER_CHOICES];
    float keyword_margin[ANSWER_CHOICES], box_margin[ANSWER_CHOICES];
};

static inline enum rfa_status case_answer(struct answer *a, rfa_session *s)
{
    struct rfa_result r;
    enum rfa_status status = rfa_answer(s, &r);
    memset(a, 0, sizeof *a);
    if (status != RFA_OK)
        return status;
    size_t keywords = (size_t)r.keywords * r.frames, detections = (size_t)r.detections * r.frames;
    if (r.actions > ANSWER_ACTIONS || keywords > ANSWER_CHOICES || detections > ANSWER_CHOICES)
        case_broken("struct answer is too small");
    a->actions = r.actions;
    a->keywords = r.keywords;
    a->detections = r.detections;
    a->frames = r.frames;
    memcpy(a->logits, r.logits, r.actions * sizeof *r.logits);
    memcpy(a->probabilities, r.probabilities, r.actions * sizeof *r.probabilities);
    memcpy(a->box, r.box, sizeof r.box);
    if (r.keyword_index) {
        memcpy(a->keyword_index, r.keyword_index, keywords * sizeof *r.keyword_index);
        memcpy(a->keyword_margin, r.keyword_margin, keywords * sizeof *r.keyword_margin);
        memcpy(a->box_index, r.box_index, detections * sizeof *r.box_index);
        memcpy(a->box_margin, r.box_margin, detections * sizeof *r.box_margin);
    }
    return RFA_OK;
}

/* Repeatable numbers in [-1, 1] (splitmix64). */
static inline uint64_t case_random(uint64_t *state)
{
    uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

#endif

#define _POSIX_C_SOURCE 200809L /* opendir */
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "calibrate.h"
#include "calibration.h"
#include "case.h"
#include "cli.h"
#include "media.h"

/* What the text path reads while a video is shown: captions as users write them. */
static const char *const captions[] = {
    "the person in the red shirt on the left",    "the man sitting at the table",
    "the woman in the white dress by the window", "the boy holding a phone",
    "the tall man with the black jacket",         "the girl with long hair standing behind the car",
    "the older woman talking to the man",         "the person closest to the camera",
};

/* ------------------------------------------------------------------ folds */

static enum rfa_status out_of_memory(void)
{
    return rfa_fail(&rfa_cli_log, RFA_ERR_NOMEM, "no memory for the calibration; close other programs");
}

/* The one step that reads a tensor, or NULL where none or several do. */
static const struct rfa_step *only_reader(const struct rfa_graph *g, int tensor)
{
    const struct rfa_step *reader = NULL;
    int count = 0;
    for (int i = 0; i < g->step_count; i++)
        for (int j = 0; j < RFA_STEP_INPUTS; j++)
            if (g->step[i].in[j] == tensor) {
                reader = &g->step[i];
                count++;
            }
    return count == 1 ? reader : NULL;
}

static bool add_fold(struct rfa_calibration *c, int norm, const struct rfa_step *product)
{
    if (c->count == c->capacity) {
        size_t capacity = 2 * c->capacity + 64;
        struct rfa_fold *grown = realloc(c->fold, capacity * sizeof *grown);
        if (!grown)
            return false;
        c->fold = grown;
        c->capacity = capacity;
    }
    struct rfa_fold *f = &c->fold[c->count++];
    *f = (struct rfa_fold){
        .norm = c->model->graph.step[norm].name, .matrix = product->name, .step = norm, .w = &product->w};
    f->largest = calloc(product->w.k, sizeof *f->largest);
    f->sample = malloc(RFA_SAMPLE_ROWS * product->w.k * sizeof *f->sample);
    return f->largest && f->sample;
}

enum rfa_status rfa_calibration_start(struct rfa_calibration *c, const rfa_model *model,
                                      bool (*wanted)(void *user, const char *matrix), void *user)
{
    const struct rfa_graph *g = &model->graph;
    *c = (struct rfa_calibration){.model = model};
    rfa_kernels_init(&c->kernels, rfa_cpu_detect());
    for (int i = 0; i < g->step_count; i++) {
        const struct rfa_step *s = &g->step[i];
        const struct rfa_step *reader =
            s->op == RFA_OP_NORM && !g->tensor[s->out[0]].kept ? only_reader(g, s->out[0]) : NULL;
        bool fits = reader && reader->op == RFA_OP_LINEAR && reader->in[0] == s->out[0] && reader->w.k == s->w.k;
        if (fits && reader->w.type != RFA_TYPE_I8 && wanted(user, reader->name) && !add_fold(c, i, reader))
            return out_of_memory();
    }
    return RFA_OK;
}

void rfa_calibration_free(struct rfa_calibration *c)
{
    for (size_t i = 0; i < c->count; i++) {
        free(c->fold[i].largest);
        free(c->fold[i].sample);
        free(c->fold[i].factor);
    }
    free(c->fold);
    *c = (struct rfa_calibration){.fold = NULL};
}

const struct rfa_fold *rfa_calibration_of_norm(const struct rfa_calibration *c, const char *norm)
{
    for (size_t i = 0; i < c->count; i++)
        if (c->fold[i].factor && strcmp(c->fold[i].norm, norm) == 0)
            return &c->fold[i];
    return NULL;
}

const struct rfa_fold *rfa_calibration_of_matrix(const struct rfa_calibration *c, const char *matrix)
{
    for (size_t i = 0; i < c->count; i++)
        if (c->fold[i].factor && strcmp(c->fold[i].matrix, matrix) == 0)
            return &c->fold[i];
    return NULL;
}

/* ------------------------------------------------------------------ recording */

/* Keeps a row so that in the end every row seen is in the sample with the same chance (Vitter's algorithm R, with a
 * fixed sequence in place of chance). */
static void keep_row(struct rfa_fold *f, const float *x)
{
    uint64_t z = (f->seen + 1) * 0x9e3779b97f4a7c15u, place = f->seen++;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    if (place >= RFA_SAMPLE_ROWS)
        place = (z >> 11) % f->seen;
    if (place < RFA_SAMPLE_ROWS)
        memcpy(f->sample + place * f->w->k, x, f->w->k * sizeof *x);
}

static void observe(void *user, const struct rfa_session *s, int step)
{
    struct rfa_calibration *c = user;
    const struct rfa_step *norm = &s->model->graph.step[step];
    if (norm->op != RFA_OP_NORM)
        return;
    for (size_t i = 0; i < c->count; i++) {
        struct rfa_fold *f = &c->fold[i];
        if (f->step != step)
            continue;
        const float *x = rfa_data(s, norm->out[0]);
        size_t rows = rfa_rows(s, norm->out[0]);
        rfa_column_max(f->largest, x, rows, f->w->k);
        for (size_t row = 0; row < rows; row++)
            keep_row(f, x + row * f->w->k);
    }
}

static enum rfa_status record_video(struct rfa_session *s, const char *path)
{
    const struct rfa_config *config = &s->model->config;
    struct rfa_clip_request request = {.frames = (int)config->frames, .sampling = config->sampling, .at_seconds = NAN};
    struct rfa_clip *clip = NULL;
    RFA_TRY(rfa_media_sample(&clip, path, &request, &rfa_cli_log));
    enum rfa_status status = rfa_encode_frames(s, 0, clip->images, config->frames);
    rfa_clip_free(&clip);
    for (size_t i = 0; status == RFA_OK && i < sizeof captions / sizeof captions[0]; i++)
        status = rfa_encode_caption(s, captions[i], strlen(captions[i]));
    return status;
}

static bool ends_with(const char *path, const char *end)
{
    size_t length = strlen(path), tail = strlen(end);
    return length > tail && strcasecmp(path + length - tail, end) == 0;
}

static enum rfa_status record_clip(struct rfa_session *s, const char *path)
{
    return ends_with(path, ".gguf") ? rfa_case_encode(s, s->model, path, &rfa_cli_log) : record_video(s, path);
}

static bool is_clip(const char *name)
{
    static const char *const ends[] = {".gguf", ".mp4", ".avi", ".mkv", ".mov", ".webm", ".m4v", ".mpg", ".mpeg"};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        if (ends_with(name, ends[i]))
            return true;
    return false;
}

/* The clips of a folder in the order of their names; 0 where `path` is no folder or has no clips. */
static int list_clips(struct dirent ***list, const char *path)
{
    *list = NULL;
    int count = scandir(path, list, NULL, alphasort), kept = 0;
    for (int i = 0; i < count; i++) {
        if (is_clip((*list)[i]->d_name))
            (*list)[kept++] = (*list)[i];
        else
            free((*list)[i]);
    }
    return kept;
}

static enum rfa_status record_all(struct rfa_session *s, const char *path)
{
    struct dirent **list;
    int count = list_clips(&list, path);
    enum rfa_status status = count == 0 ? record_clip(s, path) : RFA_OK;
    for (int i = 0; i < count; i++) {
        char clip[4096];
        snprintf(clip, sizeof clip, "%s/%s", path, list[i]->d_name);
        if (status == RFA_OK)
            status = record_clip(s, clip);
        free(list[i]);
    }
    free(list);
    return status;
}

enum rfa_status rfa_calibration_record(struct rfa_calibration *c, const char *path)
{
    struct rfa_options options;
    rfa_session *s;
    if (!rfa_cli_session_options(&options, &(struct rfa_cli_session){.threads = NULL}))
        return RFA_ERR_ARG;
    options.max_image_side = 8192;
    RFA_TRY(rfa_session_create(&s, c->model, &options));
    s->observe = observe;
    s->observe_user = c;
    enum rfa_status status = record_all(s, path);
    rfa_session_end(&s);
    return status;
}

/* ------------------------------------------------------------------ choosing */

/* Memory for one fold's choice, all in one piece. */
struct trial {
    float *w;     /* [outputs][k]: rows spread evenly over the matrix */
    float *w_max; /* [k], of the whole matrix */
    float *factor;
    void *work;
    size_t outputs;
};

static void load_row(const struct rfa_calibration *c, float *dst, const struct rfa_weight *w, size_t row)
{
    if (w->type == RFA_TYPE_F16)
        c->kernels.f16_to_f32(dst, (const uint16_t *)w->data + row * w->k, w->k);
    else
        memcpy(dst, (const float *)w->data + row * w->k, w->k * sizeof *dst);
}

static void load_weights(const struct rfa_calibration *c, struct trial *t, const struct rfa_weight *w)
{
    size_t taken = 0;
    memset(t->w_max, 0, w->k * sizeof *t->w_max);
    for (size_t row = 0; row < w->n; row++) {
        float *dst = t->factor; /* not needed yet */
        if (taken < t->outputs && row >= taken * w->n / t->outputs)
            dst = t->w + taken++ * w->k;
        load_row(c, dst, w, row);
        rfa_column_max(t->w_max, dst, 1, w->k);
    }
}

static double error_of(const struct rfa_fold *f, const struct trial *t, const float *factor)
{
    struct rfa_error e = {0, 0};
    size_t rows = f->seen < RFA_SAMPLE_ROWS ? (size_t)f->seen : RFA_SAMPLE_ROWS;
    rfa_product_error(&e, &(struct rfa_product){.x = f->sample, .w = t->w, .rows = rows, .n = t->outputs, .k = f->w->k},
                      factor, t->work);
    return rfa_error_rms(&e);
}

static void choose(struct rfa_fold *f, struct trial *t)
{
    static const float alphas[] = {0.5f, 0.4f, 0.6f, 0.3f, 0.7f, 0.8f};
    f->before = f->after = error_of(f, t, NULL);
    for (size_t i = 0; i < sizeof alphas / sizeof alphas[0]; i++) {
        rfa_smooth_factors(t->factor, f->largest, t->w_max, f->w->k, alphas[i]);
        double error = error_of(f, t, t->factor);
        if (error < f->after) {
            f->after = error;
            f->alpha = alphas[i];
        }
    }
    if (f->after < f->before) {
        rfa_smooth_factors(t->factor, f->largest, t->w_max, f->w->k, f->alpha);
        f->factor = t->factor;
        t->factor = NULL;
    }
}

static enum rfa_status choose_fold(const struct rfa_calibration *c, struct rfa_fold *f)
{
    size_t k = f->w->k;
    struct trial t = {.outputs = f->w->n < RFA_SAMPLE_OUTPUTS ? f->w->n : RFA_SAMPLE_OUTPUTS};
    t.w = malloc(t.outputs * k * sizeof *t.w);
    t.w_max = malloc(k * sizeof *t.w_max);
    t.factor = malloc(k * sizeof *t.factor);
    t.work = malloc(rfa_product_work(RFA_SAMPLE_ROWS, k));
    bool enough = t.w && t.w_max && t.factor && t.work;
    if (enough) {
        load_weights(c, &t, f->w);
        choose(f, &t);
    }
    free(t.w);
    free(t.w_max);
    free(t.factor);
    free(t.work);
    return enough ? RFA_OK : out_of_memory();
}

enum rfa_status rfa_calibration_choose(struct rfa_calibration *c)
{
    for (size_t i = 0; i < c->count; i++) {
        if (c->fold[i].seen == 0)
            return rfa_fail(&rfa_cli_log, RFA_ERR_ARG, "calibration: nothing passed through %s; give at least one clip",
                            c->fold[i].norm);
        RFA_TRY(choose_fold(c, &c->fold[i]));
    }
    return RFA_OK;
}

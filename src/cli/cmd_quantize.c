/* refatom quantize: a float model becomes an int8 model, one panel of 16 outputs in memory at a time. */
#define _POSIX_C_SOURCE 200809L /* fnmatch */
#include <fnmatch.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "calibration.h"
#include "cli.h"
#include "clock.h"
#include "digest.h"
#include "file_map.h"
#include "gguf_writer.h"
#include "kernels.h"
#include "output.h"
#include "panel.h"
#include "session.h"

static const char help[] =
    "refatom quantize IN.gguf OUT.gguf [--keep PATTERN]... [--calibrate CLIPS] [--report]\n\n"
    "Writes the model with int8 matrices: weights symmetric per output channel, activations quantised at run time. The "
    "head,\n"
    "norms, biases and tables stay as they are.\n\n"
    "  --keep PATTERN     leave the matrices whose name (without .weight) fits as they are: 'vit.blk.0.*'; may be "
    "repeated\n"
    "  --calibrate CLIPS  run the float model over a video, a folder of videos, a folder of pictures, or prepared "
    "inputs, and\n"
    "                     even out what the norms hand to products, channel by channel, where that makes the int8 "
    "result\n"
    "                     more exact\n"
    "  --report           one line a matrix: its name, outputs, inputs, relative error (root mean square); with\n"
    "                     --calibrate also the errors of the results, before and after\n";

enum { MAX_KEEP = 64, MAX_STEM = RFA_GGUF_MAX_NAME };

enum role {
    ROLE_COPY,
    ROLE_MATRIX, /* becomes int8 */
    ROLE_BIAS,   /* of such a matrix */
    ROLE_NORM    /* gamma or beta of a norm whose factors go into such a matrix */
};

struct item {
    const struct rfa_gguf_tensor *tensor;
    enum role role;
};

struct job {
    const char *in_path, *out_path, *clips;
    const char *keep[MAX_KEEP];
    bool keep_used[MAX_KEEP];
    int keep_count;
    bool report;
    rfa_model *model;
    struct rfa_kernels kernels;
    struct item *item; /* in the order of the file */
    size_t item_count, matrices;
    struct rfa_calibration calibration; /* without folds where none was asked for */
    struct rfa_gguf_writer *writer;
    float *rows; /* 16 of the widest matrix */
    int8_t *panel;
    float *scale;
    int32_t *sum;
    struct rfa_error total;
    double worst;
    char worst_name[MAX_STEM + 1];
};

/* ------------------------------------------------------------------ what becomes int8 */

static bool ends_with(struct rfa_str s, const char *end)
{
    size_t length = strlen(end);
    return s.len > length && memcmp(s.data + s.len - length, end, length) == 0;
}

/* The name without its last part. */
static void stem_of(char stem[MAX_STEM + 1], struct rfa_str name)
{
    size_t length = name.len;
    while (length > 0 && name.data[length - 1] != '.')
        length--;
    length -= length > 0;
    memcpy(stem, name.data, length);
    stem[length] = 0;
}

static bool is_kept(struct job *j, const char *stem)
{
    bool kept = false;
    for (int i = 0; i < j->keep_count; i++)
        if (fnmatch(j->keep[i], stem, 0) == 0)
            kept = j->keep_used[i] = true;
    return kept;
}

/* Every matrix in front of the head is the weight of a product. */
static bool is_product(const struct rfa_gguf_tensor *t)
{
    bool head = t->name.len > 5 && memcmp(t->name.data, "head.", 5) == 0;
    return t->rank == 2 && (t->type == RFA_TYPE_F32 || t->type == RFA_TYPE_F16) && !head &&
           ends_with(t->name, ".weight");
}

static enum role role_of(struct job *j, const struct rfa_gguf_tensor *t)
{
    char stem[MAX_STEM + 1], weight[MAX_STEM + 8];
    stem_of(stem, t->name);
    if (is_product(t))
        return is_kept(j, stem) ? ROLE_COPY : ROLE_MATRIX;
    if (rfa_calibration_of_norm(&j->calibration, stem))
        return ROLE_NORM;
    if (!ends_with(t->name, ".bias"))
        return ROLE_COPY;
    snprintf(weight, sizeof weight, "%s.weight", stem);
    t = rfa_gguf_find_tensor(&j->model->gguf, (struct rfa_str){weight, strlen(weight)});
    return t && is_product(t) && !is_kept(j, stem) ? ROLE_BIAS : ROLE_COPY;
}

static int by_place(const void *a, const void *b)
{
    const struct item *x = a, *y = b;
    const char *p = x->tensor->data, *q = y->tensor->data;
    return (p > q) - (p < q);
}

static enum rfa_status list_items(struct job *j)
{
    const struct rfa_gguf *g = &j->model->gguf;
    j->item = malloc((g->tensor_count + 1) * sizeof *j->item);
    if (!j->item)
        return rfa_fail(&rfa_cli_log, RFA_ERR_NOMEM, "%s: no memory for the list of its tensors; close other programs",
                        j->in_path);
    j->item_count = g->tensor_count;
    for (size_t i = 0; i < g->tensor_count; i++) {
        j->item[i] = (struct item){&g->tensor[i], role_of(j, &g->tensor[i])};
        j->matrices += j->item[i].role == ROLE_MATRIX;
    }
    qsort(j->item, j->item_count, sizeof *j->item, by_place);
    for (int i = 0; i < j->keep_count; i++)
        if (!j->keep_used[i])
            return rfa_fail(&rfa_cli_log, RFA_ERR_ARG,
                            "--keep '%s' fits no matrix of %s; names are as in 'vit.blk.0.fc1'", j->keep[i],
                            j->in_path);
    if (j->matrices == 0)
        return rfa_fail(&rfa_cli_log, RFA_ERR_ARG, "%s: has no float matrix left to quantise; give a float model",
                        j->in_path);
    return RFA_OK;
}

static enum rfa_status reserve_buffers(struct job *j)
{
    size_t n = 16, k = 16;
    for (size_t i = 0; i < j->item_count; i++) {
        const struct rfa_gguf_tensor *t = j->item[i].tensor;
        if (j->item[i].role != ROLE_MATRIX)
            continue;
        n = t->dim[0] > n ? (size_t)t->dim[0] : n;
        k = t->dim[1] > k ? (size_t)t->dim[1] : k;
    }
    if (k > RFA_MAX_K)
        return rfa_fail(&rfa_cli_log, RFA_ERR_UNSUPPORTED,
                        "%s: a product over %zu inputs; int8 sums hold %d: keep it with --keep", j->in_path, k,
                        RFA_MAX_K);
    j->rows = rfa_alloc(16 * k * sizeof *j->rows);
    j->panel = rfa_alloc(rfa_panel_bytes(16, k));
    j->scale = rfa_alloc((n + 15) / 16 * 16 * sizeof *j->scale);
    j->sum = rfa_alloc((n + 15) / 16 * 16 * sizeof *j->sum);
    if (j->rows && j->panel && j->scale && j->sum)
        return RFA_OK;
    return rfa_fail(&rfa_cli_log, RFA_ERR_NOMEM, "%s: no memory for 16 rows of %zu values; close other programs",
                    j->in_path, k);
}

/* ------------------------------------------------------------------ declaring */

static void declare_vector(struct job *j, const char *stem, const char *kind, enum rfa_type type, uint64_t n)
{
    char name[MAX_STEM + 8];
    snprintf(name, sizeof name, "%s%s", stem, kind);
    const uint64_t padded = (n + 15) / 16 * 16;
    rfa_gguf_declare(j->writer, (struct rfa_str){name, strlen(name)}, type, 1, &padded);
}

static void declare(struct job *j, const struct item *item)
{
    char stem[MAX_STEM + 1];
    const struct rfa_gguf_tensor *t = item->tensor;
    stem_of(stem, t->name);
    if (item->role == ROLE_COPY || item->role == ROLE_NORM) {
        rfa_gguf_declare(j->writer, t->name, t->type, t->rank, t->dim);
    } else if (item->role == ROLE_BIAS) {
        declare_vector(j, stem, ".bias", RFA_TYPE_F32, t->dim[0]);
    } else {
        const uint64_t panels[] = {(t->dim[0] + 15) / 16, (t->dim[1] + 3) / 4, 16, 4};
        rfa_gguf_declare(j->writer, t->name, RFA_TYPE_I8, 4, panels);
        declare_vector(j, stem, ".scale", RFA_TYPE_F32, t->dim[0]);
        declare_vector(j, stem, ".sum", RFA_TYPE_I32, t->dim[0]);
    }
}

static void put_metadata(struct job *j)
{
    const struct rfa_gguf *g = &j->model->gguf;
    for (size_t i = 0; i < g->value_count; i++)
        if (g->value[i].key.len != strlen(RFA_DIGEST_KEY) ||
            memcmp(g->value[i].key.data, RFA_DIGEST_KEY, strlen(RFA_DIGEST_KEY)) != 0)
            rfa_gguf_put_value(j->writer, &g->value[i]);
    rfa_gguf_put_digest(j->writer);
}

/* ------------------------------------------------------------------ writing */

/* Rows of a matrix, times the factors of its inputs. */
static void load_rows(struct job *j, const struct rfa_gguf_tensor *t, const struct rfa_fold *fold, size_t first,
                      size_t count)
{
    size_t k = (size_t)t->dim[1];
    if (t->type == RFA_TYPE_F32)
        memcpy(j->rows, (const float *)t->data + first * k, count * k * sizeof(float));
    else
        j->kernels.f16_to_f32(j->rows, (const uint16_t *)t->data + first * k, count * k);
    for (size_t i = 0; fold && i < count * k; i++)
        j->rows[i] *= fold->factor[i % k];
}

static void note_error(struct job *j, const struct rfa_gguf_tensor *t, const struct rfa_error *e)
{
    char stem[MAX_STEM + 1];
    double rms = rfa_error_rms(e);
    stem_of(stem, t->name);
    j->total.square += e->square;
    j->total.reference += e->reference;
    if (rms >= j->worst) {
        j->worst = rms;
        memcpy(j->worst_name, stem, sizeof stem);
    }
    if (j->report)
        printf("%-32s %6llu x %6llu  %.5f\n", stem, (unsigned long long)t->dim[0], (unsigned long long)t->dim[1], rms);
}

static enum rfa_status write_matrix(struct job *j, const struct rfa_gguf_tensor *t)
{
    size_t n = (size_t)t->dim[0], k = (size_t)t->dim[1], padded = (n + 15) / 16 * 16;
    struct rfa_error error = {0, 0};
    char stem[MAX_STEM + 1];
    stem_of(stem, t->name);
    const struct rfa_fold *fold = rfa_calibration_of_matrix(&j->calibration, stem);
    for (size_t i = 0; i < n; i += 16) {
        size_t count = n - i < 16 ? n - i : 16;
        load_rows(j, t, fold, i, count);
        j->kernels.pack_rows_s8(j->panel, j->scale + i, j->sum + i, j->rows, k, count, k);
        for (size_t row = i; row < i + count; row++)
            if (!isfinite(j->scale[row]))
                return rfa_fail(&rfa_cli_log, RFA_ERR_FORMAT,
                                "%s: tensor '%.*s' has NaN or infinity in row %zu; the checkpoint is damaged",
                                j->in_path, (int)t->name.len, t->name.data, row);
        rfa_panel_error(&error, j->panel, j->scale + i, j->rows, k, count, k);
        RFA_TRY(rfa_gguf_write(j->writer, j->panel, rfa_panel_bytes(16, k)));
    }
    note_error(j, t, &error);
    RFA_TRY(rfa_gguf_write(j->writer, j->scale, padded * sizeof *j->scale));
    return rfa_gguf_write(j->writer, j->sum, padded * sizeof *j->sum);
}

static enum rfa_status write_bias(struct job *j, const struct rfa_gguf_tensor *t)
{
    static const float zeros[16];
    RFA_TRY(rfa_gguf_write(j->writer, t->data, t->bytes));
    return rfa_gguf_write(j->writer, zeros, (size_t)((16 - t->dim[0] % 16) % 16) * sizeof(float));
}

/* Gamma or beta: what the matrix is multiplied with, it is divided by. */
static enum rfa_status write_norm(struct job *j, const struct rfa_gguf_tensor *t)
{
    char stem[MAX_STEM + 1];
    stem_of(stem, t->name);
    const struct rfa_fold *fold = rfa_calibration_of_norm(&j->calibration, stem);
    const float *x = t->data;
    for (size_t i = 0; i < fold->w->k; i++)
        j->rows[i] = x[i] / fold->factor[i];
    return rfa_gguf_write(j->writer, j->rows, t->bytes);
}

static enum rfa_status write_item(struct job *j, const struct item *item)
{
    const struct rfa_gguf_tensor *t = item->tensor;
    enum rfa_status status = item->role == ROLE_MATRIX ? write_matrix(j, t)
                             : item->role == ROLE_BIAS ? write_bias(j, t)
                             : item->role == ROLE_NORM ? write_norm(j, t)
                                                       : rfa_gguf_write(j->writer, t->data, t->bytes);
    rfa_file_advise(t->data, t->bytes, RFA_FILE_DONT_NEED);
    return status;
}

/* ------------------------------------------------------------------ calibration */

static bool becomes_int8(void *user, const char *matrix)
{
    char weight[MAX_STEM + 8];
    struct job *j = user;
    snprintf(weight, sizeof weight, "%s.weight", matrix);
    const struct rfa_gguf_tensor *t = rfa_gguf_find_tensor(&j->model->gguf, (struct rfa_str){weight, strlen(weight)});
    return t && is_product(t) && !is_kept(j, matrix);
}

static void print_folds(const struct rfa_calibration *c)
{
    for (size_t i = 0; i < c->count; i++) {
        const struct rfa_fold *f = &c->fold[i];
        printf("%-32s result's error %.5f, evened out %.5f (alpha %.1f)\n", f->matrix, f->before, f->after,
               (double)f->alpha);
    }
}

static enum rfa_status calibrate(struct job *j)
{
    struct rfa_calibration *c = &j->calibration;
    double before = 0, after = 0;
    RFA_TRY(rfa_calibration_start(c, j->model, becomes_int8, j));
    RFA_TRY(rfa_calibration_record(c, j->clips));
    RFA_TRY(rfa_calibration_choose(c));
    for (size_t i = 0; i < c->count; i++) {
        before += c->fold[i].before / (double)c->count;
        after += c->fold[i].after / (double)c->count;
    }
    if (j->report)
        print_folds(c);
    printf("calibration: results of %zu products behind norms, mean relative error %.5f, evened out %.5f\n", c->count,
           before, after);
    return RFA_OK;
}

static enum rfa_status quantize(struct job *j)
{
    RFA_TRY(rfa_model_open(&j->model, j->in_path, &rfa_cli_log));
    rfa_kernels_init(&j->kernels, rfa_cpu_detect());
    if (j->clips)
        RFA_TRY(calibrate(j));
    RFA_TRY(list_items(j));
    RFA_TRY(reserve_buffers(j));
    RFA_TRY(rfa_gguf_writer_open(&j->writer, j->out_path, &rfa_cli_log));
    put_metadata(j);
    for (size_t i = 0; i < j->item_count; i++)
        declare(j, &j->item[i]);
    for (size_t i = 0; i < j->item_count; i++)
        RFA_TRY(write_item(j, &j->item[i]));
    return rfa_gguf_writer_finish(&j->writer);
}

/* ------------------------------------------------------------------ command */

/* Takes every --keep out of the arguments, because it may be repeated. Returns how many are left, or -1 after a
 * message. */
static int take_keeps(struct job *j, int argc, char **argv)
{
    int left = 0;
    bool options = true;
    for (int i = 0; i < argc; i++) {
        bool separate = options && strcmp(argv[i], "--keep") == 0,
             joined = options && strncmp(argv[i], "--keep=", 7) == 0;
        options = options && strcmp(argv[i], "--") != 0;
        if (!separate && !joined) {
            argv[left++] = argv[i];
            continue;
        }
        if ((separate && i + 1 == argc) || j->keep_count == MAX_KEEP) {
            fprintf(stderr, "refatom: --keep needs a value, and may be given %d times\n", MAX_KEEP);
            return -1;
        }
        j->keep[j->keep_count++] = joined ? argv[i] + 7 : argv[++i];
    }
    return left;
}

static int parse(struct job *j, int argc, char **argv)
{
    const char *path[2];
    const struct rfa_cli_option options[] = {{"--report", NULL, &j->report}, {"--calibrate", &j->clips, NULL}};
    argc = take_keeps(j, argc, argv);
    int count = argc < 0 ? -1 : rfa_cli_parse(argc, argv, options, sizeof options / sizeof options[0], path, 2);
    if (count < 0)
        return EXIT_USAGE;
    if (count != 2) {
        fputs("refatom: quantize wants IN.gguf and OUT.gguf; see 'refatom quantize --help'\n", stderr);
        return EXIT_USAGE;
    }
    j->in_path = path[0];
    j->out_path = path[1];
    return rfa_output_is_no_input(j->out_path, &j->in_path, 1) ? EXIT_DONE : EXIT_USAGE;
}

static int run(int argc, char **argv)
{
    struct job j = {.in_path = NULL};
    double start = rfa_now();
    int status = parse(&j, argc, argv);
    if (status != EXIT_DONE)
        return status;
    if (quantize(&j) == RFA_OK)
        printf("%s: %zu matrices in int8, relative error %.5f, at most %.5f (%s), %.1f s\n", j.out_path, j.matrices,
               rfa_error_rms(&j.total), j.worst, j.worst_name, rfa_now() - start);
    else
        status = EXIT_FAILED;
    rfa_gguf_writer_discard(&j.writer);
    rfa_model_close(&j.model);
    rfa_calibration_free(&j.calibration);
    free(j.item);
    rfa_free(j.rows);
    rfa_free(j.panel);
    rfa_free(j.scale);
    rfa_free(j.sum);
    return status;
}

const struct rfa_command rfa_cmd_quantize = {"quantize", "float model to int8 model", help, run};

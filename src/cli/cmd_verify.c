/* refatom verify: reads a whole model file and checks everything that opening it does not touch. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "clock.h"
#include "demands.h"
#include "digest.h"
#include "file_map.h"
#include "panel.h"
#include "session.h"

static const char help[] = "refatom verify MODEL\n\n"
                           "Opens the model (which checks its structure) and then reads all of it: floats are finite, "
                           "int8 weights lie in -127 ... 127\n"
                           "and add up to the sums beside them, padding is zero, and the bytes of the file match its "
                           "digest. Every fault is one line.\n"
                           "A file without a digest is fine, but damage that keeps all of that true stays unseen.\n";

struct job {
    const char *path;
    rfa_model *model;
    struct rfa_demands demands;
    size_t faults, int8_matrices;
};

static void fault(struct job *j, struct rfa_str name, const char *what, unsigned long long at)
{
    j->faults++;
    rfa_fail(&rfa_cli_log, RFA_ERR_FORMAT, "%s: tensor '%.*s': %s %llu; fetch or make the file again", j->path,
             (int)name.len, name.data, what, at);
}

/* ------------------------------------------------------------------ floats */

/* Index of the first value that is infinite or NaN; `count` where all are finite. The exponent's bits are all ones in
 * these alone. */
static size_t first_bad_f32(const uint32_t *bits, size_t count)
{
    size_t i = 0;
    while (i < count && (bits[i] & 0x7f800000u) != 0x7f800000u)
        i++;
    return i;
}

static size_t first_bad_f16(const uint16_t *bits, size_t count)
{
    size_t i = 0;
    while (i < count && (bits[i] & 0x7c00u) != 0x7c00u)
        i++;
    return i;
}

static void check_floats(struct job *j, const struct rfa_gguf_tensor *t)
{
    if (t->type != RFA_TYPE_F32 && t->type != RFA_TYPE_F16)
        return;
    size_t count = t->bytes / rfa_type_bytes(t->type);
    size_t bad = t->type == RFA_TYPE_F32 ? first_bad_f32(t->data, count) : first_bad_f16(t->data, count);
    if (bad < count)
        fault(j, t->name, "a value that is infinite or not a number at", bad);
}

/* ------------------------------------------------------------------ matrices and panels */

/* The tensor beside an X.weight: X.kind, or NULL. */
static const void *beside(const struct job *j, const char *weight, const char *kind)
{
    char name[RFA_GGUF_MAX_NAME + 8];
    snprintf(name, sizeof name, "%.*s%s", (int)(strlen(weight) - strlen(".weight")), weight, kind);
    const struct rfa_gguf_tensor *t = rfa_gguf_find_tensor(&j->model->gguf, (struct rfa_str){name, strlen(name)});
    return t ? t->data : NULL;
}

static void check_matrix(struct job *j, const struct rfa_demand *d, const struct rfa_gguf_tensor *t)
{
    static const char *const what[] = {
        [RFA_PANEL_RANGE] = "a weight below -127 in output",
        [RFA_PANEL_SUM] = "the stored sum differs from the sum of the weights in output",
        [RFA_PANEL_PADDING] = "padding that is not zero in output",
        [RFA_PANEL_SCALE] = "a scale that is negative or not finite in output",
    };
    if (t->type != RFA_TYPE_I8)
        return;
    size_t n = (size_t)d->dim[0], k = (size_t)d->dim[1], output;
    const float *scale = beside(j, d->name, ".scale"), *bias = beside(j, d->name, ".bias");
    const int32_t *sum = beside(j, d->name, ".sum");
    j->int8_matrices++;
    for (size_t i = 0; i < (n + 15) / 16; i++) {
        enum rfa_panel_fault f = rfa_panel_check(&output, (const int8_t *)t->data + i * rfa_panel_bytes(16, k),
                                                 scale + 16 * i, sum + 16 * i, bias ? bias + 16 * i : NULL, i, n, k);
        if (f != RFA_PANEL_GOOD) {
            fault(j, t->name, what[f], output);
            return;
        }
    }
}

static void check_channels(struct job *j, const struct rfa_demand *d, const struct rfa_gguf_tensor *t)
{
    const float *x = t->data;
    size_t rows = (size_t)d->dim[1];
    for (size_t i = d->channels; i < d->dim[0] * 16; i++)
        for (size_t row = 0; row < rows; row++)
            if (x[(i / 16 * rows + row) * 16 + i % 16] != 0.0f) {
                fault(j, t->name, "padding that is not zero in channel", i);
                return;
            }
}

/* ------------------------------------------------------------------ digest */

enum digest_state { DIGEST_MISSING, DIGEST_GOOD, DIGEST_BAD };

static enum digest_state check_digest(struct job *j)
{
    const struct rfa_gguf *g = &j->model->gguf;
    const struct rfa_gguf_value *v = rfa_gguf_find_value(g, RFA_STR(RFA_DIGEST_KEY));
    const char *file = j->model->map;
    char text[RFA_DIGEST_CHARS], zeros[RFA_DIGEST_CHARS];
    struct rfa_digest d;
    if (!v)
        return DIGEST_MISSING;
    if (v->kind != RFA_GGUF_STRING || v->as.s.len != RFA_DIGEST_CHARS)
        return DIGEST_BAD;
    size_t at = (size_t)(v->as.s.data - file);
    memset(zeros, '0', sizeof zeros);
    rfa_digest_start(&d);
    rfa_digest_add(&d, file + g->data_offset, g->file_bytes - g->data_offset);
    rfa_digest_add(&d, file, at);
    rfa_digest_add(&d, zeros, sizeof zeros);
    rfa_digest_add(&d, file + at + RFA_DIGEST_CHARS, g->data_offset - at - RFA_DIGEST_CHARS);
    rfa_digest_finish(&d, text);
    return memcmp(text, v->as.s.data, sizeof text) == 0 ? DIGEST_GOOD : DIGEST_BAD;
}

/* ------------------------------------------------------------------ command */

static void check_tensors(struct job *j)
{
    const struct rfa_gguf *g = &j->model->gguf;
    for (size_t i = 0; i < g->tensor_count; i++)
        check_floats(j, &g->tensor[i]);
    for (size_t i = 0; i < j->demands.count; i++) {
        const struct rfa_demand *d = &j->demands.item[i];
        const struct rfa_gguf_tensor *t = rfa_gguf_find_tensor(g, (struct rfa_str){d->name, strlen(d->name)});
        if (t && d->kind == RFA_DEMAND_MATRIX)
            check_matrix(j, d, t);
        else if (t && d->kind == RFA_DEMAND_PANELS)
            check_channels(j, d, t);
    }
}

static enum rfa_status verify(struct job *j)
{
    double start = rfa_now();
    RFA_TRY(rfa_model_open(&j->model, j->path, &rfa_cli_log));
    RFA_TRY(rfa_demands_list(&j->demands, &j->model->config, &j->model->gguf, j->path, &rfa_cli_log));
    check_tensors(j);
    enum digest_state digest = check_digest(j);
    if (digest == DIGEST_BAD)
        return rfa_fail(&rfa_cli_log, RFA_ERR_FORMAT,
                        "%s: its bytes differ from its digest; fetch or make the file again", j->path);
    if (j->faults > 0)
        return RFA_ERR_FORMAT;
    printf("%s: good; %zu tensors, %zu int8 matrices, %s, %.1f s\n", j->path, j->model->gguf.tensor_count,
           j->int8_matrices, digest == DIGEST_GOOD ? "digest matches" : "no digest in the file", rfa_now() - start);
    return RFA_OK;
}

static int run(int argc, char **argv)
{
    struct job j = {.path = NULL};
    int count = rfa_cli_parse(argc, argv, NULL, 0, &j.path, 1);
    if (count < 0)
        return EXIT_USAGE;
    if (count != 1) {
        fputs("refatom: verify wants MODEL; see 'refatom verify --help'\n", stderr);
        return EXIT_USAGE;
    }
    int status = verify(&j) == RFA_OK ? EXIT_DONE : EXIT_FAILED;
    rfa_demands_free(&j.demands);
    rfa_model_close(&j.model);
    return status;
}

const struct rfa_command rfa_cmd_verify = {"verify", "read a whole model file and check it", help, run};

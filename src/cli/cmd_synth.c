/* refatom synth: a model of any size with random weights, streamed to disk. Names and shapes are those the model's
 * builders ask for. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "clock.h"
#include "demands.h"
#include "gguf_writer.h"
#include "half.h"
#include "json.h"
#include "output.h"
#include "quant.h"
#include "random_weights.h"
#include "synth_text.h"

static const char help[] = "refatom synth CONFIG.json OUT.gguf [--int8 | --f16 | --f32] [--seed N]\n\n"
                           "Writes a model with random weights of the sizes in CONFIG.json, for benchmarks and tests. "
                           "Its answers mean nothing.\n\n"
                           "  --int8     matrices as int8 panels, except those of the head (default)\n"
                           "  --f16      matrices and token tables as float16\n"
                           "  --f32      everything as float32\n"
                           "  --seed N   default 1; the same seed gives the same bytes on every machine\n\n"
                           "CONFIG.json is one flat object: the keys that a model file has under 'refatom.' ('refatom "
                           "info MODEL' lists them).\n"
                           "Without variant, refatomnet++ is made; without preprocessing keys, the file says what the "
                           "evaluation loader does.\n";

enum { MAX_CONFIG = 1 << 20, CHUNK = 16384 };

struct synth {
    const char *config_path, *path;
    bool int8, f16, f32;
    uint64_t seed;
    struct rfa_metadata metadata;
    struct rfa_config config;
    struct rfa_demands demands;
    struct rfa_gguf_writer *writer;
    /* Buffers of one matrix. */
    void *data;     /* 16 rows: a panel, or float rows */
    uint16_t *half; /* the same rows as float16 */
    float *scale;
    int32_t *sum;
    uint64_t values;
};

/* ------------------------------------------------------------------ metadata */

static enum rfa_status read_config_file(struct synth *s)
{
    FILE *file = fopen(s->config_path, "rb");
    if (!file)
        return rfa_fail(&rfa_cli_log, RFA_ERR_IO, "%s: cannot be opened: %s; check the name and the permissions",
                        s->config_path, strerror(errno));
    char *text = malloc(MAX_CONFIG);
    size_t length = text ? fread(text, 1, MAX_CONFIG, file) : 0;
    enum rfa_status status = RFA_OK;
    if (!text || ferror(file) || length == MAX_CONFIG)
        status =
            rfa_fail(&rfa_cli_log, RFA_ERR_IO, "%s: cannot be read, or has %d bytes or more; is it a configuration?",
                     s->config_path, MAX_CONFIG);
    else
        status = rfa_json_read(&s->metadata, "refatom.", text, length);
    free(text);
    fclose(file);
    return status;
}

static enum rfa_status read_config(struct synth *s)
{
    rfa_metadata_start(&s->metadata, s->config_path, &rfa_cli_log);
    rfa_metadata_string(&s->metadata, RFA_STR("general.architecture"), RFA_STR("refatomnet"));
    RFA_TRY(read_config_file(s));
    rfa_synth_defaults(&s->metadata);
    RFA_TRY(s->metadata.status);
    struct rfa_gguf view = rfa_metadata_view(&s->metadata);
    return rfa_config_read(&s->config, &view, s->config_path, &rfa_cli_log);
}

/* ------------------------------------------------------------------ tensors */

static bool is_int8(const struct synth *s, const struct rfa_demand *t)
{
    return s->int8 && strncmp(t->name, "head.", 5) != 0 &&
           (t->kind == RFA_DEMAND_MATRIX || t->kind == RFA_DEMAND_MATRIX_BIAS);
}

/* As the converter does: matrices outside the head, and token tables. */
static bool is_half(const struct synth *s, const struct rfa_demand *t)
{
    size_t length = strlen(t->name);
    bool tokens = t->kind == RFA_DEMAND_TABLE && length > 4 && strcmp(t->name + length - 4, ".tok") == 0;
    return !s->f32 && (tokens || (t->kind == RFA_DEMAND_MATRIX && strncmp(t->name, "head.", 5) != 0));
}

static void declare(struct rfa_gguf_writer *w, const char *name, enum rfa_type type, uint32_t rank, const uint64_t *dim)
{
    rfa_gguf_declare(w, (struct rfa_str){name, strlen(name)}, type, rank, dim);
}

static void declare_int8(struct synth *s, const struct rfa_demand *t)
{
    char name[RFA_GGUF_MAX_NAME + 8];
    const uint64_t *dim = t->dim;
    const uint64_t padded = (dim[0] + 15) / 16 * 16, panels[] = {padded / 16, (dim[1] + 3) / 4, 16, 4};
    int stem = (int)(strlen(t->name) - strlen(".weight"));
    declare(s->writer, t->name, RFA_TYPE_I8, 4, panels);
    snprintf(name, sizeof name, "%.*s.scale", stem, t->name);
    declare(s->writer, name, RFA_TYPE_F32, 1, &padded);
    snprintf(name, sizeof name, "%.*s.sum", stem, t->name);
    declare(s->writer, name, RFA_TYPE_I32, 1, &padded);
}

static void declare_all(struct synth *s)
{
    for (size_t i = 0; i < s->demands.count; i++) {
        const struct rfa_demand *t = &s->demands.item[i];
        const uint64_t padded = (t->dim[0] + 15) / 16 * 16;
        if (!is_int8(s, t))
            declare(s->writer, t->name, is_half(s, t) ? RFA_TYPE_F16 : RFA_TYPE_F32, t->rank, t->dim);
        else if (t->kind == RFA_DEMAND_MATRIX)
            declare_int8(s, t);
        else
            declare(s->writer, t->name, RFA_TYPE_F32, 1, &padded);
    }
}

static enum rfa_status write_int8(struct synth *s, const struct rfa_demand *t)
{
    struct rfa_random r = rfa_random_start(t, &s->config, s->seed);
    size_t n = (size_t)t->dim[0], k = (size_t)t->dim[1], panels = (n + 15) / 16, bytes = rfa_panel_bytes(16, k);
    for (size_t i = 0; i < panels; i++) {
        rfa_random_panel(&r, s->data, s->scale + 16 * i, s->sum + 16 * i, i, n, k);
        RFA_TRY(rfa_gguf_write(s->writer, s->data, bytes));
    }
    RFA_TRY(rfa_gguf_write(s->writer, s->scale, panels * 16 * sizeof *s->scale));
    return rfa_gguf_write(s->writer, s->sum, panels * 16 * sizeof *s->sum);
}

static enum rfa_status write_floats(struct synth *s, const float *x, size_t count, bool half)
{
    if (!half)
        return rfa_gguf_write(s->writer, x, count * sizeof *x);
    for (size_t i = 0; i < count; i++)
        s->half[i] = rfa_float_to_half(x[i]);
    return rfa_gguf_write(s->writer, s->half, count * sizeof *s->half);
}

static enum rfa_status write_matrix(struct synth *s, const struct rfa_demand *t)
{
    struct rfa_random r = rfa_random_start(t, &s->config, s->seed);
    for (size_t i = 0; i < t->dim[0]; i++) {
        rfa_random_row(&r, s->data, i, (size_t)t->dim[1]);
        RFA_TRY(write_floats(s, s->data, (size_t)t->dim[1], is_half(s, t)));
    }
    return RFA_OK;
}

/* Everything that is no matrix; `padded` biases end in zeros. */
static enum rfa_status write_values(struct synth *s, const struct rfa_demand *t, size_t count, size_t padded)
{
    struct rfa_random r = rfa_random_start(t, &s->config, s->seed);
    for (size_t i = 0; i < padded; i += CHUNK) {
        size_t n = padded - i < CHUNK ? padded - i : CHUNK, real = count - i < n ? count - i : n;
        rfa_random_values(&r, t, s->data, i, real);
        for (size_t j = real; j < n; j++)
            ((float *)s->data)[j] = 0.0f;
        RFA_TRY(write_floats(s, s->data, n, is_half(s, t)));
    }
    return RFA_OK;
}

static enum rfa_status write_tensor(struct synth *s, const struct rfa_demand *t)
{
    size_t count = 1;
    for (uint32_t i = 0; i < t->rank; i++)
        count *= (size_t)t->dim[i];
    s->values += count;
    if (t->kind == RFA_DEMAND_MATRIX)
        return is_int8(s, t) ? write_int8(s, t) : write_matrix(s, t);
    return write_values(s, t, count, is_int8(s, t) ? (count + 15) / 16 * 16 : count);
}

static enum rfa_status reserve_buffers(struct synth *s)
{
    size_t n = 16, values = CHUNK;
    for (size_t i = 0; i < s->demands.count; i++) {
        const struct rfa_demand *d = &s->demands.item[i];
        n = d->dim[0] > n ? (size_t)d->dim[0] : n;
        if (d->kind == RFA_DEMAND_MATRIX && 5 * d->dim[1] > values)
            values = 5 * (size_t)d->dim[1]; /* a row of floats, or 16 of int8 */
    }
    s->data = malloc((values + 64) * sizeof(float));
    s->half = malloc(values * sizeof *s->half);
    s->scale = malloc((n + 15) * sizeof *s->scale);
    s->sum = malloc((n + 15) * sizeof *s->sum);
    if (s->data && s->half && s->scale && s->sum)
        return RFA_OK;
    return rfa_fail(&rfa_cli_log, RFA_ERR_NOMEM, "%s: no memory for one matrix; close other programs", s->path);
}

static enum rfa_status write_file(struct synth *s)
{
    RFA_TRY(rfa_gguf_writer_open(&s->writer, s->path, &rfa_cli_log));
    for (size_t i = 0; i < s->metadata.count; i++)
        rfa_gguf_put_value(s->writer, &s->metadata.value[i]);
    rfa_gguf_put_digest(s->writer);
    declare_all(s);
    for (size_t i = 0; i < s->demands.count; i++)
        RFA_TRY(write_tensor(s, &s->demands.item[i]));
    return rfa_gguf_writer_finish(&s->writer);
}

/* ------------------------------------------------------------------ command */

static enum rfa_status make(struct synth *s)
{
    RFA_TRY(read_config(s));
    RFA_TRY(rfa_demands_list(&s->demands, &s->config, NULL, s->config_path, &rfa_cli_log));
    RFA_TRY(reserve_buffers(s));
    return write_file(s);
}

static int parse(struct synth *s, int argc, char **argv)
{
    const char *positional[2], *seed = NULL;
    long number = 1;
    const struct rfa_cli_option options[] = {
        {"--int8", NULL, &s->int8}, {"--f16", NULL, &s->f16}, {"--f32", NULL, &s->f32}, {"--seed", &seed, NULL}};
    int count = rfa_cli_parse(argc, argv, options, sizeof options / sizeof options[0], positional, 2);
    if (count < 0)
        return EXIT_USAGE;
    if (count != 2 || s->int8 + s->f16 + s->f32 > 1) {
        fputs("refatom: synth wants CONFIG.json, OUT.gguf and at most one of --int8, --f16, --f32; see 'refatom synth "
              "--help'\n",
              stderr);
        return EXIT_USAGE;
    }
    if (seed && !rfa_cli_number(&number, "--seed", seed, 0, INT32_MAX))
        return EXIT_USAGE;
    s->int8 = !s->f16 && !s->f32;
    s->seed = (uint64_t)number;
    s->config_path = positional[0];
    s->path = positional[1];
    return rfa_output_is_no_input(s->path, positional, 1) ? EXIT_DONE : EXIT_USAGE;
}

static int run(int argc, char **argv)
{
    static struct synth s; /* too large for the stack of a small machine */
    double start = rfa_now();
    int status = parse(&s, argc, argv);
    if (status != EXIT_DONE)
        return status;
    if (make(&s) == RFA_OK)
        printf("%s: %zu tensors, %.1f million values, %.1f s\n", s.path, s.demands.count, (double)s.values / 1e6,
               rfa_now() - start);
    else
        status = EXIT_FAILED;
    rfa_gguf_writer_discard(&s.writer);
    rfa_metadata_free(&s.metadata);
    rfa_demands_free(&s.demands);
    free(s.data);
    free(s.half);
    free(s.scale);
    free(s.sum);
    return status;
}

const struct rfa_command rfa_cmd_synth = {"synth", "write a model of any size with random weights, for benchmarks",
                                          help, run};

#define _POSIX_C_SOURCE 200809L
#include "results.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"

enum { MAX_CLASSES = 65535 };

/* ------------------------------------------------------------------ writing */

/* The shortest decimals that are read back as the same number. */
static void write_number(FILE *out, double value)
{
    char text[32];
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    fputs(text, out);
}

static void write_float(FILE *out, float value)
{
    char text[32];
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)value);
        if (strtof(text, NULL) == value)
            break;
    }
    fputs(text, out);
}

static void write_string(FILE *out, const char *name, const char *text)
{
    fprintf(out, "\"%s\": ", name);
    rfa_cli_json_string(out, text, strlen(text));
}

/* Ends the line and sees it off. */
static enum rfa_status end_line(FILE *out, const char *path, const struct rfa_log *log)
{
    fputs("}\n", out);
    if (fflush(out) != 0 || ferror(out))
        return rfa_fail(log, RFA_ERR_IO, "%s: cannot be written: %s; the same command continues it later", path,
                        strerror(errno));
    return RFA_OK;
}

enum rfa_status rfa_results_write_run(FILE *out, const struct rfa_results_run *run, const char *path,
                                      const struct rfa_log *log)
{
    fputs("{\"refatom_results\": 1, ", out);
    write_string(out, "model", run->model);
    fprintf(out, ", \"file_bytes\": %.0f, ", run->file_bytes);
    write_string(out, "weights", run->weights);
    fputs(", ", out);
    write_string(out, "sampling", run->sampling);
    fputs(", ", out);
    write_string(out, "shard", run->shard);
    fputs(", \"actions\": [", out);
    for (uint32_t i = 0; i < run->classes; i++) {
        fputs(i ? ", " : "", out);
        rfa_cli_json_string(out, run->labels[i], strlen(run->labels[i]));
    }
    fputs("]", out);
    return end_line(out, path, log);
}

static void write_box(FILE *out, const char *name, const double box[4])
{
    fprintf(out, ", \"%s\": [", name);
    for (int i = 0; i < 4; i++) {
        fputs(i ? ", " : "", out);
        write_number(out, box[i]);
    }
    fputs("]", out);
}

enum rfa_status rfa_results_write(FILE *out, const struct rfa_sample *sample, uint32_t classes, const char *path,
                                  const struct rfa_log *log)
{
    fputs("{", out);
    write_string(out, "key", sample->key);
    fputs(", ", out);
    write_string(out, "video", sample->video);
    if (!isnan(sample->at)) {
        fputs(", \"at\": ", out);
        write_number(out, sample->at);
    }
    fputs(", ", out);
    write_string(out, "caption", sample->caption);
    write_box(out, "box", sample->box);
    fputs(", \"labels\": [", out);
    for (uint32_t i = 0; i < sample->action_count; i++)
        fprintf(out, "%s%u", i ? ", " : "", sample->actions[i] + 1u);
    fputs("]", out);
    if (sample->clip.known)
        fprintf(out, ", \"complete\": %s, \"damaged_packets\": %lld", sample->clip.cut_short ? "false" : "true",
                (long long)sample->clip.damaged);
    if (sample->error) {
        fputs(", ", out);
        write_string(out, "error", sample->error);
        return end_line(out, path, log);
    }
    write_box(out, "predicted", sample->predicted);
    fputs(", \"logits\": [", out);
    for (uint32_t i = 0; i < classes; i++) {
        fputs(i ? ", " : "", out);
        write_float(out, sample->logits[i]);
    }
    fputs("]", out);
    return end_line(out, path, log);
}

/* ------------------------------------------------------------------ reading */

struct reader {
    struct rfa_samples *samples;
    struct rfa_results_run *run;
    struct rfa_json_tree tree;
    const char *path;
    size_t whole;  /* bytes of whole lines */
    size_t number; /* of the line */
    bool cut;      /* the last line read was not whole */
    bool begun;    /* the first line is read */
};

static const char *text_of(const struct reader *r, const char *name)
{
    const struct rfa_json *m = rfa_json_member_of(&r->tree, r->tree.node, name, RFA_JSON_STRING);
    return m ? rfa_samples_string(r->samples, m->string) : NULL;
}

static const char *copy_labels(struct reader *r, const struct rfa_json *labels)
{
    const char **copy = rfa_samples_alloc(r->samples, labels->items * sizeof *copy);
    if (!copy)
        return "there is no memory for it";
    r->run->labels = copy;
    r->run->classes = r->samples->classes = labels->items;
    for (const struct rfa_json *i = rfa_json_first(&r->tree, labels); i; i = rfa_json_next(&r->tree, i))
        if (i->kind != RFA_JSON_STRING || !(*copy++ = rfa_samples_string(r->samples, i->string)))
            return "its \"actions\" are not all strings";
    return NULL;
}

static bool same(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

static const char *read_run(struct reader *r)
{
    static const char wrong[] = "it is no first line of refatom's results";
    const struct rfa_json *root = r->tree.node,
                          *version = rfa_json_member_of(&r->tree, root, "refatom_results", RFA_JSON_NUMBER);
    const struct rfa_json *actions = rfa_json_member_of(&r->tree, root, "actions", RFA_JSON_ARRAY);
    const struct rfa_json *bytes = rfa_json_member_of(&r->tree, root, "file_bytes", RFA_JSON_NUMBER);
    struct rfa_results_run run = {.model = text_of(r, "model"),
                                  .weights = text_of(r, "weights"),
                                  .sampling = text_of(r, "sampling"),
                                  .shard = text_of(r, "shard"),
                                  .file_bytes = bytes ? bytes->number : 0};
    if (!version || version->number != 1 || !actions || actions->items < 1 || actions->items > MAX_CLASSES)
        return wrong;
    if (!run.model || !run.weights || !run.sampling || !run.shard)
        return wrong;
    if (r->samples->classes == 0) {
        *r->run = run;
        return copy_labels(r, actions);
    }
    if (!same(run.model, r->run->model) || run.file_bytes != r->run->file_bytes ||
        actions->items != r->samples->classes)
        return "it says that these are the results of another model";
    return same(run.sampling, r->run->sampling) ? NULL : "it says that frames were sampled otherwise";
}

static enum rfa_status read_line(struct reader *r, const char *text, size_t length)
{
    const char *wrong = rfa_json_parse(&r->tree, text, length);
    bool whole = length > 0 && text[length - 1] == '\n';
    if (wrong || !whole) { /* fine if nothing follows */
        r->cut = true;
        return RFA_OK;
    }
    wrong = r->begun ? rfa_samples_add(r->samples, &r->tree, 0) : read_run(r);
    if (!wrong && r->begun) {
        const struct rfa_sample *sample = &r->samples->item[r->samples->count - 1];
        if (!sample->error && !sample->logits)
            wrong = "it has no answer: neither \"logits\" nor \"error\"";
    }
    r->begun = true;
    r->whole += length;
    return wrong ? rfa_fail(r->samples->log, RFA_ERR_FORMAT, "%s: line %zu: %s; give another file", r->path, r->number,
                            wrong)
                 : RFA_OK;
}

static enum rfa_status read_lines(struct reader *r, FILE *file)
{
    char *text = NULL;
    size_t capacity = 0;
    enum rfa_status status = RFA_OK;
    for (ssize_t length; status == RFA_OK && (length = getline(&text, &capacity, file)) >= 0;) {
        if (r->cut)
            status = rfa_fail(r->samples->log, RFA_ERR_FORMAT, "%s: line %zu is damaged; delete it and those behind it",
                              r->path, r->number);
        r->number++;
        if (status == RFA_OK)
            status = read_line(r, text, (size_t)length);
    }
    if (status == RFA_OK && ferror(file))
        status =
            rfa_fail(r->samples->log, RFA_ERR_IO, "%s: cannot be read: %s; check the disk", r->path, strerror(errno));
    free(text);
    return status;
}

static enum rfa_status read_file(struct reader *r, FILE *file)
{
    enum rfa_status status = read_lines(r, file);
    rfa_json_tree_free(&r->tree);
    return status;
}

enum rfa_status rfa_results_read(struct rfa_samples *samples, struct rfa_results_run *run, const char *path)
{
    struct reader r = {.samples = samples, .run = run, .path = path};
    FILE *file = fopen(path, "rb");
    if (!file)
        return rfa_fail(samples->log, RFA_ERR_IO, "%s: cannot be opened: %s; check the name and the permissions", path,
                        strerror(errno));
    enum rfa_status status = read_file(&r, file);
    fclose(file);
    if (status == RFA_OK && !r.begun)
        status = rfa_fail(samples->log, RFA_ERR_FORMAT, "%s: holds no results; 'refatom eval' makes them", path);
    return status;
}

/* A lock of the process's own: it ends with the process, however that ends. */
static enum rfa_status open_alone(FILE **out, const char *path, const struct rfa_log *log)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0)
        return rfa_fail(log, RFA_ERR_IO, "%s: cannot be written: %s; check the folder and its permissions", path,
                        strerror(errno));
    struct stat s;
    if (fstat(fd, &s) == 0 && !S_ISREG(s.st_mode)) {
        close(fd);
        return rfa_fail(log, RFA_ERR_IO, "%s: not a regular file; give the name of a file to write", path);
    }
    if (fcntl(fd, F_SETLK, &lock) != 0 && (errno == EACCES || errno == EAGAIN)) {
        close(fd);
        return rfa_fail(log, RFA_ERR_IO, "%s: another run is writing to it; wait for it or give another file", path);
    }
    *out = fdopen(fd, "r+b");
    if (*out)
        return RFA_OK;
    close(fd);
    return rfa_fail(log, RFA_ERR_IO, "%s: cannot be written: %s; check the folder and its permissions", path,
                    strerror(errno));
}

enum rfa_status rfa_results_continue(FILE **out, bool *empty, struct rfa_samples *samples, struct rfa_results_run *run,
                                     const char *path)
{
    struct reader r = {.samples = samples, .run = run, .path = path};
    *out = NULL;
    RFA_TRY(open_alone(out, path, samples->log));
    enum rfa_status status = read_file(&r, *out);
    if (status == RFA_OK && (ftruncate(fileno(*out), (off_t)r.whole) != 0 || fseek(*out, 0, SEEK_END) != 0))
        status = rfa_fail(samples->log, RFA_ERR_IO, "%s: cannot be continued: %s; give another file, or check the disk",
                          path, strerror(errno));
    *empty = !r.begun;
    if (status != RFA_OK) {
        fclose(*out);
        *out = NULL;
    }
    return status;
}

#define _POSIX_C_SOURCE 200809L
#include "cli.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cores.h"
#include "error.h"
#include "unicode.h"

void rfa_cli_message(enum rfa_status status, const char *message)
{
    fprintf(stderr, "%srefatom: %s%s\n", isatty(STDERR_FILENO) ? "\r\033[K" : "", status == RFA_OK ? "note: " : "",
            message);
}

static void write_message(void *user, enum rfa_status status, const char *message)
{
    (void)user;
    rfa_cli_message(status, message);
}

const struct rfa_log rfa_cli_log = {write_message, NULL};

static const struct rfa_cli_option *find(const struct rfa_cli_option *options, int count, const char *argument)
{
    size_t length = strcspn(argument, "=");
    for (int i = 0; i < count; i++)
        if (strlen(options[i].name) == length && strncmp(options[i].name, argument, length) == 0)
            return &options[i];
    return NULL;
}

/* Handles argv[*i]; moves *i over a separate value. */
static bool take_option(const struct rfa_cli_option *o, int argc, char **argv, int *i)
{
    const char *argument = argv[*i], *equals = strchr(argument, '=');
    if (!o) {
        fprintf(stderr, "refatom: unknown option %s; --help lists them\n", argument);
        return false;
    }
    if (o->flag) {
        *o->flag = true;
        if (equals)
            fprintf(stderr, "refatom: %s takes no value; leave out the = and what follows\n", o->name);
        return !equals;
    }
    if (!equals && *i + 1 >= argc) {
        fprintf(stderr, "refatom: %s needs a value; --help says which\n", o->name);
        return false;
    }
    *o->value = equals ? equals + 1 : argv[++*i];
    return true;
}

int rfa_cli_parse(int argc, char **argv, const struct rfa_cli_option *options, int option_count,
                  const char **positional, int max)
{
    int count = 0;
    bool only_positional = false;
    for (int i = 0; i < argc; i++) {
        if (!only_positional && strcmp(argv[i], "--") == 0) {
            only_positional = true;
        } else if (!only_positional && argv[i][0] == '-' && argv[i][1] != 0) {
            if (!take_option(find(options, option_count, argv[i]), argc, argv, &i))
                return -1;
        } else if (count < max) {
            positional[count++] = argv[i];
        } else {
            fprintf(stderr, "refatom: unexpected argument '%s'; --help shows the usage\n", argv[i]);
            return -1;
        }
    }
    return count;
}

bool rfa_cli_number(long *out, const char *option, const char *text, long least, long most)
{
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (errno || end == text || *end || value < least || value > most) {
        fprintf(stderr, "refatom: %s: '%s' is not a whole number from %ld to %ld\n", option, text, least, most);
        return false;
    }
    *out = value;
    return true;
}

bool rfa_cli_tier(uint32_t *mask, const char *option, const char *tier)
{
    static const char all[] =
#define TIER(isa, bits, own, what) #isa " "
#include "tiers.def"
#undef TIER
        "auto";
    if (rfa_cpu_mask(mask, tier) == RFA_OK)
        return true;
    fprintf(stderr, "refatom: %s: '%s' is none of %s\n", option, tier, all);
    return false;
}

bool rfa_cli_real(double *out, const char *option, const char *text)
{
    char *end;
    errno = 0;
    double value = strtod(text, &end);
    if (errno || end == text || *end || !isfinite(value)) {
        fprintf(stderr, "refatom: %s: '%s' is not a number; use digits and a decimal point\n", option, text);
        return false;
    }
    *out = value;
    return true;
}

bool rfa_cli_is_folder(const char *option, const char *path)
{
    struct stat s;
    if (stat(path, &s) == 0 && S_ISDIR(s.st_mode))
        return true;
    fprintf(stderr, "refatom: %s: %s is no folder that can be opened\n", option, path);
    return false;
}

/* The processors to work on, the threads for them, and the cache of each; 0 after a message. */
static int place_threads(const char *affinity, size_t *cache_bytes)
{
    struct rfa_cores cores;
    rfa_cores_allowed(&cores);
    rfa_cores_read_speeds(&cores, "");
    if (!rfa_cores_choose(&cores, affinity) || !rfa_cores_bind(&cores))
        return 0;
    *cache_bytes = rfa_cores_cache_bytes(&cores, "");
    return RFA_WITH_OPENMP ? rfa_cores_used(&cores) : 1;
}

bool rfa_cli_session_options(struct rfa_options *options, const struct rfa_cli_session *given)
{
    size_t cache_bytes;
    long threads = place_threads(given->affinity, &cache_bytes), group = 2, kib = (long)(cache_bytes / 1024);
    if (threads == 0)
        return false;
    rfa_options_default(options);
    if (given->cache && !rfa_cli_number(&kib, "--cache", given->cache, 0, 1 << 20))
        return false;
    options->cache_bytes = (size_t)kib * 1024;
    options->log = rfa_cli_log;
    options->blas = given->blas;
    options->low_memory = given->low_memory;
    if (given->threads && strcmp(given->threads, "auto") != 0 &&
        !rfa_cli_number(&threads, "--threads", given->threads, 1, 256))
        return false;
    if (given->group && !rfa_cli_number(&group, "--group", given->group, 1, 64))
        return false;
    if (threads > 1 && !RFA_WITH_OPENMP)
        fputs("refatom: note: --threads: this build has no OpenMP, one thread runs; build with -DRFA_OPENMP=ON\n",
              stderr);
    options->threads = (int)threads;
    options->frame_group = (uint32_t)group;
    if (given->cpu && !rfa_cli_tier(&options->cpu_mask, "--cpu", given->cpu))
        return false;
    if (given->device && rfa_device_by_name(&options->device, given->device) != RFA_OK) {
        fprintf(stderr, "refatom: --device: '%s' is none of cpu cuda\n", given->device);
        return false;
    }
    return true;
}

enum rfa_status rfa_cli_open_model(rfa_model **model, const char *path, const struct rfa_cli_session *given)
{
    enum rfa_status status = rfa_model_open(model, path, &rfa_cli_log);
    if (status == RFA_OK && given->prefetch)
        rfa_model_prefetch(*model);
    if (status == RFA_OK && given->lock)
        status = rfa_model_lock(*model, &rfa_cli_log);
    return status;
}

enum rfa_status rfa_cli_create_session(rfa_session **session, const rfa_model *model, struct rfa_options *options,
                                       const struct rfa_cli_session *given)
{
    enum rfa_status status = rfa_session_create(session, model, options);
    bool device_failed = status == RFA_ERR_DEVICE || status == RFA_ERR_UNSUPPORTED;
    if (!device_failed || options->device == RFA_DEVICE_CPU || !given->fallback)
        return status;
    fprintf(stderr, "refatom: going on with the CPU, as --fallback says\n");
    options->device = RFA_DEVICE_CPU;
    return rfa_session_create(session, model, options);
}

enum rfa_status rfa_cli_check_answer(const struct rfa_result *result, const struct rfa_log *log)
{
    double sum = 0;
    for (uint32_t i = 0; i < result->actions; i++)
        sum += fabs((double)result->logits[i]);
    for (int i = 0; i < 4; i++)
        sum += fabs((double)result->box[i]);
    return isfinite(sum) ? RFA_OK
                         : rfa_fail(log, RFA_ERR_FORMAT,
                                    "the model's answer is not finite: 'refatom verify' checks the model; prepared "
                                    "pixels must be normalised numbers");
}

const char *rfa_cli_bytes(char text[16], size_t bytes)
{
    static const char *const unit[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double value = (double)bytes;
    int i = 0;
    for (; value >= 1024 && i < 4; i++)
        value /= 1024;
    snprintf(text, 16, i ? "%.1f %s" : "%.0f %s", value, unit[i]);
    return text;
}

void rfa_cli_json_string(FILE *out, const char *text, size_t length)
{
    fputc('"', out);
    for (size_t i = 0, bytes; i < length; i += bytes) {
        uint32_t c;
        bytes = rfa_utf8_decode(&c, text + i, length - i);
        if (bytes == 0) {
            fputs("\\ufffd", out);
            bytes = 1;
        } else if (c == '"' || c == '\\') {
            fprintf(out, "\\%c", (int)c);
        } else if (c < 0x20 || c == 0x7f) {
            fprintf(out, "\\u%04x", (unsigned)c);
        } else {
            fwrite(text + i, 1, bytes, out);
        }
    }
    fputc('"', out);
}

/* A whole model on random pixels and words: times of ops and stages, of what a user waits for, opening, memory. Time
 * does not depend on the values, so nothing is lost by their being random. */
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "ceiling.h"
#include "timing.h"

enum {
    WORDS = 20,
    MAX_CLIPS = 20,
    MAX_TRIES = 50,
    MAX_OPS = 64,
    STEP_RUNS = 5,
    CAMERA_WIDTH = 1280,
    CAMERA_HEIGHT = 720
};

struct run {
    const struct rfa_bench_options *options;
    struct rfa_options session_options;
    rfa_model *model;
    rfa_session *session;
    struct rfa_model_info info;
    float *pixels, *key;
    unsigned char *camera;
    int32_t ids[WORDS];
    size_t sentence, keywords;
    struct rfa_plan_info plan;
    const struct rfa_loop_row *loop;
    double ceiling, open_seconds, init_seconds;
    double *samples;
    double *step_seconds; /* [steps][STEP_RUNS] */
};

/* Sums over the steps of one stage and op, of a network within a stage ("vit.*"), or of a whole stage ("total"). */
struct op_sum {
    const char *stage;
    char op[16];
    double seconds, macs, weight_bytes;
    int steps;
};

/* ------------------------------------------------------------------ work */

static float *random_floats(size_t count)
{
    uint32_t state = 521288629u;
    float *x = malloc(count * sizeof *x);
    for (size_t i = 0; x && i < count; i++) {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        x[i] = 1.8f * (float)(int32_t)state * 0x1p-31f;
    }
    return x;
}

static enum rfa_status encode_clip(struct run *r)
{
    size_t frame = 3 * (size_t)r->info.image_size * r->info.image_size;
    uint32_t group = r->session_options.frame_group;
    for (uint32_t i = 0; i < r->info.frames; i += group) {
        uint32_t count = r->info.frames - i < group ? r->info.frames - i : group;
        enum rfa_status status = rfa_encode_frame_pixels(r->session, i, r->pixels + i * frame, count);
        if (status != RFA_OK)
            return status;
    }
    return rfa_encode_scene_pixels(r->session, r->key);
}

static enum rfa_status encode_words(struct run *r)
{
    return rfa_encode_ids(r->session, r->ids, r->sentence, r->ids, r->keywords);
}

static enum rfa_status whole_clip(struct run *r)
{
    struct rfa_result result;
    enum rfa_status status = encode_clip(r);
    status = status == RFA_OK ? encode_words(r) : status;
    return status == RFA_OK ? rfa_answer(r->session, &result) : status;
}

static enum rfa_status second_caption(struct run *r)
{
    struct rfa_result result;
    enum rfa_status status = encode_words(r);
    return status == RFA_OK ? rfa_answer(r->session, &result) : status;
}

/* From a camera's picture, so with its resize. */
static enum rfa_status new_frame(struct run *r)
{
    struct rfa_result result;
    struct rfa_image image = {r->camera, CAMERA_WIDTH, CAMERA_HEIGHT, 3 * CAMERA_WIDTH};
    enum rfa_status status = rfa_push_frame(r->session, &image);
    return status == RFA_OK ? rfa_answer(r->session, &result) : status;
}

static enum rfa_status only_answer(struct run *r)
{
    struct rfa_result result;
    return rfa_answer(r->session, &result);
}

/* Until `seconds` have passed, at most `most` times, at least once. Sorted samples in r->samples. */
static enum rfa_status repeat(struct run *r, enum rfa_status (*what)(struct run *), double seconds, size_t most,
                              size_t *count)
{
    double end = rfa_bench_now() + seconds;
    *count = 0;
    do {
        double start = rfa_bench_now();
        enum rfa_status status = what(r);
        if (status != RFA_OK)
            return status;
        r->samples[(*count)++] = rfa_bench_now() - start;
    } while (*count < most && rfa_bench_now() < end);
    rfa_bench_sort(r->samples, *count);
    return RFA_OK;
}

/* ------------------------------------------------------------------ set-up */

/* Bytes of this process that no file backs; 0 where the system does not say. */
static size_t anonymous_bytes(void)
{
    char line[128];
    size_t kib = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "RssAnon: %zu kB", &kib) == 1)
            break;
    if (file)
        fclose(file);
    return kib * 1024;
}

static enum rfa_status open_run(struct run *r, const char *path)
{
    double start = rfa_bench_now();
    enum rfa_status status = rfa_model_open(&r->model, path, &r->session_options.log);
    r->open_seconds = rfa_bench_now() - start;
    if (status != RFA_OK)
        return status;
    rfa_model_get_info(&r->info, r->model);
    if (r->session_options.frame_group > r->info.frames)
        r->session_options.frame_group = r->info.frames;
    start = rfa_bench_now();
    status = rfa_session_create(&r->session, r->model, &r->session_options);
    r->init_seconds = rfa_bench_now() - start;
    if (status == RFA_OK)
        status = rfa_session_plan(&r->plan, r->session);
    return status;
}

static bool open_inputs(struct run *r)
{
    size_t side = r->info.image_size, most = (size_t)r->options->answers;
    r->sentence = r->info.sentence_limit < WORDS ? r->info.sentence_limit : WORDS;
    r->keywords = r->info.keyword_limit < WORDS ? r->info.keyword_limit : WORDS;
    for (int i = 0; i < WORDS; i++)
        r->ids[i] = 1 + i;
    r->pixels = random_floats(r->info.frames * 3 * side * side);
    r->key = random_floats(3 * (size_t)r->info.key_height * r->info.key_width);
    r->camera = malloc(3 * (size_t)CAMERA_WIDTH * CAMERA_HEIGHT);
    for (size_t i = 0; r->camera && i < 3 * (size_t)CAMERA_WIDTH * CAMERA_HEIGHT; i++)
        r->camera[i] = (unsigned char)(i * 2654435761u >> 24);
    r->samples = malloc((most > MAX_TRIES ? most : MAX_TRIES) * sizeof *r->samples);
    r->step_seconds = calloc((size_t)r->plan.steps * STEP_RUNS, sizeof *r->step_seconds);
    return r->pixels && r->key && r->camera && r->samples && r->step_seconds;
}

static void measure_ceiling(struct run *r)
{
    struct rfa_team team = {.threads = r->session_options.threads};
    const char *tier = rfa_cpu_tier(r->session_options.cpu_mask);
    r->loop = rfa_loop_find(strcmp(r->info.weights, "int8") == 0 ? "int8" : "fma", tier);
    double rate = r->loop ? rfa_ceiling_compute(r->loop->loop, &team, 20) : 0;
    r->ceiling = rate > r->ceiling ? rate : r->ceiling;
}

static void close_run(struct run *r)
{
    rfa_session_end(&r->session);
    rfa_model_close(&r->model);
    free(r->pixels);
    free(r->key);
    free(r->camera);
    free(r->samples);
    free(r->step_seconds);
}

/* ------------------------------------------------------------------ output */

static double share(const struct run *r, double macs, double seconds)
{
    return r->ceiling > 0 && seconds > 0 ? macs / seconds / r->ceiling : 0;
}

static void print_machine(const struct run *r)
{
    const struct rfa_options *o = &r->session_options;
    const char *what = r->loop ? r->loop->loop->what : "none";
    if (r->options->json) {
        fprintf(r->options->out,
                "{\"model\": {\"weights\": \"%s\", \"weight_bytes\": %zu, \"session_bytes\": %zu, \"open_ns\": %.0f, "
                "\"init_ns\": %.0f}, "
                "\"tier\": \"%s\", \"threads\": %d, \"group\": %u, \"ceiling\": %.6g, \"ceiling_of\": \"%s\"}\n",
                r->info.weights, r->info.weight_bytes, r->plan.session_bytes, r->open_seconds * 1e9,
                r->init_seconds * 1e9, rfa_cpu_tier(o->cpu_mask), o->threads, o->frame_group, r->ceiling, what);
        return;
    }
    fprintf(r->options->out, "%s weights, %.1f MiB; tier %s, %d threads, %u frames together\n", r->info.weights,
            (double)r->info.weight_bytes / 0x1p20, rfa_cpu_tier(o->cpu_mask), o->threads, o->frame_group);
    fprintf(r->options->out, "ceiling       %.1f GMAC/s (%s)\nopen          %.2f ms; session %.2f ms\n",
            r->ceiling * 1e-9, what, r->open_seconds * 1e3, r->init_seconds * 1e3);
    fprintf(r->options->out,
            "session       %.1f MiB; memory of no file %.1f MiB (this program's inputs, %.1f MiB, included)\n",
            (double)r->plan.session_bytes / 0x1p20, (double)anonymous_bytes() / 0x1p20,
            (double)(r->info.frames * 3 * (size_t)r->info.image_size * r->info.image_size * sizeof(float) +
                     3 * (size_t)r->info.key_height * r->info.key_width * sizeof(float) +
                     3 * (size_t)CAMERA_WIDTH * CAMERA_HEIGHT) /
                0x1p20);
}

static void print_waits(const struct run *r, const char *what, size_t count)
{
    const double *s = r->samples;
    double p50 = rfa_bench_quantile(s, count, 0.5), p99 = rfa_bench_quantile(s, count, 0.99),
           p999 = rfa_bench_quantile(s, count, 0.999);
    if (r->options->json)
        fprintf(r->options->out,
                "{\"wait\": \"%s\", \"count\": %zu, \"min_ns\": %.0f, \"p50_ns\": %.0f, \"p99_ns\": %.0f, "
                "\"p99.9_ns\": %.0f, "
                "\"max_ns\": %.0f}\n",
                what, count, s[0] * 1e9, p50 * 1e9, p99 * 1e9, p999 * 1e9, s[count - 1] * 1e9);
    else
        fprintf(r->options->out, "%-18s x %-5zu min %10.3f  p50 %10.3f  p99 %10.3f  p99.9 %10.3f  max %10.3f ms\n",
                what, count, s[0] * 1e3, p50 * 1e3, p99 * 1e3, p999 * 1e3, s[count - 1] * 1e3);
}

static void print_sum(const struct run *r, const struct op_sum *sum)
{
    if (r->options->json)
        fprintf(r->options->out,
                "{\"stage\": \"%s\", \"op\": \"%s\", \"steps\": %d, \"ns\": %.0f, \"work\": %.0f, \"unit\": \"MAC\", "
                "\"weight_bytes\": %.0f, \"share\": %.4f}\n",
                sum->stage, sum->op, sum->steps, sum->seconds * 1e9, sum->macs, sum->weight_bytes,
                share(r, sum->macs, sum->seconds));
    else
        fprintf(r->options->out, "%-8s %-14s %5d %10.3f %12.3f %10.1f %6.1f%% %8.1f\n", sum->stage, sum->op, sum->steps,
                sum->seconds * 1e3, sum->macs * 1e-9, sum->seconds > 0 ? sum->macs / sum->seconds * 1e-9 : 0.0,
                100 * share(r, sum->macs, sum->seconds),
                sum->seconds > 0 ? sum->weight_bytes / sum->seconds * 1e-9 : 0.0);
}

static void add(struct op_sum *sum, const struct rfa_step_info *s)
{
    sum->steps++;
    sum->seconds += s->seconds;
    sum->macs += s->macs;
    sum->weight_bytes += (double)s->weight_bytes;
}

/* Runs one group of frames, one scene, one caption and one answer a few times; every step keeps all its times, sorted.
 */
static enum rfa_status time_steps(struct run *r)
{
    struct rfa_step_info s;
    struct rfa_result result;
    for (int run = 0; run < STEP_RUNS; run++) {
        enum rfa_status status = rfa_encode_frame_pixels(r->session, 0, r->pixels, r->session_options.frame_group);
        status = status == RFA_OK ? rfa_encode_scene_pixels(r->session, r->key) : status;
        status = status == RFA_OK ? encode_words(r) : status;
        status = status == RFA_OK ? rfa_answer(r->session, &result) : status;
        for (int i = 0; status == RFA_OK && i < r->plan.steps; i++) {
            status = rfa_session_step(&s, r->session, i);
            r->step_seconds[i * STEP_RUNS + run] = s.seconds;
        }
        if (status != RFA_OK)
            return status;
    }
    for (int i = 0; i < r->plan.steps; i++)
        rfa_bench_sort(r->step_seconds + i * STEP_RUNS, STEP_RUNS);
    return RFA_OK;
}

/* Step i with the median of its times. */
static bool step(struct rfa_step_info *s, const struct run *r, int i)
{
    if (i >= r->plan.steps || rfa_session_step(s, r->session, i) != RFA_OK)
        return false;
    s->seconds = rfa_bench_quantile(r->step_seconds + i * STEP_RUNS, STEP_RUNS, 0.5);
    return true;
}

static void print_steps(const struct run *r)
{
    struct rfa_step_info s;
    for (int i = 0; step(&s, r, i); i++)
        if (r->options->json)
            fprintf(r->options->out,
                    "{\"step\": \"%s\", \"stage\": \"%s\", \"op\": \"%s\", \"ns\": %.0f, \"work\": %.0f, \"unit\": "
                    "\"MAC\", "
                    "\"weight_bytes\": %zu, \"share\": %.4f}\n",
                    s.name, s.stage, s.op, s.seconds * 1e9, s.macs, s.weight_bytes, share(r, s.macs, s.seconds));
        else
            fprintf(r->options->out, "%-8s %-14s %-28s %10.3f ms %10.1f GMAC/s %6.1f%%\n", s.stage, s.op, s.name,
                    s.seconds * 1e3, s.seconds > 0 ? s.macs / s.seconds * 1e-9 : 0.0,
                    100 * share(r, s.macs, s.seconds));
}

struct op_sums {
    struct op_sum sum[MAX_OPS];
    int count;
};

/* Adds a step to the sum of this name, which is made where there is none yet. */
static void add_to(struct op_sums *sums, const char *op, size_t length, const struct rfa_step_info *s)
{
    int i = 0;
    while (i < sums->count && !(strcmp(sums->sum[i].stage, s->stage) == 0 &&
                                strncmp(sums->sum[i].op, op, length) == 0 && sums->sum[i].op[length] == 0))
        i++;
    if (i == MAX_OPS || length >= sizeof sums->sum[i].op)
        return;
    if (i == sums->count) {
        sums->sum[sums->count++] = (struct op_sum){.stage = s->stage};
        memcpy(sums->sum[i].op, op, length);
    }
    add(&sums->sum[i], s);
}

/* Sums by stage, network and op: of one group of frames, one scene, one caption, one answer. */
static void print_ops(const struct run *r)
{
    struct op_sums sums = {.count = 0};
    struct rfa_step_info s;
    if (!r->options->json)
        fprintf(r->options->out, "\n%-8s %-14s %5s %10s %12s %10s %7s %8s   (vision: one group of frames)\n", "stage",
                "op", "steps", "ms", "GMAC", "GMAC/s", "share", "GB/s");
    for (int i = 0; step(&s, r, i); i++) {
        char network[16];
        int length = snprintf(network, sizeof network, "%.*s.*", (int)strcspn(s.name, "."), s.name);
        add_to(&sums, "total", strlen("total"), &s);
        add_to(&sums, network, (size_t)length, &s);
        add_to(&sums, s.op, strlen(s.op), &s);
    }
    for (int i = 0; i < sums.count; i++)
        print_sum(r, &sums.sum[i]);
}

/* ------------------------------------------------------------------ all */

static enum rfa_status measure(struct run *r)
{
    size_t count;
    measure_ceiling(r);
    enum rfa_status status = whole_clip(r); /* pages in the weights */
    if (status == RFA_OK)
        status = repeat(r, whole_clip, r->options->seconds, MAX_CLIPS, &count);
    if (status != RFA_OK)
        return status;
    measure_ceiling(r);
    print_machine(r);
    print_waits(r, "clip", count);
    if ((status = repeat(r, second_caption, r->options->seconds / 4, MAX_TRIES, &count)) != RFA_OK)
        return status;
    print_waits(r, "second caption", count);
    if ((status = repeat(r, only_answer, 60, (size_t)r->options->answers, &count)) != RFA_OK)
        return status;
    print_waits(r, "answer", count);
    if ((status = time_steps(r)) != RFA_OK)
        return status;
    print_ops(r);
    if (r->options->steps)
        print_steps(r);
    if ((status = repeat(r, new_frame, r->options->seconds / 4, MAX_TRIES, &count)) != RFA_OK)
        return status;
    print_waits(r, "new frame", count);
    return RFA_OK;
}

bool rfa_bench_model(const struct rfa_bench_options *options, const char *path)
{
    struct run r = {.options = options, .session_options = options->session};
    enum rfa_status status = open_run(&r, path);
    if (status == RFA_OK && !open_inputs(&r)) {
        fputs("refatom: bench: out of memory\n", stderr);
        status = RFA_ERR_NOMEM;
    }
    if (status == RFA_OK)
        status = measure(&r);
    close_run(&r);
    return status == RFA_OK;
}

/* refatom run: one clip, one caption (or prepared inputs) -> the answer. */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "clock.h"
#include "draw_answer.h"
#include "output.h"
#include "score.h"
#include "source.h"
#include "trace.h"

enum { TOP = 5 };

static const double WINDOW = 3.0; /* seconds around --at: the dataset's */

struct job {
    const char *model_path, *annotate, *trace_path;
    bool json;
    struct rfa_cli_source source;
    struct rfa_cli_session session;
};

struct run {
    struct job job;
    rfa_model *model;
    rfa_session *session;
    struct rfa_model_info info;
    struct rfa_options options;
    struct rfa_trace_file *trace;
    struct rfa_result result;
    double started, encoded;
};

static const char help[] =
    "refatom run MODEL --video FILE --caption TEXT [options]\n"
    "refatom run MODEL --inputs CASE.gguf [options]\n\n"
    "Answers what the person that the caption describes is doing (probabilities of all actions; several may hold\n"
    "at once), and where (a box).\n\n"
    "  --video FILE       anything FFmpeg reads, or a folder or glob of pictures\n"
    "  --caption TEXT     who is meant, in English: \"the woman in the red coat by the door\"\n"
    "  --at SECONDS       look at the 3 seconds around this moment; default: the whole video\n"
    "  --inputs CASE      skip video and text: frames, key_frame, sentence_ids, keyword_ids from a GGUF file\n"
    "  --json             print the answer as one JSON object\n"
    "  --annotate OUT     write the key frame with the answer drawn in, OUT.jpg, or the video, OUT.mp4; pixels become "
    "square\n"
    "  --trace OUT.gguf   write the inputs and every intermediate tensor\n"
    "  --threads N        default auto: one for each processor of --affinity\n"
    "  --cache KIB        second-level cache of a core, for the size of tasks; default: what the system tells\n"
    "  --affinity CORES   processors to work on: big (default: the fast ones where they differ), all, or a list, "
    "0-3,6\n"
    "  --cpu TIER         use no faster kernels than those of a tier that 'refatom info --cpu' lists; default auto\n"
    "  --group N          frames that pass through the vision encoder together, default 2: more is faster and larger\n"
    "  --device NAME      cpu or cuda; default cpu. --fallback: the CPU where the device is missing or refuses\n"
    "  --prefetch         start reading the whole model from the disk at once; --lock: and keep it in memory\n"
    "  --low-memory       give weights back to the system as soon as they are used: for models larger than the memory\n"
    "  --blas             float models: large products by OpenBLAS (results then vary from machine to machine)\n";

static int parse(struct job *job, int argc, char **argv)
{
    const struct rfa_cli_option options[] = {
        {"--json", NULL, &job->json},           {"--annotate", &job->annotate, NULL},
        {"--trace", &job->trace_path, NULL},    RFA_CLI_SOURCE_OPTIONS(&job->source),
        RFA_CLI_SESSION_OPTIONS(&job->session),
    };
    if (rfa_cli_parse(argc, argv, options, sizeof options / sizeof options[0], &job->model_path, 1) < 0)
        return EXIT_USAGE;
    if (!job->model_path)
        job->source = (struct rfa_cli_source){.video = NULL}; /* the same message */
    if (!rfa_cli_source_check(&job->source, "run"))
        return EXIT_USAGE;
    if (job->annotate && !job->source.video) {
        fputs("refatom: --annotate needs --video: prepared inputs have no picture\n", stderr);
        return EXIT_USAGE;
    }
    const char *const read[] = {job->model_path, job->source.video, job->source.inputs};
    if (!rfa_output_is_no_input(job->annotate, read, 3) || !rfa_output_is_no_input(job->trace_path, read, 3))
        return EXIT_USAGE;
    return rfa_annotate_check(job->annotate, true) ? EXIT_DONE : EXIT_USAGE;
}

/* ------------------------------------------------------------------ work */

static enum rfa_status open_session(struct run *r)
{
    if (r->job.trace_path) {
        r->trace = rfa_trace_file_new();
        if (!r->trace) {
            fputs("refatom: no memory for the trace; close other programs\n", stderr);
            return RFA_ERR_NOMEM;
        }
        r->options.trace = rfa_trace_file_add;
        r->options.trace_user = r->trace;
    }
    return rfa_cli_create_session(&r->session, r->model, &r->options, &r->job.session);
}

static enum rfa_status answer(struct run *r)
{
    enum rfa_status status = rfa_cli_open_model(&r->model, r->job.model_path, &r->job.session);
    if (status != RFA_OK)
        return status;
    rfa_model_get_info(&r->info, r->model);
    status = rfa_cli_source_open(&r->job.source, r->model, &r->options);
    if (status != RFA_OK || (status = open_session(r)) != RFA_OK)
        return status;
    r->started = rfa_now();
    status = rfa_cli_source_encode(&r->job.source, r->session, r->model, &r->options);
    if (status == RFA_OK)
        status = rfa_answer(r->session, &r->result);
    r->encoded = rfa_now();
    rfa_cli_progress("");
    if (status == RFA_OK && r->trace)
        status = rfa_trace_file_write(r->trace, r->job.trace_path, &r->options.log);
    return status != RFA_OK ? status : rfa_cli_check_answer(&r->result, &r->options.log);
}

/* ------------------------------------------------------------------ output */

static void print_text(const struct run *r)
{
    const struct rfa_clip *clip = r->job.source.clip;
    const float *box = r->result.box;
    uint32_t top[TOP], count = rfa_top_actions(top, TOP, r->result.probabilities, r->result.actions);
    for (uint32_t i = 0; i < count; i++) {
        size_t length;
        const char *label = rfa_model_label(&length, r->model, top[i]);
        printf("%5.1f %%  %.*s\n", 100.0 * (double)r->result.probabilities[top[i]], (int)length, label ? label : "");
    }
    printf("box      %.4f %.4f %.4f %.4f   (x1 y1 x2 y2, shares of width and height)\n", (double)box[0], (double)box[1],
           (double)box[2], (double)box[3]);
    if (clip)
        printf("pixels   %.0f %.0f %.0f %.0f   in the key frame of %d x %d at %.2f s\n", (double)box[0] * clip->width,
               (double)box[1] * clip->height, (double)box[2] * clip->width, (double)box[3] * clip->height, clip->width,
               clip->height, clip->key_shown.seconds);
    struct rfa_device_info device;
    rfa_session_device(&device, r->session);
    printf("time     %.3f s, %d threads, %s, %s weights\n", r->encoded - r->started, r->options.threads, device.name,
           r->info.weights);
}

static void print_json(const struct run *r)
{
    const struct rfa_clip *clip = r->job.source.clip;
    const struct rfa_result *a = &r->result;
    struct rfa_device_info device;
    rfa_session_device(&device, r->session);
    printf("{\"box\": [%.9g, %.9g, %.9g, %.9g], \"actions\": [", (double)a->box[0], (double)a->box[1],
           (double)a->box[2], (double)a->box[3]);
    for (uint32_t i = 0; i < a->actions; i++) {
        size_t length;
        const char *label = rfa_model_label(&length, r->model, i);
        printf("%s{\"id\": %u, \"label\": ", i ? ", " : "", i + 1);
        rfa_cli_json_string(stdout, label ? label : "", length);
        printf(", \"probability\": %.9g, \"logit\": %.9g}", (double)a->probabilities[i], (double)a->logits[i]);
    }
    printf("], \"seconds\": %.6f, \"threads\": %d, \"tier\": \"%s\", \"device\": \"%s\", \"weights\": \"%s\", "
           "\"blas\": %s",
           r->encoded - r->started, r->options.threads, rfa_cpu_tier(r->options.cpu_mask), device.device,
           r->info.weights, r->options.blas ? "true" : "false");
    if (clip) {
        printf(", \"width\": %d, \"height\": %d, \"key_frame\": %lld, \"frames\": [", clip->width, clip->height,
               (long long)clip->key_shown.index);
        for (int i = 0; i < clip->frames; i++)
            printf("%s%lld", i ? ", " : "", (long long)clip->shown[i].index);
        printf("], \"complete\": %s, \"damaged_packets\": %lld", clip->cut_short ? "false" : "true",
               (long long)clip->damaged);
    }
    printf("}\n");
}

/* Views of labels become strings for drawing; too long ones are cut. */
static enum rfa_status annotate(const struct run *r)
{
    const struct rfa_cli_source *source = &r->job.source;
    char text[TOP][96], note[160];
    const char *labels[TOP];
    float probabilities[TOP];
    uint32_t top[TOP], count = rfa_top_actions(top, TOP, r->result.probabilities, r->result.actions);
    for (uint32_t i = 0; i < count; i++) {
        size_t length;
        const char *label = rfa_model_label(&length, r->model, top[i]);
        snprintf(text[i], sizeof text[i], "%.*s", (int)length, label ? label : "");
        labels[i] = text[i];
        probabilities[i] = r->result.probabilities[top[i]];
    }
    const char *slash = strrchr(source->video, '/');
    snprintf(note, sizeof note, "%.100s at %.1f s", slash && slash[1] ? slash + 1 : source->video,
             source->clip->key_shown.seconds);
    struct rfa_annotation answer = {.box = r->result.box,
                                    .caption = source->caption,
                                    .labels = labels,
                                    .probabilities = probabilities,
                                    .count = (int)count,
                                    .note = note,
                                    .pixel_aspect = source->clip->pixel_aspect};
    if (rfa_annotate_is_picture(r->job.annotate))
        return rfa_annotate_picture(r->job.annotate, &source->clip->key, &answer, &r->options.log);
    double start = source->at_seconds > WINDOW / 2 ? source->at_seconds - WINDOW / 2 : 0;
    return rfa_annotate_video(r->job.annotate, source->video, start, source->at ? WINDOW : 0, &answer, &r->options.log);
}

static int run(int argc, char **argv)
{
    struct run r = {.job = {.model_path = NULL}};
    int status = parse(&r.job, argc, argv);
    if (status != EXIT_DONE)
        return status;
    if (!rfa_cli_session_options(&r.options, &r.job.session))
        return EXIT_USAGE;
    status = answer(&r) == RFA_OK ? EXIT_DONE : EXIT_FAILED;
    if (status == EXIT_DONE && r.job.annotate && annotate(&r) != RFA_OK)
        status = EXIT_FAILED;
    if (status == EXIT_DONE && r.job.json)
        print_json(&r);
    else if (status == EXIT_DONE)
        print_text(&r);
    rfa_session_end(&r.session);
    rfa_model_close(&r.model);
    rfa_cli_source_close(&r.job.source);
    rfa_trace_file_free(r.trace);
    return status;
}

const struct rfa_command rfa_cmd_run = {"run", "answer one caption on one video", help, run};

/* refatom live: a camera or video, one caption -> an answer for every new sampled frame. */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "clock.h"
#include "draw_answer.h"
#include "output.h"
#include "score.h"
#include "source.h"

enum { TOP = 3, LABEL_BYTES = 96 };

/* The dataset's frames lie 89/7 thirtieths of a second apart. */
static const double SPACING = 89.0 / 7 / 30;

struct job {
    const char *model_path, *video, *caption, *every, *scene, *annotate;
    bool json;
    struct rfa_cli_session session;
};

struct live {
    struct job job;
    struct rfa_options options;
    rfa_model *model;
    rfa_session *session;
    struct rfa_model_info info;
    struct rfa_media_stream *stream;
    struct rfa_stream_info stream_info;
    struct rfa_output output;
    struct rfa_log output_log;
    struct rfa_media_writer *writer;
    struct rfa_picture *recent; /* the last sampled frames, [keep]; number i at i % keep */
    long keep;                  /* from the key frame, the middle of the clip, to the newest */
    long every, scene_every;
    long read, pushed, answered;
    struct rfa_result result; /* valid where answered > 0, until the session's next call */
    float box[4], probability[TOP];
    char label[TOP][LABEL_BYTES];
    double seconds, took;
};

static const char help[] =
    "refatom live MODEL --video FILE|/dev/video0 --caption TEXT [options]\n\n"
    "Follows a camera, a network stream or a video, and answers anew with every frame that it samples: the last frames "
    "of the\n"
    "model's clip are kept, the oldest is dropped, only the new one is encoded. The first answer comes when the clip "
    "is full.\n"
    "The box is that in the key frame, the middle of the clip, as the model was trained. Ctrl-C ends it, a second one "
    "at once.\n\n"
    "  --video SOURCE     anything FFmpeg reads, a camera (in builds with libavdevice), or a folder of pictures\n"
    "  --caption TEXT     who is meant, in English\n"
    "  --every N          sample every N-th frame; default: as far apart as in the dataset, 0.42 s\n"
    "  --scene K          look for persons again with every K-th sampled frame, default 4: less is faster, more "
    "follows better\n"
    "  --json             one JSON object a line and answer; default: a line, refreshed in place on a terminal\n"
    "  --annotate OUT.mp4 write all frames with the latest answer drawn in\n"
    "  --threads N  --affinity CORES  --cache KIB  --cpu TIER  --group N  --device NAME  --fallback  --prefetch  "
    "--lock  --low-memory  --blas   as "
    "in\n"
    "  'refatom run'\n";

static volatile sig_atomic_t interrupted;

/* The second one ends the program at once: the first may wait for a frame that does not come. */
static void on_interrupt(int number)
{
    (void)number;
    interrupted = 1;
    rfa_output_end_by(SIGINT);
    rfa_output_end_by(SIGTERM);
}

static int parse(struct live *l, int argc, char **argv)
{
    struct job *job = &l->job;
    const struct rfa_cli_option options[] = {
        {"--video", &job->video, NULL},         {"--caption", &job->caption, NULL},   {"--every", &job->every, NULL},
        {"--scene", &job->scene, NULL},         {"--annotate", &job->annotate, NULL}, {"--json", NULL, &job->json},
        RFA_CLI_SESSION_OPTIONS(&job->session),
    };
    if (rfa_cli_parse(argc, argv, options, sizeof options / sizeof options[0], &job->model_path, 1) < 0)
        return EXIT_USAGE;
    if (!job->model_path || !job->video || !job->caption) {
        fputs("refatom: live wants MODEL, --video and --caption; see 'refatom live --help'\n", stderr);
        return EXIT_USAGE;
    }
    if (!rfa_cli_question_check(job->video, job->caption))
        return EXIT_USAGE;
    if (!rfa_output_is_no_input(job->annotate, (const char *const[]){job->model_path, job->video}, 2))
        return EXIT_USAGE;
    if (!rfa_annotate_check(job->annotate, false))
        return EXIT_USAGE;
    l->scene_every = 4;
    if (job->every && !rfa_cli_number(&l->every, "--every", job->every, 1, 100000))
        return EXIT_USAGE;
    if (job->scene && !rfa_cli_number(&l->scene_every, "--scene", job->scene, 1, 100000))
        return EXIT_USAGE;
    return rfa_cli_session_options(&l->options, &job->session) ? EXIT_DONE : EXIT_USAGE;
}

/* ------------------------------------------------------------------ set-up */

static enum rfa_status prepare(struct live *l)
{
    RFA_TRY(rfa_cli_open_model(&l->model, l->job.model_path, &l->job.session));
    rfa_model_get_info(&l->info, l->model);
    RFA_TRY(rfa_media_stream_open(&l->stream, l->job.video, NULL, &rfa_cli_log));
    rfa_media_stream_describe(l->stream, &l->stream_info);
    double rate = l->stream_info.frames_per_second;
    if (l->every == 0)
        l->every = rate > 0 ? (long)fmax(1, floor(rate * SPACING)) : 12;
    l->keep = (long)(l->info.frames - l->info.frames / 2);
    l->recent = calloc((size_t)l->keep, sizeof *l->recent);
    if (!l->recent)
        return rfa_fail(&rfa_cli_log, RFA_ERR_NOMEM, "no memory for the last frames; close other programs");
    l->options.frame_group = 1;
    int side = l->stream_info.width > l->stream_info.height ? l->stream_info.width : l->stream_info.height;
    if (side > l->options.max_image_side) /* the default leaves room for streams that change their size */
        l->options.max_image_side = side;
    RFA_TRY(rfa_cli_create_session(&l->session, l->model, &l->options, &l->job.session));
    return rfa_encode_caption(l->session, l->job.caption, strlen(l->job.caption));
}

/* ------------------------------------------------------------------ one sampled frame */

/* Copies the frame over the oldest of the recent ones. */
static enum rfa_status remember(struct live *l, const struct rfa_image *frame)
{
    struct rfa_picture *p = &l->recent[l->pushed % l->keep];
    size_t row = (size_t)frame->width * 3;
    if (p->width != frame->width || p->height != frame->height) {
        rfa_picture_free(p);
        p->rgb = malloc(row * (size_t)frame->height);
        if (!p->rgb)
            return rfa_fail(&rfa_cli_log, RFA_ERR_NOMEM, "no memory for a frame of %d x %d; use a smaller picture",
                            frame->width, frame->height);
        p->width = frame->width;
        p->height = frame->height;
    }
    for (int y = 0; y < frame->height; y++)
        memcpy(p->rgb + (size_t)y * row, frame->rgb + y * frame->stride, row);
    return RFA_OK;
}

/* The results are copied: they belong to the session only until its next call. */
static void keep_answer(struct live *l)
{
    uint32_t top[TOP], count = rfa_top_actions(top, TOP, l->result.probabilities, l->result.actions);
    memcpy(l->box, l->result.box, sizeof l->box);
    for (uint32_t i = 0; i < count; i++) {
        size_t length;
        const char *label = rfa_model_label(&length, l->model, top[i]);
        snprintf(l->label[i], LABEL_BYTES, "%.*s", (int)length, label ? label : "");
        l->probability[i] = l->result.probabilities[top[i]];
    }
    l->answered++;
}

static enum rfa_status push(struct live *l, const struct rfa_image *frame)
{
    double started = rfa_now();
    RFA_TRY(remember(l, frame));
    RFA_TRY(rfa_push_frame(l->session, frame));
    l->pushed++;
    if (l->pushed < (long)l->info.frames)
        return RFA_OK;
    if ((l->pushed - (long)l->info.frames) % l->scene_every == 0) {
        struct rfa_image key = rfa_picture_image(&l->recent[l->pushed % l->keep]); /* the oldest that is kept */
        RFA_TRY(rfa_encode_scene(l->session, &key));
    }
    RFA_TRY(rfa_answer(l->session, &l->result));
    RFA_TRY(rfa_cli_check_answer(&l->result, &l->options.log));
    keep_answer(l);
    l->took = rfa_now() - started;
    return RFA_OK;
}

/* ------------------------------------------------------------------ output */

static void print_json(const struct live *l)
{
    printf("{\"seconds\": %.3f, \"frame\": %ld, \"box\": [%.6g, %.6g, %.6g, %.6g], \"actions\": [", l->seconds,
           l->read - 1, (double)l->box[0], (double)l->box[1], (double)l->box[2], (double)l->box[3]);
    for (int i = 0; i < TOP && l->label[i][0]; i++) {
        printf("%s{\"label\": ", i ? ", " : "");
        rfa_cli_json_string(stdout, l->label[i], strlen(l->label[i]));
        printf(", \"probability\": %.6g}", (double)l->probability[i]);
    }
    printf("], \"took\": %.4f}\n", l->took);
}

static void print_answer(const struct live *l)
{
    bool terminal = isatty(STDOUT_FILENO);
    if (l->job.json) {
        print_json(l);
    } else {
        printf("%s%8.2f s", terminal ? "\r\033[K" : "", l->seconds);
        for (int i = 0; i < TOP && l->label[i][0]; i++)
            printf("  %3.0f %% %s", 100 * (double)l->probability[i], l->label[i]);
        printf("  box %.2f %.2f %.2f %.2f  (%.0f ms)%s", (double)l->box[0], (double)l->box[1], (double)l->box[2],
               (double)l->box[3], 1e3 * l->took, terminal ? "" : "\n");
    }
    fflush(stdout);
}

/* Before the first answer the panel is empty, so that all frames come out equally large. */
static enum rfa_status draw(struct live *l, const struct rfa_image *frame)
{
    static const char *const none[TOP] = {"", "", ""};
    static const float zero[TOP] = {0};
    const char *labels[TOP];
    char note[64];
    struct rfa_picture picture;
    for (int i = 0; i < TOP; i++)
        labels[i] = l->label[i];
    snprintf(note, sizeof note, "%.1f s", l->seconds);
    struct rfa_annotation answer = {.box = l->answered ? l->box : NULL,
                                    .caption = l->job.caption,
                                    .labels = l->answered ? labels : none,
                                    .probabilities = l->answered ? l->probability : zero,
                                    .count = TOP,
                                    .note = note,
                                    .pixel_aspect = l->stream_info.pixel_aspect};
    RFA_TRY(rfa_media_annotate(&picture, frame, &answer, &rfa_cli_log));
    struct rfa_image image = rfa_picture_image(&picture);
    double rate = l->stream_info.frames_per_second > 0 ? l->stream_info.frames_per_second : 30;
    enum rfa_status status = RFA_OK;
    if (!l->writer) {
        status = rfa_output_begin(&l->output, l->job.annotate, &rfa_cli_log);
        l->output_log = rfa_output_log(&l->output);
    }
    if (!l->writer && status == RFA_OK)
        status = rfa_media_writer_open(&l->writer, rfa_output_name(&l->output), image.width, image.height, rate,
                                       &l->output_log);
    if (status == RFA_OK)
        status = rfa_media_writer_add(l->writer, &image, l->seconds);
    rfa_picture_free(&picture);
    return status;
}

static enum rfa_status follow(struct live *l)
{
    while (!interrupted) {
        struct rfa_image frame;
        RFA_TRY(rfa_media_stream_next(l->stream, &frame, &l->seconds));
        if (!frame.rgb)
            break;
        if (l->read++ % l->every == 0) {
            long before = l->answered;
            RFA_TRY(push(l, &frame));
            if (l->answered > before)
                print_answer(l);
        }
        if (l->job.annotate)
            RFA_TRY(draw(l, &frame));
    }
    if (l->answered > 0 || interrupted)
        return RFA_OK;
    return rfa_fail(&rfa_cli_log, RFA_ERR_ARG, "%s: ends after %ld sampled frames, the model wants %u; %s'refatom run'",
                    l->job.video, l->pushed, l->info.frames,
                    l->read >= (long)l->info.frames ? "give a smaller --every, or use " : "use ");
}

static int run(int argc, char **argv)
{
    struct live l = {.job = {.model_path = NULL}};
    int parsed = parse(&l, argc, argv);
    if (parsed != EXIT_DONE)
        return parsed;
    enum rfa_status status = prepare(&l);
    rfa_output_handle(SIGINT, on_interrupt, SA_RESTART);
    rfa_output_handle(SIGTERM, on_interrupt, SA_RESTART);
    if (status == RFA_OK)
        status = follow(&l);
    if (l.answered && !l.job.json && isatty(STDOUT_FILENO))
        fputs("\n", stdout);
    enum rfa_status closed = rfa_media_writer_close(&l.writer);
    if (closed == RFA_OK && l.answered == 0 &&
        !interrupted) /* a recording with answers stays, also where its source failed */
        closed = status;
    closed = rfa_output_end(&l.output, closed);
    rfa_media_stream_close(&l.stream);
    rfa_session_end(&l.session);
    rfa_model_close(&l.model);
    for (long i = 0; l.recent && i < l.keep; i++)
        rfa_picture_free(&l.recent[i]);
    free(l.recent);
    return status == RFA_OK && closed == RFA_OK ? EXIT_DONE : EXIT_FAILED;
}

const struct rfa_command rfa_cmd_live = {"live", "follow a camera or video with one caption", help, run};

/* refatom eval: annotated clips -> answers, one line a sample, and their scores. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "clock.h"
#include "media.h"
#include "score.h"
#include "source.h"

enum { MAX_LISTED = 10 };

static const char *const SAMPLINGS[] = {"spread", "first", "demo", "still"};

struct job {
    const char *model_path, *annotations, *videos, *results, *shard, *first_second;
    bool still, retry, json;
    long part, parts; /* of --shard, part from 1 */
    double first;
    struct rfa_cli_session session;
};

/* The samples of one clip: order[first] ... order[first+count-1]. */
struct clip {
    size_t first, count;
    size_t place; /* of the first of them in the annotations */
};

struct eval {
    struct job job;
    struct rfa_options options;
    rfa_model *model;
    rfa_session *session;
    struct rfa_model_info info;
    struct rfa_results_run run;
    char shard[48];
    struct rfa_samples samples;      /* the annotations */
    struct rfa_samples done;         /* what the results held at the beginning */
    const struct rfa_sample **order; /* clip by clip */
    struct clip *clips;
    size_t clip_count;
    FILE *out;
    char message[1024];      /* the last failure */
    int listed, noted;       /* failures and notices on the screen */
    size_t answered, failed; /* samples of this run */
    size_t clips_done, clips_left;
    double started;
};

static const char help[] =
    "refatom eval MODEL --annotations FILE.jsonl --videos DIR -o RESULTS.jsonl [options]\n\n"
    "Asks the model every question of a test set, writes one line of JSON a sample, and prints the scores (see "
    "'refatom score').\n"
    "A video is encoded once for all its captions. If RESULTS exists already, what it holds is kept and the rest is "
    "computed: after\n"
    "an interruption, give the same command again. Clips that cannot be read are listed and counted, and do not stop "
    "it.\n\n"
    "  --annotations FILE  one JSON object a line:\n"
    "                        \"caption\"  who is meant\n"
    "                        \"box\"      [x1, y1, x2, y2], shares of width and height\n"
    "                        \"labels\"   [12, 80], AVA's action ids from 1\n"
    "                        \"video\"    file or folder below DIR, its ending may be left out; \"at\": seconds to the "
    "key frame,\n"
    "                                   or \"second\": the label's time as AVA counts it, or neither: the whole video\n"
    "                        \"key\"      VIDEO___SECOND___PERSON may stand for \"video\" and \"second\"\n"
    "                      models/convert/annotations.py makes it from the original pickled dictionaries\n"
    "  --videos DIR        movies, clips, or a folder a movie with its frames at 30 a second\n"
    "  --first-second S    \"second\" of a video's first frame: default 900, clips and frames that begin at AVA's "
    "minute 15;\n"
    "                      0 for whole movies\n"
    "  -o RESULTS          written line by line\n"
    "  --shard I/N         only every N-th clip, from the I-th on: for N machines or array jobs. Give each its own "
    "RESULTS:\n"
    "                        parallel refatom eval M --annotations A --videos D -o r{}.jsonl --shard {}/4 ::: 1 2 3 4\n"
    "                        refatom score r?.jsonl\n"
    "                        srun/sbatch --array=1-4: --shard $SLURM_ARRAY_TASK_ID/4 -o r$SLURM_ARRAY_TASK_ID.jsonl\n"
    "  --still             one still picture instead of frames, the window's first, as the dataset's released loader "
    "has it;\n"
    "                      default: the sampling that the model file asks for\n"
    "  --retry             try again what had no answer in RESULTS\n"
    "  --json              print the scores as one JSON object\n"
    "  --threads N  --affinity CORES  --cache KIB  --cpu TIER  --group N  --device NAME  --fallback  --prefetch  "
    "--lock  --low-memory  --blas   as "
    "in\n"
    "  'refatom run'\n\n"
    "Exit status: 0 done, even if some clips could not be read; 1 the work failed or nothing could be answered; 2 "
    "wrong usage.\n";

/* ------------------------------------------------------------------ options */

static bool parse_shard(struct job *job)
{
    char *slash, *end;
    job->part = job->parts = 1;
    if (!job->shard)
        return true;
    job->part = strtol(job->shard, &slash, 10);
    if (slash != job->shard && *slash == '/') {
        job->parts = strtol(slash + 1, &end, 10);
        if (end != slash + 1 && *end == 0 && job->parts <= 1000000 && job->part >= 1 && job->part <= job->parts)
            return true;
    }
    fprintf(stderr, "refatom: --shard: '%s' is not I/N with I from 1 to N\n", job->shard);
    return false;
}

static int parse(struct job *job, int argc, char **argv)
{
    const struct rfa_cli_option options[] = {
        {"--annotations", &job->annotations, NULL},
        {"--videos", &job->videos, NULL},
        {"-o", &job->results, NULL},
        {"--shard", &job->shard, NULL},
        {"--first-second", &job->first_second, NULL},
        {"--still", NULL, &job->still},
        {"--retry", NULL, &job->retry},
        {"--resume", NULL, &(bool){false}}, /* what it does anyway */
        {"--json", NULL, &job->json},
        RFA_CLI_SESSION_OPTIONS(&job->session),
    };
    if (rfa_cli_parse(argc, argv, options, sizeof options / sizeof options[0], &job->model_path, 1) < 0)
        return EXIT_USAGE;
    if (!job->model_path || !job->annotations || !job->videos || !job->results) {
        fputs("refatom: eval wants MODEL, --annotations, --videos and -o; see 'refatom eval --help'\n", stderr);
        return EXIT_USAGE;
    }
    job->first = 900;
    if (!parse_shard(job) || (job->first_second && !rfa_cli_real(&job->first, "--first-second", job->first_second)))
        return EXIT_USAGE;
    return rfa_cli_is_folder("--videos", job->videos) ? EXIT_DONE : EXIT_FAILED;
}

/* ------------------------------------------------------------------ clips */

static int same_clip(const struct rfa_sample *a, const struct rfa_sample *b)
{
    int order = strcmp(a->video, b->video);
    if (order || (isnan(a->at) && isnan(b->at)))
        return order;
    if (isnan(a->at) || isnan(b->at))
        return isnan(a->at) ? -1 : 1;
    return (a->at > b->at) - (a->at < b->at);
}

static int by_clip(const void *a, const void *b)
{
    const struct rfa_sample *x = *(const struct rfa_sample *const *)a, *y = *(const struct rfa_sample *const *)b;
    int order = same_clip(x, y);
    return order ? order : (x->place > y->place) - (x->place < y->place);
}

static int by_place(const void *a, const void *b)
{
    const struct clip *x = a, *y = b;
    return (x->place > y->place) - (x->place < y->place);
}

/* Clips stand in the order of their first samples; of them, this part's are kept. */
static enum rfa_status group_clips(struct eval *e)
{
    size_t n = e->samples.count;
    e->order = malloc(n * sizeof *e->order);
    e->clips = malloc(n * sizeof *e->clips);
    if (!e->order || !e->clips) {
        fputs("refatom: no memory for the list of clips; close other programs\n", stderr);
        return RFA_ERR_NOMEM;
    }
    for (size_t i = 0; i < n; i++)
        e->order[i] = &e->samples.item[i];
    qsort(e->order, n, sizeof *e->order, by_clip);
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || same_clip(e->order[i - 1], e->order[i]) != 0)
            e->clips[e->clip_count++] = (struct clip){i, 0, e->order[i]->place};
        e->clips[e->clip_count - 1].count++;
    }
    qsort(e->clips, e->clip_count, sizeof *e->clips, by_place);
    size_t kept = 0;
    for (size_t i = (size_t)e->job.part - 1; i < e->clip_count; i += (size_t)e->job.parts)
        e->clips[kept++] = e->clips[i];
    e->clip_count = kept;
    return RFA_OK;
}

static bool is_done(const struct eval *e, const struct rfa_sample *sample)
{
    return rfa_samples_find(&e->done, sample->key) != NULL;
}

static size_t count_left(const struct eval *e, const struct clip *clip)
{
    size_t left = 0;
    for (size_t i = 0; i < clip->count; i++)
        left += !is_done(e, e->order[clip->first + i]);
    return left;
}

/* ------------------------------------------------------------------ results so far */

static enum rfa_status describe_run(struct eval *e)
{
    const char *slash = strrchr(e->job.model_path, '/');
    const char **labels = rfa_samples_alloc(&e->samples, e->info.actions * sizeof *labels);
    for (uint32_t i = 0; labels && i < e->info.actions; i++) {
        size_t length = 0;
        const char *label = rfa_model_label(&length, e->model, i);
        labels[i] = rfa_samples_string(&e->samples, (struct rfa_str){label ? label : "", length});
        if (!labels[i])
            labels = NULL;
    }
    if (!labels) {
        fputs("refatom: no memory for the names of the actions; close other programs\n", stderr);
        return RFA_ERR_NOMEM;
    }
    snprintf(e->shard, sizeof e->shard, "%ld/%ld", e->job.part, e->job.parts);
    e->run = (struct rfa_results_run){.model = slash ? slash + 1 : e->job.model_path,
                                      .weights = e->info.weights,
                                      .sampling = SAMPLINGS[e->job.still ? RFA_SAMPLING_STILL : e->info.sampling],
                                      .shard = e->shard,
                                      .file_bytes = (double)e->info.file_bytes,
                                      .classes = e->info.actions,
                                      .labels = labels};
    e->samples.classes = e->done.classes = e->info.actions;
    return RFA_OK;
}

/* Every line of the results must be of one of the annotations. */
static enum rfa_status check_done(struct eval *e)
{
    size_t found = 0;
    for (size_t i = 0; i < e->clip_count; i++)
        found += e->clips[i].count - count_left(e, &e->clips[i]);
    if (found == e->done.count)
        return RFA_OK;
    return rfa_fail(&rfa_cli_log, RFA_ERR_FORMAT,
                    "%s: holds %zu samples, of which %zu are in this part of %s; give another file for other "
                    "annotations or another shard",
                    e->job.results, e->done.count, found, e->job.annotations);
}

static enum rfa_status write_answered(struct eval *e, FILE *out, const char *path)
{
    size_t kept = 0;
    RFA_TRY(rfa_results_write_run(out, &e->run, path, &rfa_cli_log));
    for (size_t i = 0; i < e->done.count; i++) {
        if (e->done.item[i].error)
            continue;
        RFA_TRY(rfa_results_write(out, &e->done.item[i], e->run.classes, path, &rfa_cli_log));
        e->done.item[kept++] = e->done.item[i];
    }
    e->done.count = kept;
    return RFA_OK;
}

/* Writes the results anew without those that had no answer: beside the file, then in its place. */
static enum rfa_status drop_failures(struct eval *e)
{
    struct rfa_samples none = {.log = &rfa_cli_log};
    struct rfa_results_run run;
    FILE *out = NULL;
    bool empty;
    size_t bytes = strlen(e->job.results) + 5;
    char *path = malloc(bytes);
    if (!path)
        return rfa_fail(&rfa_cli_log, RFA_ERR_NOMEM, "no memory for a file name; close other programs");
    snprintf(path, bytes, "%s.new", e->job.results);
    remove(path);
    enum rfa_status status = rfa_results_continue(&out, &empty, &none, &run, path);
    if (status == RFA_OK)
        status = write_answered(e, out, path);
    if (status == RFA_OK && rename(path, e->job.results) != 0)
        status = rfa_fail(&rfa_cli_log, RFA_ERR_IO, "%s: cannot be replaced: %s", e->job.results, strerror(errno));
    free(path);
    if (out) {
        fclose(e->out);
        e->out = out;
    }
    return status;
}

static enum rfa_status open_results(struct eval *e)
{
    bool empty;
    RFA_TRY(rfa_results_continue(&e->out, &empty, &e->done, &e->run, e->job.results));
    if (e->job.retry && !empty)
        RFA_TRY(drop_failures(e));
    rfa_samples_sort(&e->done);
    RFA_TRY(check_done(e));
    return empty ? rfa_results_write_run(e->out, &e->run, e->job.results, &rfa_cli_log) : RFA_OK;
}

/* ------------------------------------------------------------------ progress and messages */

/* Takes the place of rfa_cli_log while clips are read: the message also goes into the results. */
static void keep_message(void *user, enum rfa_status status, const char *message)
{
    struct eval *e = user;
    if (status == RFA_OK) {
        if (e->noted <= MAX_LISTED)
            rfa_cli_message(status, e->noted < MAX_LISTED ? message : "more notices are not shown");
        e->noted += e->noted <= MAX_LISTED;
        return;
    }
    snprintf(e->message, sizeof e->message, "%s", message);
    if (e->listed < MAX_LISTED)
        rfa_cli_message(status, message);
    else if (e->listed == MAX_LISTED)
        (void)rfa_fail(&rfa_cli_log, status, "more failures are only written to %s", e->job.results);
    e->listed++;
}

static void show_progress(const struct eval *e)
{
    if (!isatty(STDERR_FILENO))
        return;
    double spent = rfa_now() - e->started;
    fprintf(stderr, "\r\033[Kclip %zu of %zu, %zu samples answered", e->clips_done + 1, e->clips_left, e->answered);
    if (e->failed)
        fprintf(stderr, ", %zu failed", e->failed);
    if (e->clips_done) {
        double left = spent / (double)e->clips_done * (double)(e->clips_left - e->clips_done);
        fprintf(stderr, ", %.2f s a clip, %.0f:%02.0f:%02.0f left", spent / (double)e->clips_done, floor(left / 3600),
                floor(fmod(left, 3600) / 60), floor(fmod(left, 60)));
    }
}

/* ------------------------------------------------------------------ work */

static enum rfa_status read_clip(struct eval *e, const struct rfa_sample *sample)
{
    struct rfa_clip_request request = {.frames = (int)e->info.frames,
                                       .sampling =
                                           e->job.still ? RFA_SAMPLING_STILL : (enum rfa_sampling)e->info.sampling,
                                       .at_seconds = sample->at};
    struct rfa_clip *clip = NULL;
    char *path = rfa_find_video(e->job.videos, sample->video);
    if (!path)
        return rfa_fail(&e->options.log, RFA_ERR_NOMEM, "no memory for a file name; close other programs");
    enum rfa_status status = rfa_media_sample(&clip, path, &request, &e->options.log);
    if (status == RFA_OK)
        status = rfa_cli_encode_clip(e->session, clip, e->options.frame_group, false);
    rfa_clip_free(&clip);
    free(path);
    return status;
}

static enum rfa_status answer(struct eval *e, struct rfa_sample *sample)
{
    struct rfa_result result;
    RFA_TRY(rfa_encode_caption(e->session, sample->caption, strlen(sample->caption)));
    RFA_TRY(rfa_answer(e->session, &result));
    RFA_TRY(rfa_cli_check_answer(&result, &e->options.log));
    sample->logits = result.logits;
    for (int i = 0; i < 4; i++)
        sample->predicted[i] = (double)result.box[i];
    return RFA_OK;
}

/* Answers what is left of one clip. Fails only when the results cannot be written. */
static enum rfa_status eval_clip(struct eval *e, const struct clip *clip)
{
    enum rfa_status readable = read_clip(e, e->order[clip->first]);
    for (size_t i = 0; i < clip->count; i++) {
        struct rfa_sample sample = *e->order[clip->first + i];
        if (is_done(e, &sample))
            continue;
        if (readable != RFA_OK || answer(e, &sample) != RFA_OK)
            sample.error = e->message;
        *(sample.error ? &e->failed : &e->answered) += 1;
        RFA_TRY(rfa_results_write(e->out, &sample, e->run.classes, e->job.results, &rfa_cli_log));
    }
    return RFA_OK;
}

static enum rfa_status eval_clips(struct eval *e)
{
    for (size_t i = 0; i < e->clip_count; i++)
        e->clips_left += count_left(e, &e->clips[i]) > 0;
    if (e->clips_left == 0)
        return RFA_OK;
    e->options.log = (struct rfa_log){keep_message, e};
    RFA_TRY(rfa_cli_create_session(&e->session, e->model, &e->options, &e->job.session));
    e->started = rfa_now();
    for (size_t i = 0; i < e->clip_count; i++) {
        if (count_left(e, &e->clips[i]) == 0)
            continue;
        show_progress(e);
        RFA_TRY(eval_clip(e, &e->clips[i]));
        e->clips_done++;
    }
    if (isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
    if (e->failed)
        fprintf(stderr, "refatom: %zu samples could not be answered; %s says why, --retry tries them again\n",
                e->failed, e->job.results);
    return RFA_OK;
}

static enum rfa_status prepare(struct eval *e)
{
    RFA_TRY(rfa_cli_open_model(&e->model, e->job.model_path, &e->job.session));
    rfa_model_get_info(&e->info, e->model);
    e->samples.log = e->done.log = &rfa_cli_log;
    RFA_TRY(describe_run(e));
    RFA_TRY(rfa_samples_read(&e->samples, e->job.annotations, e->job.first));
    RFA_TRY(group_clips(e));
    return open_results(e);
}

/* From the file, so that the figures are those of 'refatom score'. */
static int print_scores(const struct eval *e)
{
    struct rfa_samples all = {.log = &rfa_cli_log};
    struct rfa_results_run about;
    struct rfa_score score = {.classes = NULL};
    enum rfa_status status = rfa_results_read(&all, &about, e->job.results);
    if (status == RFA_OK)
        status = rfa_score_compute(&score, &all);
    if (status == RFA_OK && score.answered == 0 && e->clip_count > 0)
        status = rfa_fail(&rfa_cli_log, RFA_ERR_IO, "none of the samples could be answered; are the videos below %s?",
                          e->job.videos);
    if (status == RFA_OK && score.answered > 0)
        (e->job.json ? rfa_score_print_json : rfa_score_print)(&score, &about, stdout);
    rfa_score_free(&score);
    rfa_samples_free(&all);
    return status == RFA_OK ? EXIT_DONE : EXIT_FAILED;
}

static int run(int argc, char **argv)
{
    struct eval e = {.job = {.model_path = NULL}};
    int status = parse(&e.job, argc, argv);
    if (status != EXIT_DONE)
        return status;
    if (!rfa_cli_session_options(&e.options, &e.job.session))
        return EXIT_USAGE;
    status = prepare(&e) == RFA_OK && eval_clips(&e) == RFA_OK ? EXIT_DONE : EXIT_FAILED;
    rfa_session_end(&e.session);
    rfa_model_close(&e.model);
    if (e.out && fclose(e.out) != 0) {
        fprintf(stderr, "refatom: %s: cannot be written: %s; the same command continues it later\n", e.job.results,
                strerror(errno));
        status = EXIT_FAILED;
    }
    if (status == EXIT_DONE)
        status = print_scores(&e);
    rfa_samples_free(&e.samples);
    rfa_samples_free(&e.done);
    free(e.order);
    free(e.clips);
    return status;
}

const struct rfa_command rfa_cmd_eval = {"eval", "answer and score a test set, interruptible and in parts", help, run};

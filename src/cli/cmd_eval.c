/* refatom eval: annotated clips -> answers, one line a sample, and their scores. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "clock.h"
#include "eval_progress.h"
#include "eval_results.h"
#include "media.h"
#include "score.h"
#include "source.h"

static const char *const SAMPLINGS[] = {"spread", "first", "demo", "still"};

struct job {
    const char *model_path, *annotations, *videos, *results, *shard, *first_second;
    bool still, retry, json;
    long part, parts; /* of --shard, part from 1 */
    double first;
    struct rfa_cli_session session;
};

struct eval {
    struct job job;
    struct rfa_options options;
    rfa_model *model;
    rfa_session *session;
    struct rfa_model_info info;
    char shard[48];
    struct rfa_samples samples; /* the annotations */
    struct rfa_clip_groups clips;
    struct rfa_eval_results results;
    struct rfa_eval_progress progress;
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

/* ------------------------------------------------------------------ work */

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
    e->results.run =
        (struct rfa_results_run){.model = slash ? slash + 1 : e->job.model_path,
                                 .weights = e->info.weights,
                                 .sampling = SAMPLINGS[e->job.still ? RFA_SAMPLING_STILL : e->info.sampling],
                                 .shard = e->shard,
                                 .file_bytes = (double)e->info.file_bytes,
                                 .classes = e->info.actions,
                                 .labels = labels};
    e->samples.classes = e->results.done.classes = e->info.actions;
    return RFA_OK;
}

static enum rfa_status read_clip(struct eval *e, const struct rfa_sample *sample, struct rfa_sample_clip *about)
{
    struct rfa_clip_request request = {.frames = (int)e->info.frames,
                                       .sampling =
                                           e->job.still ? RFA_SAMPLING_STILL : (enum rfa_sampling)e->info.sampling,
                                       .at_seconds = sample->at};
    struct rfa_clip *clip = NULL;
    *about = (struct rfa_sample_clip){.known = false};
    char *path = rfa_find_video(e->job.videos, sample->video);
    if (!path)
        return rfa_fail(&e->options.log, RFA_ERR_NOMEM, "no memory for a file name; close other programs");
    enum rfa_status status = rfa_media_sample(&clip, path, &request, &e->options.log);
    if (status == RFA_OK) {
        *about = (struct rfa_sample_clip){true, clip->cut_short, clip->damaged};
        status = rfa_cli_encode_clip(e->session, clip, e->options.frame_group, false);
    }
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
static enum rfa_status eval_clip(struct eval *e, const struct rfa_clip_group *clip)
{
    const struct rfa_sample *const *samples = e->clips.order + clip->first;
    struct rfa_eval_progress *p = &e->progress;
    struct rfa_sample_clip about;
    enum rfa_status readable = read_clip(e, samples[0], &about);
    for (size_t i = 0; i < clip->count; i++) {
        struct rfa_sample sample = *samples[i];
        if (rfa_samples_find(&e->results.done, sample.key))
            continue;
        sample.clip = about;
        if (readable != RFA_OK || answer(e, &sample) != RFA_OK)
            sample.error = p->message;
        *(sample.error ? &p->failed : &p->answered) += 1;
        RFA_TRY(rfa_results_write(e->results.out, &sample, e->results.run.classes, e->job.results, &rfa_cli_log));
    }
    return RFA_OK;
}

static size_t left(const struct eval *e, size_t clip)
{
    return rfa_clip_group_left(&e->clips, &e->clips.group[clip], &e->results.done);
}

static enum rfa_status eval_clips(struct eval *e)
{
    struct rfa_eval_progress *p = &e->progress;
    for (size_t i = 0; i < e->clips.count; i++)
        p->clips_left += left(e, i) > 0;
    if (p->clips_left == 0)
        return RFA_OK;
    e->options.log = rfa_eval_progress_log(p);
    RFA_TRY(rfa_cli_create_session(&e->session, e->model, &e->options, &e->job.session));
    p->started = rfa_now();
    for (size_t i = 0; i < e->clips.count; i++) {
        if (left(e, i) == 0)
            continue;
        rfa_eval_progress_show(p);
        RFA_TRY(eval_clip(e, &e->clips.group[i]));
        p->clips_done++;
    }
    rfa_eval_progress_end(p);
    return RFA_OK;
}

static enum rfa_status prepare(struct eval *e)
{
    RFA_TRY(rfa_cli_open_model(&e->model, e->job.model_path, &e->job.session));
    rfa_model_get_info(&e->info, e->model);
    e->samples.log = e->results.done.log = &rfa_cli_log;
    e->results.path = e->progress.results = e->job.results;
    e->results.annotations = e->job.annotations;
    RFA_TRY(describe_run(e));
    RFA_TRY(rfa_samples_read(&e->samples, e->job.annotations, e->job.first));
    RFA_TRY(rfa_clip_groups_make(&e->clips, &e->samples, (size_t)e->job.part, (size_t)e->job.parts));
    return rfa_eval_results_open(&e->results, &e->clips, e->job.retry);
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
    if (status == RFA_OK && score.answered == 0 && e->clips.count > 0)
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
    if (e.results.out && fclose(e.results.out) != 0) {
        fprintf(stderr, "refatom: %s: cannot be written: %s; the same command continues it later\n", e.job.results,
                strerror(errno));
        status = EXIT_FAILED;
    }
    if (status == EXIT_DONE)
        status = print_scores(&e);
    rfa_samples_free(&e.samples);
    rfa_samples_free(&e.results.done);
    rfa_clip_groups_free(&e.clips);
    return status;
}

const struct rfa_command rfa_cmd_eval = {"eval", "answer and score a test set, interruptible and in parts", help, run};

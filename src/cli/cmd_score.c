/* refatom score: result files -> the paper's figures. */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "output.h"
#include "page.h"
#include "plot.h"
#include "score.h"

enum { MAX_FILES = 4096 };

struct job {
    const char *svg, *html, *report, *videos;
    bool json;
};

static const char help[] =
    "refatom score RESULTS... [options]\n\n"
    "Scores what 'refatom eval' wrote, any number of files together; shards give exactly what one file would. Classes "
    "without\n"
    "positives are left out, and for AUROC those without negatives; the others are weighted by their positives. The "
    "figures are\n"
    "scikit-learn's (average_precision_score, roc_auc_score, average=\"weighted\"); IoU is that of the one box, 0 "
    "where it is\n"
    "disjoint or has no area. Samples without an answer are counted and left out; clips that were cut short or damaged "
    "are counted.\n\n"
    "  --json             print one JSON object\n"
    "  --svg FILE         draw precision over recall of every class, and which action is taken for which\n"
    "  --html FILE        write one self-contained page: figures, plots, and the best and worst samples with key "
    "frame, true and\n"
    "                     predicted box, highest actions and caption; --report html is the same, to report.html\n"
    "  --videos DIR       where the key frames for the page are; without it the page has no pictures\n";

static enum rfa_status write_svg(const char *path, const struct rfa_score *score, const struct rfa_results_run *run,
                                 const struct rfa_samples *samples)
{
    struct rfa_output output;
    FILE *out = rfa_output_open(&output, path, &rfa_cli_log);
    return out ? rfa_output_close(&output, out, rfa_plot_svg(out, score, run, samples)) : RFA_ERR_IO;
}

static int print(struct rfa_samples *samples, const struct rfa_results_run *run, const struct job *job)
{
    struct rfa_score score;
    enum rfa_status status = rfa_score_compute(&score, samples);
    if (status == RFA_OK && score.answered == 0)
        status = rfa_fail(&rfa_cli_log, RFA_ERR_FORMAT,
                          "none of the %zu samples has an answer: there is nothing to score", score.failed);
    if (status == RFA_OK)
        (job->json ? rfa_score_print_json : rfa_score_print)(&score, run, stdout);
    if (status == RFA_OK && job->svg)
        status = write_svg(job->svg, &score, run, samples);
    if (status == RFA_OK && job->html)
        status = rfa_page_write(job->html, &score, run, samples, job->videos);
    rfa_score_free(&score);
    return status == RFA_OK ? EXIT_DONE : EXIT_FAILED;
}

static int parse(struct job *job, const char **path, int argc, char **argv)
{
    const struct rfa_cli_option options[] = {
        {"--json", NULL, &job->json},     {"--svg", &job->svg, NULL},       {"--html", &job->html, NULL},
        {"--report", &job->report, NULL}, {"--videos", &job->videos, NULL},
    };
    int files = rfa_cli_parse(argc, argv, options, sizeof options / sizeof options[0], path, MAX_FILES);
    if (files == 0)
        fputs("refatom: score wants RESULTS; see 'refatom score --help'\n", stderr);
    if (files > 0 && job->report && strcmp(job->report, "html") != 0) {
        fprintf(stderr, "refatom: --report: there is only html, not '%s'\n", job->report);
        return 0;
    }
    if (job->report && !job->html)
        job->html = "report.html";
    if (files > 0 && (!rfa_output_is_no_input(job->svg, path, (size_t)files) ||
                      !rfa_output_is_no_input(job->html, path, (size_t)files)))
        return 0;
    return files;
}

static int run(int argc, char **argv)
{
    static const char *path[MAX_FILES];
    struct job job = {.svg = NULL};
    int files = parse(&job, path, argc, argv);
    if (files <= 0)
        return EXIT_USAGE;
    if (job.videos && !rfa_cli_is_folder("--videos", job.videos))
        return EXIT_FAILED;
    struct rfa_samples samples = {.log = &rfa_cli_log};
    struct rfa_results_run about = {.model = NULL};
    enum rfa_status status = RFA_OK;
    for (int i = 0; status == RFA_OK && i < files; i++)
        status = rfa_results_read(&samples, &about, path[i]);
    int result = status == RFA_OK ? print(&samples, &about, &job) : EXIT_FAILED;
    rfa_samples_free(&samples);
    return result;
}

const struct rfa_command rfa_cmd_score = {"score", "merge results and compute mAP, AUROC and IoU", help, run};

/* refatom score: result files -> the paper's figures. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "score.h"

enum { MAX_FILES = 4096 };

static const char help[] = "refatom score RESULTS... [--json]\n\n"
                           "Scores what 'refatom eval' wrote, any number of files together; shards give exactly what "
                           "one file would. Classes without\n"
                           "positives are left out, and for AUROC those without negatives; the others are weighted by "
                           "their positives. The figures are\n"
                           "scikit-learn's (average_precision_score, roc_auc_score, average=\"weighted\"); IoU is that "
                           "of the one box, 0 where it is\n"
                           "disjoint or has no area. Samples without an answer are counted and left out.\n\n"
                           "  --json             print one JSON object\n";

static int print(struct rfa_samples *samples, const struct rfa_results_run *run, bool json)
{
    struct rfa_score score;
    enum rfa_status status = rfa_score_compute(&score, samples);
    if (status == RFA_OK && score.answered == 0)
        status = rfa_fail(&rfa_cli_log, RFA_ERR_FORMAT,
                          "none of the %zu samples has an answer: there is nothing to score", score.failed);
    if (status == RFA_OK && json)
        rfa_score_print_json(&score, run, stdout);
    else if (status == RFA_OK)
        rfa_score_print(&score, run, stdout);
    rfa_score_free(&score);
    return status == RFA_OK ? EXIT_DONE : EXIT_FAILED;
}

static int run(int argc, char **argv)
{
    static const char *path[MAX_FILES];
    bool json = false;
    const struct rfa_cli_option options[] = {{"--json", NULL, &json}};
    int files = rfa_cli_parse(argc, argv, options, sizeof options / sizeof options[0], path, MAX_FILES);
    if (files < 0)
        return EXIT_USAGE;
    if (files == 0) {
        fputs("refatom: score wants RESULTS; see 'refatom score --help'\n", stderr);
        return EXIT_USAGE;
    }
    struct rfa_samples samples = {.log = &rfa_cli_log};
    struct rfa_results_run about = {.model = NULL};
    enum rfa_status status = RFA_OK;
    for (int i = 0; status == RFA_OK && i < files; i++)
        status = rfa_results_read(&samples, &about, path[i]);
    int result = status == RFA_OK ? print(&samples, &about, json) : EXIT_FAILED;
    rfa_samples_free(&samples);
    return result;
}

const struct rfa_command rfa_cmd_score = {"score", "merge results and compute mAP, AUROC and IoU", help, run};

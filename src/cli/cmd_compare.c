/* refatom compare: the same inputs on two devices, or through two models, every intermediate tensor side by side. */
#include <stdlib.h>
#include <string.h>

#include "comparison.h"
#include "device_list.h"
#include "source.h"

static const char help[] =
    "refatom compare MODEL --devices A,B[,...] --inputs CASE.gguf [options]\n"
    "refatom compare MODEL --devices A,B[,...] --video FILE --caption TEXT [options]\n"
    "refatom compare MODEL --against MODEL2 --inputs CASE.gguf [options]\n\n"
    "Runs the same inputs twice, side by side, and compares every named tensor and, with one model, what every step\n"
    "writes: equal bits, how many values differ, the largest difference, its root mean square relative to the left\n"
    "side's, the cosine, and the first value that differs. Nearest tokens that changed come with the margins by which\n"
    "they won, and so do detections that only one side takes for a person. The first device is compared with each of\n"
    "the others. Nothing is stored: the memory is that of two sessions (refatom plan).\n\n"
    "  --devices A,B      cpu, cpu:TIER ('refatom info --cpu' lists them) or cuda\n"
    "  --against MODEL2   another file of the same configuration, int8 against float for example, on the second "
    "device\n"
    "                     if two are given\n"
    "  --fallback         leave out devices that are missing or refuse, instead of failing; one comparison must "
    "remain\n"
    "  --tolerance X      relative differences up to X are fine, and changed indices whose margins are at most X;\n"
    "                     default 0: every bit counts; with --against any difference is fine\n"
    "  --inputs CASE  --video FILE  --caption TEXT  --at SECONDS  --threads N  --affinity CORES  --group N\n"
    "                     as in 'refatom run'\n"
    "  --json             one JSON object a comparison and line\n\n"
    "Exit status: 0 equal or within the tolerance, 1 not, or a run failed, 2 wrong usage.\n";

enum { LEFT_OUT = -1 };

struct job {
    const char *model_path, *against, *devices, *tolerance;
    bool json;
    double tolerated;
    struct rfa_cli_source source;
    struct rfa_cli_session session;
    struct rfa_device_list list;
};

/* One of the two runs. */
struct side {
    const char *path, *device;
    rfa_model *model;
    rfa_session *session;
    struct rfa_options options;
    struct rfa_result result;
};

struct pair {
    const struct job *job;
    struct rfa_cli_source source;
    struct side side[2];
    struct rfa_comparison *comparison;
};

/* ------------------------------------------------------------------ options */

static int parse(struct job *job, int argc, char **argv)
{
    const struct rfa_cli_option options[] = {
        {"--devices", &job->devices, NULL},         {"--against", &job->against, NULL},
        {"--tolerance", &job->tolerance, NULL},     {"--json", NULL, &job->json},
        {"--threads", &job->session.threads, NULL}, {"--affinity", &job->session.affinity, NULL},
        {"--group", &job->session.group, NULL},     {"--fallback", NULL, &job->session.fallback},
        RFA_CLI_SOURCE_OPTIONS(&job->source),
    };
    if (rfa_cli_parse(argc, argv, options, sizeof options / sizeof options[0], &job->model_path, 1) < 0)
        return EXIT_USAGE;
    if (!job->devices)
        job->devices = "cpu";
    if (!job->model_path)
        job->source = (struct rfa_cli_source){.video = NULL}; /* the same message */
    if (!rfa_cli_source_check(&job->source, "compare") || !rfa_device_list_split(&job->list, job->devices))
        return EXIT_USAGE;
    if (job->against ? job->list.count > 2 : job->list.count < 2) {
        fputs("refatom: compare wants two devices or more, --devices cpu,cuda, or --against MODEL2 and at most two\n",
              stderr);
        return EXIT_USAGE;
    }
    job->tolerated = job->against ? -1 : 0;
    if (job->tolerance && (!rfa_cli_real(&job->tolerated, "--tolerance", job->tolerance) || job->tolerated < 0)) {
        fputs("refatom: --tolerance takes a number from 0 on\n", stderr);
        return EXIT_USAGE;
    }
    return EXIT_DONE;
}

/* ------------------------------------------------------------------ work */

static enum rfa_status run_side(void *user, enum rfa_side which)
{
    struct pair *p = user;
    struct side *side = &p->side[which];
    enum rfa_status status = rfa_session_attach(side->session);
    if (status == RFA_OK)
        status = rfa_cli_source_encode(&p->source, side->session, side->model, &side->options);
    return status == RFA_OK ? rfa_answer(side->session, &side->result) : status;
}

static void judge(void *user, const struct rfa_result_view *left, const struct rfa_result_view *right)
{
    struct pair *p = user;
    rfa_comparison_add(p->comparison, left, right, &p->side[RFA_LEFT].model->graph);
}

static enum rfa_status open_side(struct pair *p, int which, struct rfa_lockstep_side *place)
{
    struct side *side = &p->side[which];
    struct rfa_device_info device;
    RFA_TRY(rfa_device_list_check(side->device, &side->options));
    if (which == RFA_LEFT || p->job->against)
        RFA_TRY(rfa_model_open(&side->model, side->path, &rfa_cli_log));
    else
        side->model = p->side[RFA_LEFT].model;
    if (which == RFA_LEFT)
        RFA_TRY(rfa_cli_source_open(&p->source, side->model, &side->options));
    else
        side->options.max_image_side = p->side[RFA_LEFT].options.max_image_side;
    side->options.trace = rfa_lockstep_trace;
    side->options.trace_user = place;
    RFA_TRY(rfa_session_create(&side->session, side->model, &side->options));
    rfa_session_device(&device, side->session);
    snprintf(p->comparison->title[which], sizeof p->comparison->title[which], "%.80s on %s, %s", side->path,
             device.device, device.name);
    return RFA_OK;
}

static enum rfa_status compare_sides(struct pair *p, struct rfa_lockstep *lockstep,
                                     struct rfa_lockstep_side *const place[2])
{
    for (int i = 0; i < 2; i++)
        RFA_TRY(open_side(p, i, place[i]));
    struct rfa_lockstep_job job = {.session = {p->side[0].session, p->side[1].session},
                                   .steps = !p->job->against,
                                   .run = run_side,
                                   .judge = judge,
                                   .user = p,
                                   .log = &rfa_cli_log};
    RFA_TRY(rfa_lockstep_run(lockstep, &job));
    rfa_cli_progress("");
    return p->comparison->no_memory
               ? rfa_fail(&rfa_cli_log, RFA_ERR_NOMEM, "no memory for the comparison; close other programs")
               : RFA_OK;
}

static void close_pair(struct pair *p)
{
    for (int i = 0; i < 2; i++)
        rfa_session_end(&p->side[i].session);
    if (p->side[1].model != p->side[0].model)
        rfa_model_close(&p->side[1].model);
    rfa_model_close(&p->side[0].model);
    rfa_cli_source_close(&p->source);
    rfa_comparison_free(p->comparison);
    free(p->comparison);
}

static bool side_options(struct pair *p, int which)
{
    return rfa_device_list_options(&p->side[which].options, p->side[which].device, &p->job->session);
}

/* Whether --fallback leaves this pair out: its device is missing or refuses. */
static bool left_out(const struct pair *p, enum rfa_status status)
{
    bool device_failed = status == RFA_ERR_DEVICE || status == RFA_ERR_UNSUPPORTED;
    if (!device_failed || !p->job->session.fallback)
        return false;
    fprintf(stderr, "refatom: %s and %s are not compared, as --fallback says\n", p->side[0].device, p->side[1].device);
    return true;
}

/* The first device, or model, against device `other`. */
static int compare(const struct job *job, int other)
{
    struct pair p = {.job = job, .source = job->source};
    struct rfa_lockstep_side *place[2] = {NULL, NULL};
    struct rfa_lockstep *lockstep = rfa_lockstep_new(place);
    int status = EXIT_FAILED;
    p.comparison = calloc(1, sizeof *p.comparison);
    p.side[0] = (struct side){.path = job->model_path, .device = job->list.name[0]};
    p.side[1] = (struct side){.path = job->against ? job->against : job->model_path, .device = job->list.name[other]};
    if (!lockstep || !p.comparison)
        fputs("refatom: no memory for the comparison; close other programs\n", stderr);
    else if (!side_options(&p, 0) || !side_options(&p, 1))
        status = EXIT_USAGE;
    else {
        enum rfa_status result = compare_sides(&p, lockstep, place);
        p.comparison->tolerance = job->tolerated;
        if (result == RFA_OK) {
            (job->json ? rfa_comparison_print_json : rfa_comparison_print)(p.comparison);
            status = rfa_comparison_within(p.comparison) ? EXIT_DONE : EXIT_FAILED;
        } else if (left_out(&p, result))
            status = LEFT_OUT;
    }
    if (p.comparison)
        close_pair(&p);
    rfa_lockstep_free(lockstep);
    return status;
}

static int run(int argc, char **argv)
{
    struct job job = {.model_path = NULL};
    int status = parse(&job, argc, argv), worst = EXIT_DONE, compared = 0;
    if (status != EXIT_DONE)
        return status;
    for (int other = job.list.count > 1; other < job.list.count; other++) {
        if (compared > 0 && !job.json)
            printf("\n");
        status = compare(&job, other);
        if (status == EXIT_USAGE)
            return status;
        worst = status > worst ? status : worst;
        compared += status != LEFT_OUT;
    }
    if (compared == 0)
        fputs("refatom: no comparison is left; name devices that this machine has\n", stderr);
    return compared ? worst : EXIT_FAILED;
}

const struct rfa_command rfa_cmd_compare = {
    "compare", "one input on two devices, or through two models, tensor by tensor", help, run};

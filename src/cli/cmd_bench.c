/* refatom bench: how fast the kernels and a model are on this machine, as shares of what the machine can do. */
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "device_list.h"
#include "output.h"

static const char help[] =
    "refatom bench kernels [--filter TEXT] [--seconds S] [--threads N] [--cpu TIER] [--json]\n"
    "refatom bench model MODEL [--seconds S] [--answers N] [--steps] [--threads N] [--group N] [--cpu TIER] "
    "[--json]\n"
    "refatom bench model MODEL --devices A,B[,...] [--sessions 1,2,4,8] [--svg FILE] [the other options]\n\n"
    "kernels  measures what this machine can do at most (int8 products and float multiply-adds in registers, cache and "
    "memory\n"
    "         reads), compares every kernel that it can run with plain C bit by bit, then times it on the model's "
    "shapes, with\n"
    "         one thread and with N.\n"
    "model    runs a model on random pixels and words: time of every op and stage, of a clip, a second caption and a "
    "new\n"
    "         frame, the spread of N answers, opening time and memory. With --devices the same model on each of them "
    "in\n"
    "         turn: stages, ops, first and second query, share of each one's ceiling, energy where the platform "
    "reports it.\n\n"
    "  --filter TEXT   only rows that contain TEXT, such as 'gemm_s8 amx' or 'x1408'\n"
    "  --seconds S     time for each row, default 0.2; of a model for its clips, default 8\n"
    "  --answers N     default 100\n"
    "  --steps         one line a step of the model as well, and the share of the work that each thread did\n"
    "  --devices A,B   cpu, cpu:TIER or cuda\n"
    "  --sessions N,M  with --devices: so many sessions at once, 1 to 64; the CPU's threads are divided among them\n"
    "  --svg FILE      with --devices: a chart\n"
    "  --threads N     default auto: one for each processor of --affinity (big, all or a list, as in refatom run)\n"
    "  --cpu TIER      use no faster kernels than those of a tier that 'refatom info --cpu' lists; default auto\n"
    "  --cache KIB     second-level cache of a core, for the size of tasks; default: what the system tells\n"
    "  --group N       frames that pass through the vision encoder together, default 2\n"
    "  --json          one JSON object a line\n";

struct job {
    const char *filter, *seconds, *answers, *devices, *sessions, *positional[2];
    struct rfa_cli_session session;
    struct rfa_device_list list;
    struct rfa_bench_options options;
};

/* "1,2,4" */
static bool read_sessions(struct rfa_bench_options *options, const char *text)
{
    while (text) {
        char *end;
        long n = strtol(text, &end, 10);
        if (end == text || (*end && *end != ',') || n < 1 || n > 64 || options->session_counts == RFA_BENCH_SESSIONS) {
            fprintf(stderr, "refatom: --sessions takes at most %d numbers from 1 to 64, such as 1,2,4,8\n",
                    RFA_BENCH_SESSIONS);
            return false;
        }
        options->sessions[options->session_counts++] = (int)n;
        text = *end ? end + 1 : NULL;
    }
    return true;
}

static bool read_devices(struct job *job)
{
    struct rfa_bench_options *o = &job->options;
    if (!job->devices && (job->sessions || o->svg)) {
        fputs("refatom: --sessions and --svg go with --devices\n", stderr);
        return false;
    }
    if (!job->devices)
        return true;
    if (!rfa_device_list_split(&job->list, job->devices) || !read_sessions(o, job->sessions))
        return false;
    for (; o->devices < job->list.count; o->devices++)
        if (!rfa_device_list_options(&o->device[o->devices], job->list.name[o->devices], &job->session))
            return false;
    return true;
}

/* False after a message. */
static bool devices_here(const struct job *job)
{
    for (int i = 0; i < job->options.devices; i++)
        if (rfa_device_list_check(job->list.name[i], &job->options.device[i]) != RFA_OK)
            return false;
    return true;
}

static bool read_numbers(struct job *job, double seconds)
{
    struct rfa_bench_options *o = &job->options;
    o->seconds = seconds;
    o->filter = job->filter;
    if (job->seconds && !rfa_cli_real(&o->seconds, "--seconds", job->seconds))
        return false;
    if (o->seconds < 0 || o->seconds > 86400) {
        fputs("refatom: --seconds takes 0 to 86400\n", stderr);
        return false;
    }
    return rfa_cli_session_options(&o->session, &job->session) &&
           (!job->answers || rfa_cli_number(&o->answers, "--answers", job->answers, 1, 10000000));
}

static int run(int argc, char **argv)
{
    struct job job = {.options = {.answers = 100, .out = stdout}};
    const struct rfa_cli_option table[] = {
        {"--filter", &job.filter, NULL},
        {"--seconds", &job.seconds, NULL},
        {"--answers", &job.answers, NULL},
        {"--devices", &job.devices, NULL},
        {"--sessions", &job.sessions, NULL},
        {"--svg", &job.options.svg, NULL},
        {"--threads", &job.session.threads, NULL},
        {"--cpu", &job.session.cpu, NULL},
        {"--affinity", &job.session.affinity, NULL},
        {"--cache", &job.session.cache, NULL},
        {"--group", &job.session.group, NULL},
        {"--json", NULL, &job.options.json},
        {"--steps", NULL, &job.options.steps},
    };
    int count = rfa_cli_parse(argc, argv, table, sizeof table / sizeof table[0], job.positional, 2);
    bool kernels = count == 1 && strcmp(job.positional[0], "kernels") == 0 && !job.devices,
         model = count == 2 && strcmp(job.positional[0], "model") == 0;
    if (count < 0)
        return EXIT_USAGE;
    if (!kernels && !model) {
        fputs("refatom: bench wants 'kernels' or 'model MODEL'; see 'refatom bench --help'\n", stderr);
        return EXIT_USAGE;
    }
    if (!read_numbers(&job, kernels ? 0.2 : 8) || !read_devices(&job) ||
        !rfa_output_is_no_input(job.options.svg, &job.positional[1], 1))
        return EXIT_USAGE;
    if (kernels)
        return rfa_bench_kernels(&job.options) ? EXIT_DONE : EXIT_FAILED;
    if (!devices_here(&job))
        return EXIT_FAILED;
    return (job.devices ? rfa_bench_devices : rfa_bench_model)(&job.options, job.positional[1]) ? EXIT_DONE
                                                                                                : EXIT_FAILED;
}

const struct rfa_command rfa_cmd_bench = {"bench", "measure kernels or a model against this machine's ceilings", help,
                                          run};

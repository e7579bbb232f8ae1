/* refatom bench: how fast the kernels and a model are on this machine, as shares of what the machine can do. */
#include <string.h>

#include "bench.h"
#include "cli.h"

static const char help[] =
    "refatom bench kernels [--filter TEXT] [--seconds S] [--threads N] [--cpu TIER] [--json]\n"
    "refatom bench model MODEL [--seconds S] [--answers N] [--steps] [--threads N] [--group N] [--cpu TIER] "
    "[--json]\n\n"
    "kernels  measures what this machine can do at most (int8 products and float multiply-adds in registers, cache and "
    "memory\n"
    "         reads), compares every kernel that it can run with plain C bit by bit, then times it on the model's "
    "shapes, with\n"
    "         one thread and with N.\n"
    "model    runs a model on random pixels and words: time of every op and stage, of a clip, a second caption and a "
    "new\n"
    "         frame, the spread of N answers, opening time and memory.\n\n"
    "  --filter TEXT   only rows that contain TEXT, such as 'gemm_s8 amx' or 'x1408'\n"
    "  --seconds S     time for each row, default 0.2; of a model for its clips, default 8\n"
    "  --answers N     default 100\n"
    "  --steps         one line a step of the model as well\n"
    "  --threads N     default auto: one for each processor of --affinity (big, all or a list, as in refatom run)\n"
    "  --cpu TIER      use no faster kernels than c, avx2, avx512, avx512vnni, amx, neon, dotprod, i8mm; default auto\n"
    "  --group N       frames that pass through the vision encoder together, default 2\n"
    "  --json          one JSON object a line\n";

static int run(int argc, char **argv)
{
    const char *filter = NULL, *seconds = NULL, *answers = NULL, *positional[2] = {NULL, NULL};
    struct rfa_cli_session session = {.threads = NULL};
    struct rfa_bench_options options = {.answers = 100, .out = stdout};
    const struct rfa_cli_option table[] = {
        {"--filter", &filter, NULL},           {"--seconds", &seconds, NULL},   {"--answers", &answers, NULL},
        {"--threads", &session.threads, NULL}, {"--cpu", &session.cpu, NULL},   {"--affinity", &session.affinity, NULL},
        {"--group", &session.group, NULL},     {"--json", NULL, &options.json}, {"--steps", NULL, &options.steps},
    };
    int count = rfa_cli_parse(argc, argv, table, sizeof table / sizeof table[0], positional, 2);
    bool kernels = count == 1 && strcmp(positional[0], "kernels") == 0,
         model = count == 2 && strcmp(positional[0], "model") == 0;
    if (count < 0)
        return EXIT_USAGE;
    if (!kernels && !model) {
        fputs("refatom: bench wants 'kernels' or 'model MODEL'; see 'refatom bench --help'\n", stderr);
        return EXIT_USAGE;
    }
    options.seconds = kernels ? 0.2 : 8;
    if (!rfa_cli_session_options(&options.session, &session) ||
        (seconds && !rfa_cli_real(&options.seconds, "--seconds", seconds)) ||
        (answers && !rfa_cli_number(&options.answers, "--answers", answers, 1, 10000000)))
        return EXIT_USAGE;
    options.filter = filter;
    return (kernels ? rfa_bench_kernels(&options) : rfa_bench_model(&options, positional[1])) ? EXIT_DONE : EXIT_FAILED;
}

const struct rfa_command rfa_cmd_bench = {"bench", "measure kernels or a model against this machine's ceilings", help,
                                          run};

/* refatom: the program. One file a subcommand; this one chooses. */
#define _POSIX_C_SOURCE 200809L
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "cores.h"

static const struct rfa_command *const commands[] = {
    &rfa_cmd_run,      &rfa_cmd_live,  &rfa_cmd_eval,   &rfa_cmd_score,   &rfa_cmd_info, &rfa_cmd_plan,
    &rfa_cmd_quantize, &rfa_cmd_synth, &rfa_cmd_verify, &rfa_cmd_compare, &rfa_cmd_bench};

enum { COMMANDS = sizeof commands / sizeof commands[0] };

static void usage(FILE *out)
{
    fputs("refatom: what is this person doing, and where?\n\nUsage: refatom COMMAND [ARGUMENTS]\n\n", out);
    for (int i = 0; i < COMMANDS; i++)
        fprintf(out, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
    fputs("\n'refatom COMMAND --help' tells more. Exit status: 0 done, 1 the work failed, 2 wrong usage.\n", out);
}

static int run_command(const struct rfa_command *command, int argc, char **argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            fputs(command->help, stdout);
            return EXIT_DONE;
        }
    return command->run(argc, argv);
}

/* Where standard input, output or error is closed, the next file to be opened would take its place, and what is printed
 * would be written into it. What takes it instead cannot be read, or written, as a closed one cannot. */
static void occupy_standard_files(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd)
            return;
}

/* Waiting OpenMP threads spin for a long time by default, which on a busy machine takes the processor from the thread
 * they wait for: two threads beside one other job ran up to a hundred times slower than one. Sleeping at once costs
 * more than many a step takes, so they spin for some microseconds, as long as the gap between two steps. The runtime
 * reads this before main begins, so the program starts itself again with it, once. */
static void spin_briefly(char **argv)
{
    if (getenv("OMP_WAIT_POLICY") || getenv("GOMP_SPINCOUNT") || setenv("OMP_WAIT_POLICY", "passive", 1) != 0 ||
        setenv("GOMP_SPINCOUNT", "1000", 1) != 0)
        return;
    rfa_cores_release();
    execv("/proc/self/exe", argv); /* returns only where that does not exist: then threads spin */
}

/* "refatom 0.1.0, with A B, without C D" */
static void print_version(void)
{
    static const struct {
        int built;
        const char *name;
    } parts[] = {{RFA_WITH_OPENMP, "OpenMP"},
                 {RFA_WITH_FFMPEG, "FFmpeg"},
                 {RFA_WITH_TURBOJPEG, "TurboJPEG"},
                 {RFA_WITH_OPENBLAS, "OpenBLAS"}};
    printf("refatom %d.%d.%d", RFA_VERSION_MAJOR, RFA_VERSION_MINOR, RFA_VERSION_PATCH);
    for (int built = 1; built >= 0; built--) {
        const char *before = built ? ", with " : ", without ";
        for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
            if (parts[i].built == built) {
                printf("%s%s", before, parts[i].name);
                before = " ";
            }
    }
    printf("\n");
}

static int choose(int argc, char **argv)
{
    if (argc < 2) {
        usage(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        usage(stdout);
        return EXIT_DONE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        print_version();
        return EXIT_DONE;
    }
    for (int i = 0; i < COMMANDS; i++)
        if (strcmp(argv[1], commands[i]->name) == 0)
            return run_command(commands[i], argc - 2, argv + 2);
    fprintf(stderr, "refatom: unknown command '%s'; 'refatom --help' lists them\n", argv[1]);
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    spin_briefly(argv);
    occupy_standard_files();
    int status = choose(argc, argv);
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    fputs("refatom: standard output could not be written; is the disk full?\n", stderr);
    return EXIT_FAILED;
}

/* What the subcommands share: exit status, options, messages, numbers on a terminal. */
#ifndef RFA_CLI_H
#define RFA_CLI_H

#include <stdio.h>

#include "refatom.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct rfa_command {
    const char *name;
    const char *summary;               /* one line */
    const char *help;                  /* the whole page, printed by --help */
    int (*run)(int argc, char **argv); /* argv[0] is the first argument after the subcommand's name */
};

extern const struct rfa_command rfa_cmd_eval, rfa_cmd_live, rfa_cmd_score;
extern const struct rfa_command rfa_cmd_run, rfa_cmd_compare, rfa_cmd_info, rfa_cmd_plan, rfa_cmd_synth, rfa_cmd_verify,
    rfa_cmd_quantize, rfa_cmd_bench;

/* One option of a subcommand: "--name VALUE", "--name=VALUE", or a flag without value. */
struct rfa_cli_option {
    const char *name;   /* with its dashes */
    const char **value; /* set to the value; NULL for flags */
    bool *flag;         /* set to true; NULL for options with a value */
};

/* Parses options and at most `max` positional arguments; "--" ends the options. Returns the number of positional
 * arguments, or -1 after a message on stderr that names the argument. */
int rfa_cli_parse(int argc, char **argv, const struct rfa_cli_option *options, int option_count,
                  const char **positional, int max);

/* Options of commands with a session. Strings as given, NULL if absent. */
struct rfa_cli_session {
    const char *threads, *cpu, *group, *device; /* --threads N, --cpu TIER, --group N, --device NAME */
    const char *affinity;                       /* --affinity big|all|LIST */
    const char *cache;                          /* --cache KIB */
    bool blas, low_memory, prefetch, lock;      /* --blas, --low-memory, --prefetch, --lock */
    bool fallback;                              /* --fallback */
};

/* Their rows in a command's list of options. */
#define RFA_CLI_SESSION_OPTIONS(given)                                                                                 \
    {"--threads", &(given)->threads, NULL}, {"--cpu", &(given)->cpu, NULL}, {"--group", &(given)->group, NULL},        \
        {"--affinity", &(given)->affinity, NULL}, {"--cache", &(given)->cache, NULL},                                  \
        {"--device", &(given)->device, NULL}, {"--fallback", NULL, &(given)->fallback},                                \
        {"--blas", NULL, &(given)->blas}, {"--low-memory", NULL, &(given)->low_memory},                                \
        {"--prefetch", NULL, &(given)->prefetch},                                                                      \
    {                                                                                                                  \
        "--lock", NULL, &(given)->lock                                                                                 \
    }

/* Fills *options from the strings, and keeps this thread and those it starts on the processors of --affinity; false
 * after a message. As many threads as these processors, unless --threads says otherwise. */
bool rfa_cli_session_options(struct rfa_options *options, const struct rfa_cli_session *given);

/* rfa_model_open, then --prefetch and --lock. */
RFA_CHECKED enum rfa_status rfa_cli_open_model(rfa_model **model, const char *path,
                                               const struct rfa_cli_session *given);

/* rfa_session_create; with --fallback once more on the CPU where the device is missing or refuses, after a notice.
 * options->device says then where it runs. */
RFA_CHECKED enum rfa_status rfa_cli_create_session(rfa_session **session, const rfa_model *model,
                                                   struct rfa_options *options, const struct rfa_cli_session *given);

/* Whole number in [least, most]; false after a message that names the option. */
bool rfa_cli_number(long *out, const char *option, const char *text, long least, long most);
bool rfa_cli_real(double *out, const char *option, const char *text);

/* rfa_cpu_mask(); false after a message that names the option and the tiers there are. */
bool rfa_cli_tier(uint32_t *mask, const char *option, const char *tier);

/* Whether the path is a folder; false after a message that names the option. */
bool rfa_cli_is_folder(const char *option, const char *path);

/* Prints a failure to stderr as "refatom: message", a notice as "refatom: note: message"; on a terminal in the place of
 * a line of progress. */
void rfa_cli_message(enum rfa_status status, const char *message);

/* Hands every message to rfa_cli_message. */
extern const struct rfa_log rfa_cli_log;

/* An answer that is not finite can be neither ranked nor written as JSON; damaged weights or pixels give it. */
RFA_CHECKED enum rfa_status rfa_cli_check_answer(const struct rfa_result *result, const struct rfa_log *log);

/* "3.6 GiB", "48.0 MiB", "12.0 KiB", "7 B" into text[16]. */
const char *rfa_cli_bytes(char text[16], size_t bytes);

/* Writes a JSON string with its quotes; `text` is UTF-8, and what is not valid in it becomes U+FFFD. */
void rfa_cli_json_string(FILE *out, const char *text, size_t length);

#endif

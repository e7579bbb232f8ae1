/* --devices cpu,cpu:avx2,cuda: where a command works, one after another. */
#ifndef RFA_CLI_DEVICE_LIST_H
#define RFA_CLI_DEVICE_LIST_H

#include "cli.h"

enum { RFA_MOST_DEVICES = 8 };

struct rfa_device_list {
    char text[128]; /* cut at its commas */
    const char *name[RFA_MOST_DEVICES];
    int count;
};

/* False after a message. */
bool rfa_device_list_split(struct rfa_device_list *list, const char *text);

/* rfa_cli_session_options for "cpu", "cpu:TIER" or "cuda"; false after a message. */
bool rfa_device_list_options(struct rfa_options *options, const char *name, const struct rfa_cli_session *given);

/* A tier that this machine lacks is no device of its own: a slower one would run in its place. RFA_ERR_UNSUPPORTED. */
RFA_CHECKED enum rfa_status rfa_device_list_check(const char *name, const struct rfa_options *options);

#endif

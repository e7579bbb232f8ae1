#define _POSIX_C_SOURCE 200809L
#include "eval_progress.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "cli.h"
#include "clock.h"
#include "error.h"

enum { MAX_LISTED = 10 };

static void keep_message(void *user, enum rfa_status status, const char *message)
{
    struct rfa_eval_progress *p = user;
    if (status == RFA_OK) {
        if (p->noted <= MAX_LISTED)
            rfa_cli_message(status, p->noted < MAX_LISTED ? message : "more notices are not shown");
        p->noted += p->noted <= MAX_LISTED;
        return;
    }
    snprintf(p->message, sizeof p->message, "%s", message);
    if (p->listed < MAX_LISTED)
        rfa_cli_message(status, message);
    else if (p->listed == MAX_LISTED)
        (void)rfa_fail(&rfa_cli_log, status, "more failures are only written to %s", p->results);
    p->listed++;
}

struct rfa_log rfa_eval_progress_log(struct rfa_eval_progress *p)
{
    return (struct rfa_log){keep_message, p};
}

void rfa_eval_progress_show(const struct rfa_eval_progress *p)
{
    if (!isatty(STDERR_FILENO))
        return;
    double spent = rfa_now() - p->started;
    fprintf(stderr, "\r\033[Kclip %zu of %zu, %zu samples answered", p->clips_done + 1, p->clips_left, p->answered);
    if (p->failed)
        fprintf(stderr, ", %zu failed", p->failed);
    if (p->clips_done) {
        double left = spent / (double)p->clips_done * (double)(p->clips_left - p->clips_done);
        fprintf(stderr, ", %.2f s a clip, %.0f:%02.0f:%02.0f left", spent / (double)p->clips_done, floor(left / 3600),
                floor(fmod(left, 3600) / 60), floor(fmod(left, 60)));
    }
}

void rfa_eval_progress_end(const struct rfa_eval_progress *p)
{
    if (isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
    if (p->failed)
        fprintf(stderr, "refatom: %zu samples could not be answered; %s says why, --retry tries them again\n",
                p->failed, p->results);
}

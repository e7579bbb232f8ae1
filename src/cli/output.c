#define _XOPEN_SOURCE 700 /* realpath, sigaction */
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"

/* ------------------------------------------------------------------ signals */

enum { MAX_PENDING = 4 };

/* Temporary files to remove when a signal ends the program. */
static const char *volatile pending[MAX_PENDING];

static void remove_pending(int number)
{
    for (int i = 0; i < MAX_PENDING; i++)
        if (pending[i])
            unlink(pending[i]);
    raise(number); /* SA_RESETHAND: ends the program when the handler returns */
}

void rfa_output_handle(int number, void (*handler)(int), int flags)
{
    const struct sigaction ours = {.sa_handler = handler, .sa_flags = flags};
    struct sigaction now;
    if (sigaction(number, NULL, &now) == 0 && now.sa_handler != SIG_IGN)
        sigaction(number, &ours, NULL);
}

void rfa_output_end_by(int number)
{
    rfa_output_handle(number, remove_pending, SA_RESETHAND);
}

/* Only where the signal would end the program: nohup's choice and live's own handler stay. */
static void watch_signals(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct sigaction now;
        if (sigaction(numbers[i], NULL, &now) == 0 && now.sa_handler == SIG_DFL)
            rfa_output_end_by(numbers[i]);
    }
}

/* Replaces one entry by another, NULL among them. */
static void mark(const char *before, const char *after)
{
    for (int i = 0; i < MAX_PENDING; i++)
        if (pending[i] == before) {
            pending[i] = after;
            return;
        }
}

/* ------------------------------------------------------------------ the file */

/* The file that `path` names, symbolic links followed, so that a link stays a link. NULL without memory. */
static char *resolve(const char *path)
{
    char *real = realpath(path, NULL);
    if (!real && (real = malloc(strlen(path) + 1)) != NULL)
        strcpy(real, path);
    return real;
}

/* "answer.jpg" -> "answer.jpg.1234-0.part.jpg": formats are told from endings. */
static void name_temporary(char *out, size_t room, const char *path, int i)
{
    const char *slash = strrchr(path, '/'), *dot = strrchr(slash ? slash : path, '.');
    snprintf(out, room, "%s.%ld-%d.part%s", path, (long)getpid(), i, dot ? dot : "");
}

/* A new file beside the one that is meant: same file system, so that the rename is one step. */
static enum rfa_status create_temporary(struct rfa_output *o)
{
    size_t room = 2 * strlen(o->path) + 48;
    int fd = -1;
    o->temporary = malloc(room);
    if (!o->temporary)
        return rfa_fail(o->log, RFA_ERR_NOMEM, "%s: no memory to write it; close other programs", o->path);
    for (int i = 0; fd < 0 && i < 100; i++) {
        name_temporary(o->temporary, room, o->path, i);
        fd = open(o->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd < 0 && errno != EEXIST)
            break;
    }
    if (fd < 0)
        return rfa_fail(o->log, RFA_ERR_IO, "%s: cannot be written: %s; is the folder there, writable and not full?",
                        o->path, strerror(errno));
    close(fd);
    mark(NULL, o->temporary);
    watch_signals();
    return RFA_OK;
}

static void release(struct rfa_output *o)
{
    free(o->path);
    free(o->temporary);
    *o = (struct rfa_output){.log = NULL};
}

enum rfa_status rfa_output_begin(struct rfa_output *o, const char *path, const struct rfa_log *log)
{
    struct stat s;
    *o = (struct rfa_output){.log = log, .path = resolve(path)};
    if (!o->path)
        return rfa_fail(log, RFA_ERR_NOMEM, "%s: no memory to write it; close other programs", path);
    enum rfa_status status = RFA_OK;
    if (!*path)
        status = rfa_fail(log, RFA_ERR_ARG, "the name of the file to write is empty; give one");
    else if (stat(o->path, &s) == 0 && S_ISDIR(s.st_mode))
        status = rfa_fail(log, RFA_ERR_IO, "%s: cannot be written: it is a folder; give the name of a file", path);
    else if (stat(o->path, &s) != 0 || S_ISREG(s.st_mode))
        status = create_temporary(o);
    if (status != RFA_OK)
        release(o);
    return status;
}

const char *rfa_output_name(const struct rfa_output *o)
{
    return o->temporary ? o->temporary : o->path;
}

static void write_renamed(void *user, enum rfa_status status, const char *message)
{
    const struct rfa_output *o = user;
    size_t length = o->temporary ? strlen(o->temporary) : 0;
    if (length > 0 && strncmp(message, o->temporary, length) == 0)
        (void)rfa_fail(o->log, status, "%s%s", o->path, message + length);
    else
        (void)rfa_fail(o->log, status, "%s", message);
}

struct rfa_log rfa_output_log(struct rfa_output *o)
{
    return (struct rfa_log){write_renamed, o};
}

enum rfa_status rfa_output_end(struct rfa_output *o, enum rfa_status status)
{
    if (o->temporary) {
        if (status == RFA_OK && rename(o->temporary, o->path) != 0)
            status =
                rfa_fail(o->log, RFA_ERR_IO, "%s: cannot be replaced: %s; give another name", o->path, strerror(errno));
        if (status != RFA_OK)
            unlink(o->temporary);
        mark(o->temporary, NULL);
    }
    release(o);
    return status;
}

FILE *rfa_output_open(struct rfa_output *o, const char *path, const struct rfa_log *log)
{
    if (rfa_output_begin(o, path, log) != RFA_OK)
        return NULL;
    FILE *file = fopen(rfa_output_name(o), "wb");
    if (!file)
        rfa_output_end(
            o, rfa_fail(log, RFA_ERR_IO, "%s: cannot be written: %s; check its permissions", path, strerror(errno)));
    return file;
}

enum rfa_status rfa_output_close(struct rfa_output *o, FILE *file, enum rfa_status status)
{
    bool failed = ferror(file) != 0;
    failed |= fclose(file) != 0;
    if (status == RFA_OK && failed)
        status = rfa_fail(o->log, RFA_ERR_IO, "%s: cannot be written; is the disk full?", o->path);
    return rfa_output_end(o, status);
}

/* ------------------------------------------------------------------ inputs */

bool rfa_output_is_no_input(const char *path, const char *const *input, size_t count)
{
    struct stat out, in;
    if (!path || stat(path, &out) != 0 || !S_ISREG(out.st_mode))
        return true;
    for (size_t i = 0; i < count; i++)
        if (input[i] && stat(input[i], &in) == 0 && in.st_dev == out.st_dev && in.st_ino == out.st_ino) {
            fprintf(stderr, "refatom: %s: would be written over, but it is read here; give the output another name\n",
                    path);
            return false;
        }
    return true;
}

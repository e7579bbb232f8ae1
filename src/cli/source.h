/* What a command asks about: a video and a caption, or prepared inputs. */
#ifndef RFA_CLI_SOURCE_H
#define RFA_CLI_SOURCE_H

#include "cli.h"
#include "clip.h"

/* Options as given, NULL if absent, and what rfa_cli_source_open makes of them. */
struct rfa_cli_source {
    const char *video, *caption, *at, *inputs;
    double at_seconds;     /* NaN: the whole video */
    struct rfa_clip *clip; /* NULL with prepared inputs */
};

/* Their rows in a command's list of options. */
#define RFA_CLI_SOURCE_OPTIONS(given)                                                                                  \
    {"--video", &(given)->video, NULL}, {"--caption", &(given)->caption, NULL}, {"--at", &(given)->at, NULL},          \
    {                                                                                                                  \
        "--inputs", &(given)->inputs, NULL                                                                             \
    }

/* False after a message where one of the two is empty. */
bool rfa_cli_question_check(const char *video, const char *caption);

/* Whether the options fit together, and the seconds of --at; false after a message. */
bool rfa_cli_source_check(struct rfa_cli_source *source, const char *command);

/* Reads the frames that the model wants, and sets options->max_image_side. */
RFA_CHECKED enum rfa_status rfa_cli_source_open(struct rfa_cli_source *source, const rfa_model *model,
                                                struct rfa_options *options);

/* Frames, key frame and words into the session. */
RFA_CHECKED enum rfa_status rfa_cli_source_encode(const struct rfa_cli_source *source, rfa_session *session,
                                                  const rfa_model *model, const struct rfa_options *options);

/* All frames of a clip, `group` at once, then its key frame. `tell`: with rfa_cli_progress. */
RFA_CHECKED enum rfa_status rfa_cli_encode_clip(rfa_session *session, const struct rfa_clip *clip, uint32_t group,
                                                bool tell);

void rfa_cli_source_close(struct rfa_cli_source *source);

/* One line on standard error that the next one replaces; nothing where that is no terminal. */
void rfa_cli_progress(const char *what);

#endif

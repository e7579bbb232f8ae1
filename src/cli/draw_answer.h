/* The answer drawn into pictures: OUT.jpg, the key frame; any other ending, the video. */
#ifndef RFA_CLI_DRAW_ANSWER_H
#define RFA_CLI_DRAW_ANSWER_H

#include "draw.h"
#include "media.h"

/* Whether `path` asks for a picture (.jpg or .jpeg). */
bool rfa_annotate_is_picture(const char *path);

/* Whether --annotate can be written by its ending (NULL: none is given); false after a message. `picture`: also .jpg.
 */
bool rfa_annotate_check(const char *path, bool picture);

/* Writes the key frame with the answer. */
RFA_CHECKED enum rfa_status rfa_annotate_picture(const char *path, const struct rfa_image *key,
                                                 const struct rfa_annotation *answer, const struct rfa_log *log);

/* Writes the frames of `video` from second `start`, `seconds` long (0: to the end), each with the answer. */
RFA_CHECKED enum rfa_status rfa_annotate_video(const char *path, const char *video, double start, double seconds,
                                               const struct rfa_annotation *answer, const struct rfa_log *log);

#endif

/* A clip under construction: which frames are wanted, and those that arrived. Private to src/media. */
#ifndef RFA_CLIP_H
#define RFA_CLIP_H

#include "decoder.h"
#include "filelist.h"

/* One wanted frame; images that want the same one share it. */
struct rfa_wanted {
    int64_t index; /* among the frames sampled from */
    double seconds;
    double pixel_aspect;           /* as in struct rfa_clip */
    struct rfa_picture picture;    /* rgb NULL: not there yet, or shared */
    const struct rfa_wanted *same; /* has the picture of an equal frame; NULL: an own one */
};

struct rfa_clip_build {
    const char *path;
    const struct rfa_clip_request *request; /* checked, defaults filled in */
    const struct rfa_log *log;
    int64_t total;             /* frames sampled from */
    int64_t *index;            /* [frames + 1], the last one is the key frame's; -1: black */
    struct rfa_wanted *wanted; /* [wanted_count], rising index */
    int wanted_count;
    bool cut_short; /* as in struct rfa_clip */
    int64_t damaged;
};

bool rfa_clip_request_is_window(const struct rfa_clip_request *request);

/* Sets total, index and wanted for n frames; frames that are there already and still wanted stay. n < 1 counts as 1. */
enum rfa_status rfa_clip_build_plan(struct rfa_clip_build *build, int64_t n);

/* Each fills in every wanted picture, and sets total by rfa_clip_build_plan. */
enum rfa_status rfa_clip_from_files(struct rfa_clip_build *build, const struct rfa_filelist *list);
enum rfa_status rfa_clip_from_video(struct rfa_clip_build *build);

#endif

#include "clip.h"
#include "error.h"
#include "jpeg.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_FRAMES = 1024, MAX_WINDOW_FRAMES = 100000 };

bool rfa_clip_request_is_window(const struct rfa_clip_request *request)
{
    return request->at_seconds >= 0;
}

/* ------------------------------------------------------------------ planning */

static int compare_indices(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static struct rfa_wanted *find_wanted(const struct rfa_clip_build *build, int64_t index)
{
    for (int i = 0; i < build->wanted_count; i++)
        if (build->wanted[i].index == index)
            return &build->wanted[i];
    return NULL;
}

enum rfa_status rfa_clip_build_plan(struct rfa_clip_build *build, int64_t n)
{
    int frames = build->request->frames, count = 0;
    size_t images = (size_t)frames + 1;
    int64_t *sorted = malloc(images * sizeof *sorted);
    struct rfa_wanted *wanted = calloc(images, sizeof *wanted);
    if (!build->index)
        build->index = malloc(images * sizeof *build->index);
    if (!sorted || !wanted || !build->index) {
        free(sorted);
        free(wanted);
        return rfa_fail(build->log, RFA_ERR_NOMEM, "%s: no memory for a list of %d frames; free some", build->path,
                        frames);
    }
    build->total = n < 1 ? 1 : n;
    rfa_sample_indices(build->index, &build->index[frames], frames, build->total, build->request->sampling);
    memcpy(sorted, build->index, images * sizeof *sorted);
    qsort(sorted, images, sizeof *sorted, compare_indices);
    for (size_t i = 0; i < images; i++) {
        if (sorted[i] < 0 || (i > 0 && sorted[i] == sorted[i - 1]))
            continue;
        struct rfa_wanted *old = find_wanted(build, sorted[i]);
        wanted[count].index = sorted[i];
        if (old) {
            wanted[count] = *old;
            old->picture = (struct rfa_picture){0};
        }
        count++;
    }
    free(sorted);
    for (int i = 0; i < build->wanted_count; i++)
        rfa_picture_free(&build->wanted[i].picture);
    free(build->wanted);
    build->wanted = wanted;
    build->wanted_count = count;
    return RFA_OK;
}

static void free_build(struct rfa_clip_build *build)
{
    for (int i = 0; i < build->wanted_count; i++)
        rfa_picture_free(&build->wanted[i].picture);
    free(build->wanted);
    free(build->index);
}

/* ------------------------------------------------------------------ a folder of frames */

enum rfa_status rfa_media_read(struct rfa_picture *out, const char *path, const struct rfa_log *log)
{
    struct rfa_bytes bytes;
    if (!out || !path)
        return rfa_fail(log, RFA_ERR_ARG, "rfa_media_read: needs a place for the picture and a path");
    *out = (struct rfa_picture){0};
    RFA_TRY(rfa_bytes_read(&bytes, path, log));
    bool jpeg = rfa_jpeg_is(&bytes);
    enum rfa_status status = jpeg ? rfa_jpeg_decode(out, &bytes, path, log) : RFA_OK;
    free(bytes.data);
    if (jpeg)
        return status;
    struct rfa_decoder *decoder;
    RFA_TRY(rfa_decoder_open(&decoder, path, 1, log));
    status = rfa_decoder_picture(decoder, RFA_FRAME_CURRENT, out);
    rfa_decoder_close(&decoder);
    return status;
}

/* Position in the list of the file that stands for frame `index` of the window or the whole list. */
static int64_t file_position(const struct rfa_clip_build *build, int64_t index, int64_t files)
{
    const struct rfa_clip_request *r = build->request;
    if (!rfa_clip_request_is_window(r))
        return index;
    double rate = r->window_frames / r->window_seconds;
    double position = floor((r->at_seconds - r->window_seconds / 2) * rate + (double)index + 0.001 * rate);
    return position < 0 ? 0 : position > (double)(files - 1) ? files - 1 : (int64_t)position;
}

/* A notice about a picture is that it is damaged. */
static void count_damaged(void *user, enum rfa_status status, const char *message)
{
    struct rfa_clip_build *build = user;
    build->damaged += status == RFA_OK;
    (void)rfa_fail(build->log, status, "%s", message);
}

enum rfa_status rfa_clip_from_files(struct rfa_clip_build *build, const struct rfa_filelist *list)
{
    const struct rfa_clip_request *r = build->request;
    const int64_t files = (int64_t)list->count;
    const double rate = r->window_frames / r->window_seconds;
    if (rfa_clip_request_is_window(r) && r->at_seconds - r->window_seconds / 2 > (double)files / rate)
        return rfa_fail(build->log, RFA_ERR_ARG,
                        "%s: %g s is behind the end: %lld pictures are %g s at %g a second; give an earlier time",
                        build->path, r->at_seconds, (long long)files, (double)files / rate, rate);
    RFA_TRY(rfa_clip_build_plan(build, rfa_clip_request_is_window(r) ? r->window_frames : files));
    const struct rfa_log counted = {count_damaged, build};
    const struct rfa_wanted *last = NULL;
    int64_t last_position = -1;
    for (int i = 0; i < build->wanted_count; i++) {
        struct rfa_wanted *wanted = &build->wanted[i];
        int64_t position = file_position(build, wanted->index, files);
        wanted->seconds = (double)position / rate;
        wanted->pixel_aspect = 1; /* viewers ignore what pictures say of it */
        wanted->same = position == last_position ? last : NULL;
        if (wanted->same)
            continue;
        RFA_TRY(rfa_media_read(&wanted->picture, list->path[position], &counted));
        last = wanted;
        last_position = position;
    }
    return RFA_OK;
}

/* ------------------------------------------------------------------ the finished clip */

static enum rfa_status allocate_clip(struct rfa_clip **out, const struct rfa_clip_build *build)
{
    size_t frames = (size_t)build->request->frames;
    struct rfa_clip *clip = calloc(1, sizeof *clip);
    if (clip) {
        clip->images = calloc(frames, sizeof *clip->images);
        clip->shown = calloc(frames, sizeof *clip->shown);
        clip->pictures = calloc((size_t)build->wanted_count + 1, sizeof *clip->pictures);
    }
    if (!clip || !clip->images || !clip->shown || !clip->pictures) {
        rfa_clip_free(&clip);
        return rfa_fail(build->log, RFA_ERR_NOMEM, "%s: no memory for a clip of %zu frames; free some", build->path,
                        frames);
    }
    *out = clip;
    return RFA_OK;
}

static struct rfa_image image_of(const struct rfa_wanted *wanted)
{
    return rfa_picture_image(wanted->same ? &wanted->same->picture : &wanted->picture);
}

/* The picture of frames that do not exist: black, of the key frame's size. */
static enum rfa_status add_black(struct rfa_clip *clip, const struct rfa_clip_build *build)
{
    struct rfa_picture *black = &clip->pictures[clip->picture_count];
    RFA_TRY(rfa_picture_alloc(black, clip->width, clip->height, build->path, build->log));
    clip->picture_count++;
    for (int i = 0; i < clip->frames; i++) {
        if (build->index[i] >= 0)
            continue;
        clip->images[i] = rfa_picture_image(black);
        clip->shown[i] = (struct rfa_clip_frame){-1, NAN};
    }
    return RFA_OK;
}

static enum rfa_status finish(struct rfa_clip **out, struct rfa_clip_build *build)
{
    struct rfa_clip *clip = NULL;
    RFA_TRY(allocate_clip(&clip, build));
    clip->frames = build->request->frames;
    clip->total = build->total;
    clip->cut_short = build->cut_short;
    clip->damaged = build->damaged;
    bool black = false;
    for (int i = 0; i <= clip->frames; i++) {
        const struct rfa_wanted *wanted = find_wanted(build, build->index[i]);
        black = black || !wanted;
        if (!wanted)
            continue;
        *(i < clip->frames ? &clip->images[i] : &clip->key) = image_of(wanted);
        *(i < clip->frames ? &clip->shown[i] : &clip->key_shown) =
            (struct rfa_clip_frame){wanted->index, wanted->seconds};
    }
    clip->width = clip->key.width;
    clip->height = clip->key.height;
    clip->pixel_aspect = find_wanted(build, build->index[clip->frames])->pixel_aspect;
    for (int i = 0; i < build->wanted_count; i++) { /* the pixels change hands */
        clip->pictures[clip->picture_count++] = build->wanted[i].picture;
        build->wanted[i].picture = (struct rfa_picture){0};
    }
    enum rfa_status status = black ? add_black(clip, build) : RFA_OK;
    if (status != RFA_OK)
        rfa_clip_free(&clip);
    *out = clip;
    return status;
}

void rfa_clip_free(struct rfa_clip **clip)
{
    struct rfa_clip *c = clip ? *clip : NULL;
    if (!c)
        return;
    for (int i = 0; i < c->picture_count; i++)
        rfa_picture_free(&c->pictures[i]);
    free(c->pictures);
    free(c->images);
    free(c->shown);
    free(c);
    *clip = NULL;
}

static enum rfa_status check_request(struct rfa_clip_request *checked, const struct rfa_clip_request *request,
                                     const struct rfa_log *log)
{
    *checked = *request;
    if (checked->window_seconds == 0)
        checked->window_seconds = 3.0;
    if (checked->window_frames == 0)
        checked->window_frames = 90;
    if (checked->frames < 1 || checked->frames > MAX_FRAMES)
        return rfa_fail(log, RFA_ERR_ARG, "rfa_media_sample: %d frames asked for; 1 to %d are possible",
                        checked->frames, (int)MAX_FRAMES);
    if ((unsigned)checked->sampling > RFA_SAMPLING_STILL)
        return rfa_fail(log, RFA_ERR_ARG, "rfa_media_sample: no such sampling rule: %d; see enum rfa_sampling",
                        (int)checked->sampling);
    if (!(checked->window_seconds > 0 && checked->window_seconds <= 1e6) || checked->window_frames < 1 ||
        checked->window_frames > MAX_WINDOW_FRAMES)
        return rfa_fail(log, RFA_ERR_ARG,
                        "rfa_media_sample: a window of %d frames in %g s; 1 to %d frames and up to 1e6 s are possible",
                        checked->window_frames, checked->window_seconds, (int)MAX_WINDOW_FRAMES);
    if (checked->at_seconds > 1e9)
        return rfa_fail(log, RFA_ERR_ARG,
                        "rfa_media_sample: %g s is no time in a video; give seconds from its beginning",
                        checked->at_seconds);
    return RFA_OK;
}

enum rfa_status rfa_media_sample(struct rfa_clip **out, const char *path, const struct rfa_clip_request *request,
                                 const struct rfa_log *log)
{
    struct rfa_clip_request checked;
    struct rfa_filelist list;
    bool is_list;
    if (!out)
        return rfa_fail(log, RFA_ERR_ARG, "rfa_media_sample: no place for the clip; pass the address of one");
    *out = NULL;
    if (!path || !*path || !request)
        return rfa_fail(log, RFA_ERR_ARG, "rfa_media_sample: needs a path and a request");
    RFA_TRY(check_request(&checked, request, log));
    RFA_TRY(rfa_filelist_open(&list, &is_list, path, log));
    struct rfa_clip_build build = {.path = path, .request = &checked, .log = log};
    enum rfa_status status = is_list ? rfa_clip_from_files(&build, &list) : rfa_clip_from_video(&build);
    if (status == RFA_OK)
        status = finish(out, &build);
    free_build(&build);
    rfa_filelist_close(&list);
    return status;
}

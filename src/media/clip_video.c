#include "clip.h"
#include "damage.h"
#include "error.h"

#include <math.h>

/* Containers that count milliseconds (Matroska, WebM, FLV) put 30 frames a second at 0, 33, 67, 100 ms: without this,
 * the frame at 67 ms would come too late for the time 66.7 ms. */
static const double TIME_TOLERANCE = 0.001;

/* ------------------------------------------------------------------ the whole video */

/* Decodes from the frame at hand to the end and keeps what is wanted. *n receives the number of frames. STILL wants no
 * more than the first. */
static enum rfa_status decode_all(struct rfa_clip_build *build, struct rfa_decoder *decoder, int64_t *n)
{
    int next = 0;
    bool end = false;
    for (*n = 0; !end; ++*n) {
        if (next < build->wanted_count && build->wanted[next].index == *n) {
            struct rfa_wanted *wanted = &build->wanted[next++];
            rfa_picture_free(&wanted->picture);
            wanted->seconds = rfa_decoder_seconds(decoder, RFA_FRAME_CURRENT);
            wanted->pixel_aspect = rfa_decoder_pixel_aspect(decoder, RFA_FRAME_CURRENT);
            RFA_TRY(rfa_decoder_picture(decoder, RFA_FRAME_CURRENT, &wanted->picture));
            if (build->request->sampling == RFA_SAMPLING_STILL) {
                *n = build->total;
                return RFA_OK;
            }
        }
        RFA_TRY(rfa_decoder_next(decoder, &end));
    }
    return RFA_OK;
}

static bool complete(const struct rfa_clip_build *build)
{
    for (int i = 0; i < build->wanted_count; i++)
        if (!build->wanted[i].picture.rgb)
            return false;
    return true;
}

static enum rfa_status sample_whole(struct rfa_clip_build *build, struct rfa_decoder *decoder)
{
    struct rfa_decoder_info info;
    rfa_decoder_describe(decoder, &info);
    if (!info.seekable)
        return rfa_fail(build->log, RFA_ERR_UNSUPPORTED,
                        "%s: a pipe, camera or broadcast has no end to spread the frames to; save a part to a file, or "
                        "use live input",
                        build->path);
    RFA_TRY(rfa_clip_build_plan(build, rfa_decoder_expected_frames(decoder)));
    int64_t n;
    RFA_TRY(decode_all(build, decoder, &n));
    if (n == build->total)
        return RFA_OK;
    RFA_TRY(rfa_clip_build_plan(build, n));
    if (complete(build))
        return RFA_OK;
    RFA_TRY(rfa_decoder_rewind(decoder));
    int64_t again;
    RFA_TRY(decode_all(build, decoder, &again));
    if (again != n)
        return rfa_fail(build->log, RFA_ERR_IO,
                        "%s: had %lld frames when read first and %lld now; wait until it is written completely",
                        build->path, (long long)n, (long long)again);
    return RFA_OK;
}

/* ------------------------------------------------------------------ a window in time */

/* Brings the decoder to a frame at or before `seconds`, near it if the file allows. One second of margin, because the
 * first frames after a key frame may lack the ones they refer to. A pipe is decoded from where it is. */
static enum rfa_status approach(struct rfa_decoder *decoder, double seconds)
{
    static const double margins[] = {1, 12};
    const double worthwhile = 3;
    struct rfa_decoder_info info;
    rfa_decoder_describe(decoder, &info);
    if (seconds < worthwhile || !info.seekable)
        return RFA_OK;
    for (size_t i = 0; i < sizeof margins / sizeof *margins && seconds > margins[i]; i++)
        if (rfa_decoder_seek(decoder, seconds - margins[i]) &&
            rfa_decoder_seconds(decoder, RFA_FRAME_CURRENT) <= seconds)
            return RFA_OK;
    return rfa_decoder_rewind(decoder);
}

static double window_time(const struct rfa_clip_request *r, int64_t index)
{
    return r->at_seconds - r->window_seconds / 2 + (double)index * r->window_seconds / r->window_frames;
}

/* Gives `which` frame to all wanted ones from *next on that are due before `until`; they share one picture. */
static enum rfa_status take_until(struct rfa_clip_build *build, struct rfa_decoder *decoder, enum rfa_which_frame which,
                                  double until, int *next)
{
    const struct rfa_wanted *first = NULL;
    for (; *next < build->wanted_count; ++*next) {
        struct rfa_wanted *wanted = &build->wanted[*next];
        if (window_time(build->request, wanted->index) + TIME_TOLERANCE >= until)
            return RFA_OK;
        wanted->seconds = rfa_decoder_seconds(decoder, which);
        wanted->pixel_aspect = rfa_decoder_pixel_aspect(decoder, which);
        wanted->same = first;
        if (first)
            continue;
        RFA_TRY(rfa_decoder_picture(decoder, which, &wanted->picture));
        first = wanted;
    }
    return RFA_OK;
}

static enum rfa_status check_end(const struct rfa_clip_build *build, const struct rfa_decoder *decoder)
{
    struct rfa_decoder_info info;
    rfa_decoder_describe(decoder, &info);
    double step = info.frames_per_second > 0 ? 1 / info.frames_per_second : 0;
    double end = fmax(info.seconds, rfa_decoder_seconds(decoder, RFA_FRAME_CURRENT) + step);
    if (rfa_damage_cut_short(&info) && window_time(build->request, 0) > info.decoded_end)
        return rfa_fail(build->log, RFA_ERR_FORMAT,
                        "%s: is cut short: only its first %.1f s can be decoded, and %g s is behind them; give the "
                        "complete file or an earlier time",
                        build->path, info.decoded_end, build->request->at_seconds);
    if (window_time(build->request, 0) <= end)
        return RFA_OK;
    return rfa_fail(build->log, RFA_ERR_ARG, "%s: %g s is behind the end at %.1f s; give an earlier time", build->path,
                    build->request->at_seconds, end);
}

static enum rfa_status sample_window(struct rfa_clip_build *build, struct rfa_decoder *decoder)
{
    RFA_TRY(rfa_clip_build_plan(build, build->request->window_frames));
    RFA_TRY(approach(decoder, window_time(build->request, build->wanted[0].index)));
    bool end = false;
    for (int next = 0; next < build->wanted_count && !end;) {
        RFA_TRY(rfa_decoder_next(decoder, &end));
        if (end)
            RFA_TRY(check_end(build, decoder));
        double until = end ? INFINITY : rfa_decoder_seconds(decoder, RFA_FRAME_CURRENT);
        RFA_TRY(take_until(build, decoder, end ? RFA_FRAME_CURRENT : RFA_FRAME_PREVIOUS, until, &next));
    }
    return RFA_OK;
}

enum rfa_status rfa_clip_from_video(struct rfa_clip_build *build)
{
    struct rfa_decoder *decoder;
    RFA_TRY(rfa_decoder_open(&decoder, build->path, build->request->threads, build->log));
    enum rfa_status status =
        rfa_clip_request_is_window(build->request) ? sample_window(build, decoder) : sample_whole(build, decoder);
    if (status == RFA_OK) {
        struct rfa_decoder_info info;
        rfa_decoder_describe(decoder, &info);
        rfa_damage_report(&info, build->path, build->log);
        build->cut_short = rfa_damage_cut_short(&info);
        build->damaged = info.damaged + info.flawed;
    }
    rfa_decoder_close(&decoder);
    return status;
}

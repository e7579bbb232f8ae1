#define _POSIX_C_SOURCE 200809L
#include "source.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

#include "case.h"
#include "error.h"

bool rfa_cli_question_check(const char *video, const char *caption)
{
    bool blank = strspn(caption, " \t\r\n") == strlen(caption);
    if (!*video)
        fputs("refatom: --video is empty; give a video file or a folder of pictures\n", stderr);
    else if (blank)
        fputs("refatom: --caption is empty; say who is meant: --caption \"the woman in red\"\n", stderr);
    return *video && !blank;
}

bool rfa_cli_source_check(struct rfa_cli_source *source, const char *command)
{
    bool from_video = source->video && source->caption && !source->inputs,
         from_case = source->inputs && !source->video && !source->caption;
    if (!from_video && !from_case) {
        fprintf(stderr,
                "refatom: %s wants MODEL and either --video and --caption, or --inputs; see 'refatom %s --help'\n",
                command, command);
        return false;
    }
    if (from_video && !rfa_cli_question_check(source->video, source->caption))
        return false;
    source->at_seconds = NAN;
    if (source->at && !rfa_cli_real(&source->at_seconds, "--at", source->at))
        return false;
    if (source->at_seconds < 0)
        fputs("refatom: --at takes seconds from the beginning of the video\n", stderr);
    return !(source->at_seconds < 0);
}

void rfa_cli_progress(const char *what)
{
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r\033[K%s", what);
}

enum rfa_status rfa_cli_source_open(struct rfa_cli_source *source, const rfa_model *model, struct rfa_options *options)
{
    struct rfa_model_info info;
    rfa_model_get_info(&info, model);
    if (!source->video)
        return RFA_OK;
    struct rfa_clip_request request = {
        .frames = (int)info.frames, .sampling = (enum rfa_sampling)info.sampling, .at_seconds = source->at_seconds};
    rfa_cli_progress("reading the video");
    enum rfa_status status = rfa_media_sample(&source->clip, source->video, &request, &options->log);
    for (int i = 0; status == RFA_OK && i < source->clip->frames; i++) {
        const struct rfa_image *image = &source->clip->images[i];
        int side = image->width > image->height ? image->width : image->height;
        if (side > options->max_image_side)
            options->max_image_side = side;
    }
    return status;
}

enum rfa_status rfa_cli_encode_clip(rfa_session *session, const struct rfa_clip *clip, uint32_t group, bool tell)
{
    char line[64];
    uint32_t frames = (uint32_t)clip->frames;
    for (uint32_t i = 0, n; i < frames; i += n) {
        n = frames - i < group ? frames - i : group;
        snprintf(line, sizeof line, "encoding frame %u of %u", i + 1, frames);
        if (tell)
            rfa_cli_progress(line);
        RFA_TRY(rfa_encode_frames(session, i, clip->images + i, n));
    }
    if (tell)
        rfa_cli_progress("finding persons");
    return rfa_encode_scene(session, &clip->key);
}

enum rfa_status rfa_cli_source_encode(const struct rfa_cli_source *source, rfa_session *session, const rfa_model *model,
                                      const struct rfa_options *options)
{
    if (source->inputs)
        return rfa_case_encode(session, model, source->inputs, &options->log);
    RFA_TRY(rfa_cli_encode_clip(session, source->clip, options->frame_group, true));
    rfa_cli_progress("reading the caption");
    return rfa_encode_caption(session, source->caption, strlen(source->caption));
}

void rfa_cli_source_close(struct rfa_cli_source *source)
{
    rfa_clip_free(&source->clip);
}

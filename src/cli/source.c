#define _POSIX_C_SOURCE 200809L
#include "source.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

#include "case.h"

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
    source->at_seconds = NAN;
    if (source->at && (!rfa_cli_real(&source->at_seconds, "--at", source->at) || source->at_seconds < 0)) {
        fputs("refatom: --at takes seconds from the beginning of the video\n", stderr);
        return false;
    }
    return true;
}

void rfa_cli_progress(const struct rfa_cli_source *source, const char *what)
{
    if (!source->quiet && isatty(STDERR_FILENO))
        fprintf(stderr, "\r\033[K%s", what);
}

enum rfa_status rfa_cli_source_open(struct rfa_cli_source *source, const rfa_model *model, struct rfa_options *options)
{
    struct rfa_model_info info;
    rfa_model_get_info(&info, model);
    if (options->frame_group > info.frames)
        options->frame_group = info.frames;
    if (!source->video)
        return RFA_OK;
    struct rfa_clip_request request = {
        .frames = (int)info.frames, .sampling = (enum rfa_sampling)info.sampling, .at_seconds = source->at_seconds};
    rfa_cli_progress(source, "reading the video");
    enum rfa_status status = rfa_media_sample(&source->clip, source->video, &request, &options->log);
    for (int i = 0; status == RFA_OK && i < source->clip->frames; i++) {
        const struct rfa_image *image = &source->clip->images[i];
        int side = image->width > image->height ? image->width : image->height;
        if (side > options->max_image_side)
            options->max_image_side = side;
    }
    return status;
}

enum rfa_status rfa_cli_source_encode(const struct rfa_cli_source *source, rfa_session *session, const rfa_model *model,
                                      const struct rfa_options *options)
{
    if (source->inputs)
        return rfa_case_encode(session, model, source->inputs, &options->log);
    char line[64];
    uint32_t frames = (uint32_t)source->clip->frames;
    enum rfa_status status = RFA_OK;
    for (uint32_t i = 0, n; status == RFA_OK && i < frames; i += n) {
        n = frames - i < options->frame_group ? frames - i : options->frame_group;
        snprintf(line, sizeof line, "encoding frame %u of %u", i + 1, frames);
        rfa_cli_progress(source, line);
        status = rfa_encode_frames(session, i, source->clip->images + i, n);
    }
    if (status != RFA_OK)
        return status;
    rfa_cli_progress(source, "finding persons");
    status = rfa_encode_scene(session, &source->clip->key);
    if (status != RFA_OK)
        return status;
    rfa_cli_progress(source, "reading the caption");
    return rfa_encode_caption(session, source->caption, strlen(source->caption));
}

void rfa_cli_source_close(struct rfa_cli_source *source)
{
    rfa_clip_free(&source->clip);
}

/* The library from one model file to one answer; README.md shows the part between the lines.
 * usage: example MODEL CAPTION WIDTH HEIGHT < FRAMES, raw RGB pictures one after the other, as many as the model takes
 */
#include <refatom.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_message(void *user, enum rfa_status status, const char *message)
{
    (void)user;
    fprintf(stderr, "%s: %s\n", rfa_status_str(status), message);
}

/* ---- README.md */
static int answer(const char *path, const struct rfa_image *frames, const char *caption)
{
    struct rfa_options options;
    rfa_model *model = NULL;
    rfa_session *session = NULL;
    struct rfa_result result;
    rfa_options_default(&options);
    options.log.write = print_message;
    bool ok = rfa_model_open(&model, path, &options.log) == RFA_OK &&
              rfa_session_create(&session, model, &options) == RFA_OK &&
              rfa_encode_frames(session, 0, frames, 8) == RFA_OK && rfa_encode_scene(session, &frames[4]) == RFA_OK &&
              rfa_encode_caption(session, caption, strlen(caption)) == RFA_OK && rfa_answer(session, &result) == RFA_OK;
    for (uint32_t i = 0; ok && i < result.actions; i++)
        printf("action %2u: %.3f\n", (unsigned)i, (double)result.probabilities[i]);
    rfa_session_end(&session);
    rfa_model_close(&model);
    return ok ? 0 : 1;
}
/* ---- README.md */

int main(int argc, char **argv)
{
    struct rfa_image frames[8];
    int width = argc == 5 ? atoi(argv[3]) : 0, height = argc == 5 ? atoi(argv[4]) : 0;
    if (width < 1 || height < 1 || width > 4096 || height > 4096) {
        fputs("usage: example MODEL CAPTION WIDTH HEIGHT < FRAMES\n", stderr);
        return 2;
    }
    size_t bytes = (size_t)3 * (size_t)width * (size_t)height;
    uint8_t *rgb = malloc(8 * bytes);
    if (!rgb || fread(rgb, bytes, 8, stdin) != 8) {
        fputs("example: no 8 frames on standard input\n", stderr);
        free(rgb);
        return 1;
    }
    for (int i = 0; i < 8; i++)
        frames[i] = (struct rfa_image){rgb + (size_t)i * bytes, width, height, 3 * (ptrdiff_t)width};
    int status = answer(argv[1], frames, argv[2]);
    free(rgb);
    return status;
}

/* refatom: what is this person doing, and where?
 *
 * Runs the RefAtomNet++ model (and its predecessor RefAtomNet) on a CPU from one model file. One clip of video frames and one
 * caption that singles out a person go in; 80 action scores and one box come out.
 *
 *     rfa_model_open        map a model file; the model is immutable and may be shared by any number of threads
 *     rfa_session_bytes     how much memory a session needs, to the byte
 *     rfa_session_init      bind a session to that memory; after this nothing is allocated, opened or created
 *     rfa_encode_frames     VISION  8 RGB frames -> visual tokens       any of the three may be repeated alone:
 *     rfa_encode_scene      SCENE   key frame -> person tokens          a second caption needs only rfa_encode_caption,
 *     rfa_encode_caption    TEXT    caption -> sentence and keywords    a new live frame only rfa_encode_frames with one frame
 *     rfa_answer            ANSWER  -> logits, probabilities, box
 *
 * Errors: every function that can fail returns enum rfa_status and, through rfa_options.log, one message that names the thing, the
 * reason and the remedy. The library never prints, never exits and reads no environment variable.
 *
 * Threads: a session belongs to the thread that initialised it (rfa_session_attach moves it). Different sessions on one model may
 * run at the same time on different threads.
 */
#ifndef REFATOM_H
#define REFATOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RFA_VERSION_MAJOR 0
#define RFA_VERSION_MINOR 1
#define RFA_VERSION_PATCH 0

#if defined(__GNUC__) || defined(__clang__)
#define RFA_API     __attribute__((visibility("default")))
#define RFA_CHECKED __attribute__((warn_unused_result))
#else
#define RFA_API
#define RFA_CHECKED
#endif

/* ------------------------------------------------------------------ status and messages */

enum rfa_status {
    RFA_OK = 0,
    RFA_ERR_ARG = -1,         /* an argument is wrong: the caller's mistake */
    RFA_ERR_NOMEM = -2,       /* memory given or available is too small */
    RFA_ERR_FORMAT = -3,      /* the file is damaged or not of the expected format */
    RFA_ERR_SHAPE = -4,       /* a tensor is missing or its shape or type differs from what the configuration demands */
    RFA_ERR_UNSUPPORTED = -5, /* valid, but not in this build or on this machine */
    RFA_ERR_IO = -6,          /* the operating system refused to open, read or map */
    RFA_ERR_DEVICE = -7,      /* an optional backend failed */
    RFA_ERR_INTERNAL = -8     /* a bug in refatom */
};

/* The status in a few words, never NULL. Static storage. */
RFA_API const char *rfa_status_str(enum rfa_status status);

/* Receives one message, without a newline, at the moment of a failure (status < 0) or of a notice (status == RFA_OK).
 * Called on the thread that called the library. `message` is valid during the call only. */
struct rfa_log {
    void (*write)(void *user, enum rfa_status status, const char *message);
    void *user;
};

/* ------------------------------------------------------------------ data in */

/* An image in the caller's memory: 8-bit interleaved R, G, B, top row first; row r starts at rgb + r * stride bytes.
 * The library applies the channel order, resize and normalisation that the model file asks for. */
struct rfa_image {
    const uint8_t *rgb;
    int width, height; /* pixels, at least 1, at most rfa_options.max_image_side */
    ptrdiff_t stride;  /* bytes between rows, at least 3 * width */
};

/* One video stream, decoded in display order; two frames are at hand. Private to src/media; the only users of FFmpeg's
 * decoding are decoder.c and rgb.c. */
#ifndef RFA_DECODER_H
#define RFA_DECODER_H

#include "picture.h"

struct rfa_decoder;

enum rfa_which_frame { RFA_FRAME_CURRENT, RFA_FRAME_PREVIOUS };

/* Opens path and decodes the first frame, which becomes CURRENT; its time is 0 from then on. threads: 0 leaves it to
 * FFmpeg. path and log must outlive the decoder. Failure: *out is NULL. */
enum rfa_status rfa_decoder_open(struct rfa_decoder **out, const char *path, int threads, const struct rfa_log *log);

void rfa_decoder_close(struct rfa_decoder **decoder); /* nulls the pointer; NULL is fine */

/* CURRENT becomes PREVIOUS and the next frame CURRENT. At the end nothing moves and *end is true. */
enum rfa_status rfa_decoder_next(struct rfa_decoder *decoder, bool *end);

/* When the frame is displayed: seconds after the first frame of the file, never falling; NaN where a seek led to frames
 * without a time. There must be such a frame. */
double rfa_decoder_seconds(const struct rfa_decoder *decoder, enum rfa_which_frame which);

/* The frame in RGB, upright. Free with rfa_picture_free. */
enum rfa_status rfa_decoder_picture(struct rfa_decoder *decoder, enum rfa_which_frame which, struct rfa_picture *out);

/* Width of a pixel of that picture / height; 1 where the file does not say. */
double rfa_decoder_pixel_aspect(const struct rfa_decoder *decoder, enum rfa_which_frame which);

/* Makes the first frame after a key frame at or before `seconds` CURRENT, there is no PREVIOUS. False: the file does
 * not allow it, or nothing decodes there; then only rewind and close may follow. Where it lands is for the caller to
 * check. */
bool rfa_decoder_seek(struct rfa_decoder *decoder, double seconds);

/* Back to the state after open. */
enum rfa_status rfa_decoder_rewind(struct rfa_decoder *decoder);

struct rfa_decoder_info {
    int width, height;        /* upright, in pixels as stored */
    double frames_per_second; /* nominal; 0: unknown */
    double seconds;           /* length of the file counted from the first frame; 0: unknown */
    double video_end;         /* where its video ends by what it says of itself, counted likewise; 0: it does not say */
    double decoded_end;       /* where the CURRENT frame ends */
    int64_t damaged;          /* packets so far that did not decode */
    int64_t flawed;           /* frames so far in which the decoder had to make something up */
    bool ended;               /* all was read, and every frame was delivered */
    bool broken_end;          /* its last packet or the file itself is incomplete, or reading failed */
    bool seekable;            /* the file can be read again */
    bool live;                /* a camera or a network stream */
};
void rfa_decoder_describe(const struct rfa_decoder *decoder, struct rfa_decoder_info *info);

/* How many frames the container claims, or else how many packets it holds (the file is read through); 0: cannot tell.
 */
int64_t rfa_decoder_expected_frames(const struct rfa_decoder *decoder);

#endif

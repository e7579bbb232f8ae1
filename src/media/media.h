/* Pictures and video in and out, for programs that use librefatom.
 *
 *     rfa_media_sample     a video or a folder of pictures -> the T frames and the key frame that a model wants
 *     rfa_media_stream_*   frame after frame of a file, a network stream or a camera
 *     rfa_media_read       one picture;  rfa_media_write_jpeg  one picture to a file
 *     rfa_media_writer_*   a video file, frame after frame
 *     draw.h               boxes, text, the annotated picture
 *
 * This library allocates, and links FFmpeg (RFA_WITH_FFMPEG) and TurboJPEG (RFA_WITH_TURBOJPEG); the core does neither.
 * In a build without one of them the calls that need it fail with RFA_ERR_UNSUPPORTED and say what is missing. FFmpeg's
 * own messages are never printed; the last one of the calling thread becomes part of ours.
 *
 * Pixels are those that the ffmpeg program writes with `-pix_fmt rgb24`: display orientation applied, sample aspect
 * ratio told (pixel_aspect) but not applied, as the readers of the reference (decord, OpenCV) do. JPEG files are
 * decoded as libjpeg-turbo does by default (accurate DCT, smooth chroma), their EXIF orientation applied.
 *
 * Failures: one message through `log` (may be NULL) that names the file, the reason and the remedy; the out-parameter
 * is NULL. Notices (status RFA_OK) report a file that is cut short, and damaged data that was passed over or mended.
 */
#ifndef RFA_MEDIA_H
#define RFA_MEDIA_H

#include "refatom.h"
#include "config.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A picture that owns its pixels: 8-bit R, G, B, rows of 3 * width bytes without gaps. All zero: no picture. */
struct rfa_picture {
    uint8_t *rgb;
    int width, height;
};

void rfa_picture_free(struct rfa_picture *picture); /* and zeroes it; NULL is fine */

static inline struct rfa_image rfa_picture_image(const struct rfa_picture *picture)
{
    return (struct rfa_image){picture->rgb, picture->width, picture->height, (ptrdiff_t)picture->width * 3};
}

/* ------------------------------------------------------------------ which frames */

/* The frames that a model looks at, among n (specification 2.1). index[frames] and *key receive positions in 0 ... n-1;
 *     SPREAD  floor(i (n-1) / (frames-1))   key n/2      FIRST  i, or -1 (an all-black frame) where i >= n   key n/2
 *     DEMO    floor(i n / frames)           key n/2      STILL  always 0, the key too
 * With fewer than `frames` frames SPREAD and DEMO repeat some. frames >= 1, 1 <= n < 2^40. */
void rfa_sample_indices(int64_t *index, int64_t *key, int frames, int64_t n, enum rfa_sampling sampling);

/* ------------------------------------------------------------------ a clip */

struct rfa_clip_request {
    int frames; /* T, 1 ... 1024 */
    enum rfa_sampling sampling;
    double at_seconds;     /* centre of the window, from the first frame; negative or NaN: the whole video is sampled */
    double window_seconds; /* 0: 3, the dataset's */
    int window_frames;     /* 0: 90, the dataset's 30 frames a second */
    int threads;           /* for decoding; 0: as many as FFmpeg thinks fit */
};

struct rfa_clip_frame {
    int64_t index;  /* among the `total` frames sampled from; -1: black, the video is too short */
    double seconds; /* when it is displayed, counted from the first frame; in a folder: position / (frames a second) */
};

struct rfa_clip {
    int frames;                   /* T */
    int width, height;            /* of the key frame, upright, in pixels as stored */
    double pixel_aspect;          /* of it: width of a pixel / height; 1 where the file does not say */
    int64_t total;                /* frames sampled from: all of the video, or the window */
    bool cut_short;               /* the video ends before it should; there was a notice */
    int64_t damaged;              /* packets that did not decode, frames with errors, damaged pictures; likewise */
    struct rfa_image *images;     /* [frames]; equal frames share their pixels */
    struct rfa_clip_frame *shown; /* [frames] */
    struct rfa_image key;
    struct rfa_clip_frame key_shown;
    struct rfa_picture *pictures; /* private: the pixels behind the images */
    int picture_count;
};

/* Reads the frames that request asks for; only these are converted and kept.
 *
 * path: anything FFmpeg reads (file, URL, image sequence pattern), or a folder or glob of pictures (.jpg, .jpeg, .png,
 * .bmp, .webp, .ppm), sorted naturally (img2 before img10), or one picture.
 *
 * Whole video: the number of frames n is the number that decode. The container's count is tried first, or, where it has
 * none, the number of packets; should decoding find another n, the video is decoded a second time. Everything up to the
 * end is decoded. At a time: frame k of the window is the one on display at at - window/2 + k window/frames, and the
 * nearest one before the first or after the last. One millisecond is forgiven, because some containers round to it. The
 * video is decoded from the last key frame before the window. A folder counts as window_frames / window_seconds frames
 * a second.
 *
 * Free with rfa_clip_free. Failures: RFA_ERR_ARG, RFA_ERR_IO, RFA_ERR_FORMAT, RFA_ERR_UNSUPPORTED, RFA_ERR_NOMEM. */
RFA_CHECKED enum rfa_status rfa_media_sample(struct rfa_clip **out, const char *path,
                                             const struct rfa_clip_request *request, const struct rfa_log *log);

void rfa_clip_free(struct rfa_clip **clip); /* nulls the pointer; NULL is fine */

/* ------------------------------------------------------------------ frame after frame */

struct rfa_media_stream;

struct rfa_stream_options {
    double
        frames_per_second; /* thins out: frames that come sooner than this after the last one are passed over; 0: all */
    double start_seconds;  /* start here; 0: at the beginning. Not for cameras. */
    int threads;           /* as in rfa_clip_request */
};

struct rfa_stream_info {
    int width, height;        /* upright, in pixels as stored; 0 for a folder, whose pictures may differ */
    double pixel_aspect;      /* of the first frame, as in struct rfa_clip */
    double frames_per_second; /* nominal, of what is delivered; 0: unknown */
    double seconds;           /* length; 0: unknown or endless */
    bool live;                /* a camera or a network stream: frames come at their own pace */
};

/* Opens what rfa_media_sample reads, or a camera (/dev/video0, where built with libavdevice). options may be NULL. */
RFA_CHECKED enum rfa_status rfa_media_stream_open(struct rfa_media_stream **out, const char *path,
                                                  const struct rfa_stream_options *options, const struct rfa_log *log);

void rfa_media_stream_describe(const struct rfa_media_stream *stream, struct rfa_stream_info *info);

/* The next frame; its pixels belong to the stream and are valid until the next call. At the end image->rgb is NULL and
 * the status RFA_OK. *seconds (may be NULL) is its time since the first frame. */
RFA_CHECKED enum rfa_status rfa_media_stream_next(struct rfa_media_stream *stream, struct rfa_image *image,
                                                  double *seconds);

void rfa_media_stream_close(struct rfa_media_stream **stream); /* nulls the pointer; NULL is fine */

/* ------------------------------------------------------------------ pictures and video files out */

/* One picture file of any format. Free with rfa_picture_free. */
RFA_CHECKED enum rfa_status rfa_media_read(struct rfa_picture *out, const char *path, const struct rfa_log *log);

/* quality 1 ... 100. A file that could not be written completely is removed; a device or pipe is not. */
RFA_CHECKED enum rfa_status rfa_media_write_jpeg(const char *path, const struct rfa_image *image, int quality,
                                                 const struct rfa_log *log);

struct rfa_media_writer;

/* Whether a video of any size and rate can be written under this name, by its ending and with the encoders that there
 * are: before the work whose result it shall hold. */
RFA_CHECKED enum rfa_status rfa_media_writer_check(const char *path, const struct rfa_log *log);

/* Starts a video file of square pixels; container by the ending of path, codec H.264 or else MPEG-4 or what the
 * container takes. An odd last column or row is cropped. frames_per_second, above 0, is brought into 1 ... 240; where
 * the format knows certain rates only (MPEG-1, MXF), it becomes the next faster one of these, or the fastest. Sides 16
 * ... 16384. */
RFA_CHECKED enum rfa_status rfa_media_writer_open(struct rfa_media_writer **out, const char *path, int width,
                                                  int height, double frames_per_second, const struct rfa_log *log);

/* Appends one frame, displayed from `seconds` on (of any origin, rising; NaN: one frame after the last), as near as the
 * file's rate allows. One that would come half a second late is left out; in a file that is slower than the rate given
 * to open, one that would come half a frame late. Where the format has a frame at each tick of its rate, the last one
 * is repeated meanwhile, for at most ten minutes. Another size than that given to open is scaled to it. */
RFA_CHECKED enum rfa_status rfa_media_writer_add(struct rfa_media_writer *writer, const struct rfa_image *image,
                                                 double seconds);

/* Finishes the file; frees the writer and nulls the pointer whatever happens. NULL is fine. */
RFA_CHECKED enum rfa_status rfa_media_writer_close(struct rfa_media_writer **writer);

#ifdef __cplusplus
}
#endif

#endif

/* Whether reading a file ended where the file does by the rules of its format. Private to src/media. */
#ifndef RFA_FILE_END_H
#define RFA_FILE_END_H

#include <stdbool.h>
#include <stdint.h>

#if RFA_WITH_FFMPEG

#include <libavformat/avformat.h>

/* After av_read_frame has failed with `error`: true where data is missing behind. last_end: where the furthest packet
 * ended in the file, -1 if unknown; incomplete: FFmpeg says so of the last packet. What the file says of its length is
 * not looked at. A seekable file may be read again. */
bool rfa_file_end_is_early(const AVFormatContext *container, int error, int64_t last_end, bool incomplete);

#endif
#endif

/* What is wrong with a video that was decoded all the same. Private to src/media. */
#ifndef RFA_DAMAGE_H
#define RFA_DAMAGE_H

#include "decoder.h"

/* Whether the file was read to its end, and that came too soon: in the middle of a packet, by a failure to read, or
 * half a second or more before the video ends by what the file says of itself. */
bool rfa_damage_cut_short(const struct rfa_decoder_info *info);

/* Notices, at most one for a file that is cut short and one for what did not decode cleanly. */
void rfa_damage_report(const struct rfa_decoder_info *info, const char *path, const struct rfa_log *log);

#endif

#include "damage.h"
#include "error.h"

/* Containers round, and what they say of the last frame's length is not always its length. */
static const double END_TOLERANCE = 0.5;

static bool ends_too_soon(const struct rfa_decoder_info *info)
{
    return info->video_end - info->decoded_end >= END_TOLERANCE;
}

bool rfa_damage_cut_short(const struct rfa_decoder_info *info)
{
    return info->ended && (info->broken_end || ends_too_soon(info));
}

static void report_cut(const struct rfa_decoder_info *info, const char *path, const struct rfa_log *log)
{
    if (ends_too_soon(info))
        (void)rfa_fail(
            log, RFA_OK,
            "%s: is cut short: %.1f of its %.1f s can be decoded, and only these are looked at; give the complete "
            "file",
            path, info->decoded_end, info->video_end);
    else
        (void)rfa_fail(log, RFA_OK, "%s: is cut short: nothing behind %.1f s can be read; give the complete file", path,
                       info->decoded_end);
}

void rfa_damage_report(const struct rfa_decoder_info *info, const char *path, const struct rfa_log *log)
{
    if (rfa_damage_cut_short(info))
        report_cut(info, path, log);
    if (info->damaged + info->flawed > info->broken_end) /* the packet that was cut is one of them */
        (void)rfa_fail(log, RFA_OK,
                       "%s: is damaged: %lld packets were passed over, %lld frames have errors; what could be decoded "
                       "is used",
                       path, (long long)info->damaged, (long long)info->flawed);
}

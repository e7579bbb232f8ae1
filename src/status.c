#include "error.h"

#include <stdarg.h>
#include <stdio.h>

const char *rfa_status_str(enum rfa_status status)
{
    switch (status) {
    case RFA_OK:
        return "ok";
    case RFA_ERR_ARG:
        return "wrong argument";
    case RFA_ERR_NOMEM:
        return "not enough memory";
    case RFA_ERR_FORMAT:
        return "damaged or foreign file";
    case RFA_ERR_SHAPE:
        return "tensor missing or of the wrong shape";
    case RFA_ERR_UNSUPPORTED:
        return "not supported by this build or machine";
    case RFA_ERR_IO:
        return "input or output failed";
    case RFA_ERR_DEVICE:
        return "device backend failed";
    case RFA_ERR_INTERNAL:
        return "internal error";
    }
    return "unknown status";
}

enum rfa_status rfa_fail(const struct rfa_log *log, enum rfa_status status, const char *format, ...)
{
    if (log && log->write) {
        char message[1024];
        va_list args;
        va_start(args, format);
        vsnprintf(message, sizeof message, format, args);
        va_end(args);
        log->write(log->user, status, message);
    }
    return status;
}

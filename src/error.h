/* How failures travel inside the library: a status is returned, one message is written where it is known. */
#ifndef RFA_ERROR_H
#define RFA_ERROR_H

#include "refatom.h"
#include "str.h"

/* Formats a message of at most 1,023 bytes, hands it to log->write (log or log->write may be NULL: then it is dropped)
 * and returns `status`, so that a failure is one statement: return rfa_fail(log, RFA_ERR_FORMAT, "...", ...). */
enum rfa_status rfa_fail(const struct rfa_log *log, enum rfa_status status, const char *format, ...)
#if defined(__GNUC__) || defined(__clang__)
    __attribute__((format(printf, 3, 4)))
#endif
    ;

/* Forwards a failure of `expr` to the caller. */
#define RFA_TRY(expr)                                                                                                  \
    do {                                                                                                               \
        enum rfa_status rfa_try_status_ = (expr);                                                                      \
        if (rfa_try_status_ != RFA_OK)                                                                                 \
            return rfa_try_status_;                                                                                    \
    } while (0)

#endif

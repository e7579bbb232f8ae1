/* Prepared inputs from a GGUF file: frames, key_frame, sentence_ids, keyword_ids. */
#ifndef RFA_CLI_CASE_H
#define RFA_CLI_CASE_H

#include "refatom.h"

/* Encodes all inputs of the case in `path` into the session. */
RFA_CHECKED enum rfa_status rfa_case_encode(rfa_session *session, const rfa_model *model, const char *path,
                                            const struct rfa_log *log);

#endif

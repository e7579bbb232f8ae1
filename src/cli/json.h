/* Reader of a configuration: one flat JSON object (RFC 8259) of numbers, strings, truth values, and arrays of numbers
 * or of strings. */
#ifndef RFA_CLI_JSON_H
#define RFA_CLI_JSON_H

#include "metadata.h"

/* Adds every member as <prefix><key> to the list: whole numbers as integers, others as numbers with a fraction; an
 * array of numbers is of whole ones from 0 to 2^32-1 or, if one of them has a fraction, of float32. Anything else
 * (null, nesting, mixed or empty arrays, repeated keys, text behind the object): RFA_ERR_FORMAT with the line. The
 * failure is also the list's. */
enum rfa_status rfa_json_read(struct rfa_metadata *m, const char *prefix, const char *text, size_t length);

#endif

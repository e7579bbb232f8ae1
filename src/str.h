/* Strings that are not terminated by a zero byte. */
#ifndef RFA_STR_H
#define RFA_STR_H

#include <stddef.h>
#include <string.h>

/* A view into somebody else's memory. */
struct rfa_str {
    const char *data;
    size_t len; /* bytes */
};

#define RFA_STR(literal) ((struct rfa_str){"" literal, sizeof(literal) - 1})

/* Below, equal to or above 0 as a is before, equal to or behind b in the order of bytes; a prefix is before what it
 * begins. */
static inline int rfa_str_order(struct rfa_str a, struct rfa_str b)
{
    int order = memcmp(a.data, b.data, a.len < b.len ? a.len : b.len);
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* The same for sorting and searching an array of struct rfa_str. */
static inline int rfa_str_compare(const void *a, const void *b)
{
    return rfa_str_order(*(const struct rfa_str *)a, *(const struct rfa_str *)b);
}

#endif

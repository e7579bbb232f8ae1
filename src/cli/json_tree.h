/* One JSON text (RFC 8259) as a tree. */
#ifndef RFA_CLI_JSON_TREE_H
#define RFA_CLI_JSON_TREE_H

#include <stdint.h>

#include "error.h"

enum rfa_json_kind {
    RFA_JSON_NULL,
    RFA_JSON_FALSE,
    RFA_JSON_TRUE,
    RFA_JSON_NUMBER,
    RFA_JSON_STRING,
    RFA_JSON_ARRAY,
    RFA_JSON_OBJECT
};

struct rfa_json {
    enum rfa_json_kind kind;
    struct rfa_str name;   /* of a member of an object */
    struct rfa_str string; /* UTF-8, escapes decoded; data[len] is 0 */
    double number;         /* finite */
    bool whole;            /* the number is written without a fraction or exponent */
    size_t at;             /* where the value begins in the text, in bytes */
    uint32_t items;        /* of an array or object */
    uint32_t first, next;  /* positions in the tree: first item, next item of the same parent; 0: none */
};

/* Begins as all zeros; may be parsed into again and again. Everything in it is valid until the next time. */
struct rfa_json_tree {
    struct rfa_json *node; /* node[0] is the text's value */
    uint32_t count, capacity;
    char *text;
    size_t text_used, text_capacity;
    size_t wrong_at; /* where the last text was found to be wrong, in bytes */
};

/* NULL, or what is wrong with the text (static storage) at tree->wrong_at. */
const char *rfa_json_parse(struct rfa_json_tree *tree, const char *text, size_t length);

void rfa_json_tree_free(struct rfa_json_tree *tree);

/* The member of an object, the last one of this name; NULL where there is none or `object` is none. */
const struct rfa_json *rfa_json_member(const struct rfa_json_tree *tree, const struct rfa_json *object,
                                       const char *name);

/* The member if it is of this kind, else NULL. */
const struct rfa_json *rfa_json_member_of(const struct rfa_json_tree *tree, const struct rfa_json *object,
                                          const char *name, enum rfa_json_kind kind);

/* First item of an array or object, next item; NULL at the end. */
const struct rfa_json *rfa_json_first(const struct rfa_json_tree *tree, const struct rfa_json *parent);
const struct rfa_json *rfa_json_next(const struct rfa_json_tree *tree, const struct rfa_json *item);

/* Copies an array of exactly n numbers; false where it is something else. array may be NULL. */
bool rfa_json_numbers(const struct rfa_json_tree *tree, const struct rfa_json *array, double *out, size_t n);

#endif

/* The tensors that a configuration's model has, as its builders ask for them, each once, in the order of their first
 * use. */
#ifndef RFA_CLI_DEMANDS_H
#define RFA_CLI_DEMANDS_H

#include "graph.h"

struct rfa_demands {
    struct rfa_demand *item; /* with names of their own */
    size_t count, capacity;
    bool no_memory;
};

/* Fills the list; `path` is for messages. Without a file (gguf NULL) RefAtomNet's is RFA_ERR_UNSUPPORTED: its
 * configuration leaves some sizes to the file. Free with rfa_demands_free, also after a failure. */
enum rfa_status rfa_demands_list(struct rfa_demands *d, const struct rfa_config *config, const struct rfa_gguf *gguf,
                                 const char *path, const struct rfa_log *log);
void rfa_demands_free(struct rfa_demands *d);

#endif

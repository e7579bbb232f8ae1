/* Pictures of a score as SVG: precision over recall of every class, and which action is taken for which. */
#ifndef RFA_CLI_PLOT_H
#define RFA_CLI_PLOT_H

#include "score.h"

/* Writes one <svg> element; RFA_ERR_NOMEM alone can fail. Whether the file took it, ferror says. */
RFA_CHECKED enum rfa_status rfa_plot_svg(FILE *out, const struct rfa_score *score, const struct rfa_results_run *run,
                                         const struct rfa_samples *samples);

#endif

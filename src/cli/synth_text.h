/* What a synthetic model says besides its sizes: preprocessing, vocabulary, stop words, labels. */
#ifndef RFA_CLI_SYNTH_TEXT_H
#define RFA_CLI_SYNTH_TEXT_H

#include "metadata.h"

/* Adds what the configuration leaves out. The preprocessing is that of RefAtomNet++'s evaluation loader. The vocabulary
 * spells any ASCII text letter by letter, with BERT's special tokens at BERT's places where it is large enough. */
void rfa_synth_defaults(struct rfa_metadata *m);

#endif

/* The networks. Each function appends its steps to the graph under construction and returns the tensor of its result.
 */
#ifndef RFA_MODELS_H
#define RFA_MODELS_H

#include "graph.h"

/* frames [F*3*H, W] normalised pixels -> [F*tokens, vit_dim], after ln_vision. */
int rfa_model_vit(struct rfa_build *b, const struct rfa_config *c, int frames);

/* image [F*tokens, vit_dim] -> [F*visual_tokens, qformer_dim]. */
int rfa_model_qformer_image(struct rfa_build *b, const struct rfa_config *c, int image);

/* ids [L] -> [L, qformer_dim]. */
int rfa_model_qformer_text(struct rfa_build *b, const struct rfa_config *c, int ids);

/* ids [S] -> [S, opt_dim]. */
int rfa_model_opt(struct rfa_build *b, const struct rfa_config *c, int ids);

/* pixels [3*h, w] -> class scores [Q, classes] and *boxes [Q, 4] (cx, cy, w, h). */
int rfa_model_detr(struct rfa_build *b, const struct rfa_config *c, int pixels, int *boxes);

/* The stage outputs that a head reads, and what it answers. */
struct rfa_head_inputs {
    int visual;      /* [T*N, D] the clip's visual tokens, frame after frame */
    int visual_unit; /* [T*N, D] the same, unit rows (RefAtomNet++ only) */
    int sentence;    /* [1, D] mean sentence state */
    int keywords;    /* [S, D] unit rows of the projected keyword states (RefAtomNet++ only) */
    int persons;     /* [Q, D] person tokens; for RefAtomNet++ persons_unit holds their unit rows */
    int persons_unit;
};

/* Both set port.logits [1, actions] and port.box [1, 4] (x1, y1, x2, y2): RefAtomNet++'s head, which also sets the
 * indices and margins of retrieval, and RefAtomNet's. */
void rfa_model_head(struct rfa_build *b, const struct rfa_config *c, const struct rfa_head_inputs *in);
void rfa_model_head_v1(struct rfa_build *b, const struct rfa_config *c, const struct rfa_head_inputs *in);

#endif

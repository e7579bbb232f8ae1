/* The model file's hyper-parameters, range-checked. Every size of the model comes from here; nothing is a constant of
 * the code. */
#ifndef RFA_CONFIG_H
#define RFA_CONFIG_H

#include "gguf.h"

enum rfa_variant {
    RFA_VARIANT_REFATOMNET_PP,
    RFA_VARIANT_REFATOMNET
}; /* "refatomnet++", "refatomnet" (the 2024 model) */

enum rfa_sampling {
    RFA_SAMPLING_SPREAD, /* "spread": floor(i (n-1) / (T-1)); key frame n/2 */
    RFA_SAMPLING_FIRST,  /* "first": the first T frames */
    RFA_SAMPLING_DEMO,   /* "demo": floor(i n / T) of the whole video */
    RFA_SAMPLING_STILL   /* "still": T times frame 0, as the released loaders do */
};

enum rfa_filter { RFA_FILTER_BILINEAR, RFA_FILTER_BICUBIC };

enum rfa_resize_method {
    RFA_RESIZE_TENSOR,       /* "tensor": float, torch's interpolate with antialias */
    RFA_RESIZE_TENSOR_NO_AA, /* "tensor-no-antialias" */
    RFA_RESIZE_PILLOW        /* "pillow": 8-bit fixed point, bit-exact with Pillow */
};

/* How an image becomes a network input. Keys: refatom.<frame|key>.{filter,resize,mean,std}. */
struct rfa_preprocess {
    enum rfa_filter filter;
    enum rfa_resize_method resize;
    float mean[3], std[3]; /* per channel of the network input, after /255 */
};

enum {
    RFA_MAX_KEYWORDS = 1024, /* bound of keyword_limit */
    RFA_MAX_MLP = 65536      /* of the widths inside feed-forward layers, also of those that have no key */
};

struct rfa_config {
    struct rfa_str name; /* refatom.name or general.name; "unnamed" without either */
    enum rfa_variant variant;
    /* One field per entry of the configuration, key refatom.<field>, an integer of any stored type unless noted. There
     * is no default: a missing key is an error. For refatomnet opt_*, keyword_limit, fusion_* and mamba_* may be absent
     * or 0 and mean nothing. cls_id and sep_id are where the vocabulary must have [CLS] and [SEP]. */
    uint32_t frames, actions;
    uint32_t image_size, patch, vit_dim, vit_heads, vit_mlp, vit_layers;
    uint32_t visual_tokens, qformer_dim, qformer_heads, qformer_mlp, qformer_layers, cross_every;
    uint32_t vocab, text_positions, cls_id, sep_id;
    uint32_t opt_dim, opt_heads, opt_mlp, opt_layers, opt_vocab, opt_positions, keyword_limit;
    uint32_t key_frame_size[2]; /* height, width; array of 2 */
    uint32_t resnet_width, resnet_blocks[4], detr_dim, detr_heads, detr_mlp, detr_encoder, detr_decoder, detr_queries;
    uint32_t detr_classes, person_class;
    uint32_t fusion_dim, fusion_heads, mamba_state, mamba_conv, mamba_expand;
    /* Variant flags. Defaults: a sigmoid except for refatomnet, both, 2, 1. */
    bool box_sigmoid;       /* bool */
    bool both_branches;     /* refatom.branches: string "both" or "2" */
    uint32_t logit_divisor; /* 2 or 3: logits = (cls1 + cls2) / logit_divisor when both branches are used */
    uint32_t mamba_depth;   /* 1 or 2 */
    /* Preprocessing profile. Defaults, as for the prompt: RefAtomNet++'s evaluation loader (bgr; frames bicubic by
     * tensor, key frame bicubic by Pillow; mean 0.45, std 0.25; binary16; spread). */
    bool fp16_pixels; /* frames are rounded to binary16 before the ViT */
    bool bgr;         /* refatom.channel_order: string "bgr" or "rgb" */
    bool negative;    /* refatom.negative: pixels become (256 - x) mod 256, as RefAtomNet's loader does */

    enum rfa_sampling sampling;
    struct rfa_preprocess frame, key;
    /* Text. */
    struct rfa_str prompt;                   /* refatom.prompt, prepended to the sentence */
    const struct rfa_gguf_value *stop_words; /* refatom.stop_words, string array */
    const struct rfa_gguf_value *labels;     /* refatom.labels, string array of `actions` */
    const struct rfa_gguf_value *tokens;     /* tokenizer.ggml.tokens, string array of `vocab`, or one more: [DEC] */
};

/* Reads and checks every key: present, of the right kind, inside the ranges in which no later size computation can
 * overflow (no array of the networks passes 2^29 values), and consistent (heads divide widths, patch divides
 * image_size, ids below their tables, ...). Strings and arrays remain views into the file. Failure: *config is all
 * zero; RFA_ERR_FORMAT naming the key, RFA_ERR_UNSUPPORTED for another architecture, naming it. */
enum rfa_status rfa_config_read(struct rfa_config *config, const struct rfa_gguf *gguf, const char *name,
                                const struct rfa_log *log);

#endif

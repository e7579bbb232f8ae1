#!/usr/bin/env python3
"""A case of RefAtomNet, the 2024 model: a random checkpoint under its original names and the reference's tensors.

    python3 make_first_case.py ORACLE CONFIG.json SEED OUT.safetensors CASE.gguf

ORACLE is the folder of the reference implementation (oracle.py, synth.py). Weights are rounded to float16 first, so that a float16 model
file loses nothing. The keyword path of the configuration is not used.
"""
import argparse
import json
import sys

import numpy as np

AGENTS = 4


def agent_block(b, p, d):
    b.norm(p + "norm1", d)
    b.linear(p + "attn.qkv", 3 * d, d, 2.0, bias=False)
    b.linear(p + "attn.pool.0", d // 2, d, 2.0)
    b.linear(p + "attn.pool.2", AGENTS * d, d // 2, 2.0)
    b.linear(p + "attn.proj", d, d)
    b.norm(p + "norm2", d)
    b.linear(p + "mlp.fc1", 4 * d, d)
    b.linear(p + "mlp.fc2", d, 4 * d)


def head(b, c):
    d = c["qformer_dim"]
    b.linear("proj", d, d + 4)
    b.linear("proj_box", c["visual_tokens"], c["detr_queries"])
    b.linear("proj_sem", c["visual_tokens"], 1)
    for name in ("agent_box.", "agent_semantic.", "agent_temporal."):
        agent_block(b, name, d)
    for name, layers, widths in (("bbox_regressio_head", (0, 2, 4), (d - 5, 11, 4)),
                                 ("classification_head", (0, 3, 5), (d - 3, 13, c["actions"]))):
        inputs = d
        for layer, outputs in zip(layers, widths):
            b.linear(f"{name}.{layer}", outputs, inputs, 1.4)
            inputs = outputs


def checkpoint(synth, c, seed):
    b = synth.Builder(seed, np.float16)
    synth.vit(b, "model.visual_encoder.", c)
    b.norm("model.ln_vision", c["vit_dim"])
    b.normal("model.query_tokens", (1, c["visual_tokens"], c["qformer_dim"]), 1.0)
    synth.qformer(b, "model.Qformer.bert.", c)
    synth.detr(b, "detection_model.", c)
    head(b, c)
    return b.tensors


def run(oracle, tensors, c, x):
    """As oracle.run, without the keyword path."""
    w = oracle.Weights(tensors)
    bert, queries, heads = w.at("model.Qformer.bert."), w("model.query_tokens")[0], c["qformer_heads"]
    pixels = x["frames"].astype(np.float16).astype(np.float64)
    r = {"vision": np.stack([oracle.layer_norm(oracle.vit(f, w.at("model.visual_encoder."), c["vit_heads"]), w, "model.ln_vision", 1e-5)
                             for f in pixels])}
    r["visual"] = np.stack([oracle.qformer_image(v, bert, queries, heads) for v in r["vision"]])
    r["sentence_states"] = oracle.qformer_text(x["sentence_ids"], bert, heads)
    r["detr_logits"], r["detr_boxes"] = oracle.detr(x["key_frame"].astype(np.float64), w.at("detection_model."), c["detr_heads"])
    world = tensors["world"].astype(np.float64)
    r["box_tokens"] = oracle.detection_tokens(r["detr_logits"], r["detr_boxes"], world, w)
    r |= oracle.refatomnet_v1_head(r["visual"], r["sentence_states"], r["detr_logits"], r["detr_boxes"], world, w)
    r["probabilities"] = oracle.sigmoid(r["logits"])
    return r


def main():
    a = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    a.add_argument("oracle")
    a.add_argument("config")
    a.add_argument("seed", type=int)
    a.add_argument("output")
    a.add_argument("case")
    o = a.parse_args()
    sys.path.insert(0, o.oracle)
    import oracle
    import synth

    config = synth.load_config(o.config)
    tensors = checkpoint(synth, config, o.seed)
    tensors["world"] = synth.world(config, o.seed)
    x = synth.inputs(config, o.seed)
    del x["keyword_ids"]
    synth.set_person_rate(tensors, config, x["key_frame"], 0.4)
    oracle.save(o.output, tensors, {"config": json.dumps(config | {"variant": "refatomnet", "box_sigmoid": False}), "seed": o.seed})
    case = x | {k: v if v.dtype == np.int32 else v.astype(np.float32) for k, v in run(oracle, tensors, config, x).items()}
    oracle.save(o.case, case, {"config": json.dumps(config), "seed": o.seed})


if __name__ == "__main__":
    main()

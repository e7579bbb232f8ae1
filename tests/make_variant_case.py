#!/usr/bin/env python3
"""A case with variant flags: a random checkpoint and every tensor of the reference, computed around the reference's own functions.

    python3 make_variant_case.py ORACLE CONFIG.json SEED OUT.safetensors CASE.gguf [--no-box-sigmoid] [--branches 2]
                                 [--logit-divisor 3] [--mamba-depth 2]

ORACLE is the folder of the reference implementation (oracle.py, synth.py). Weights are rounded to float16 first, so that a float16 model
file loses nothing. The flags travel in the checkpoint's configuration.
"""
import argparse
import json
import sys

import numpy as np


def add_second_mambas(synth, tensors, config, seed):
    """The three Mambas of the fusion width are stacked twice; the keyword scan before them is not."""
    builder = synth.Builder(seed, np.float16)
    for name in ("mamba_fusion_temp", "mamba_bbox", "mamba_image"):
        synth.mamba(builder, name + ".2.", config["fusion_dim"], config)
    tensors.update(builder.tensors)


def stack_mambas(oracle):
    """Lets the head run a second Mamba where the checkpoint has one behind the first."""
    once = oracle.mamba

    def stacked(x, w):
        x = once(x, w)
        behind = oracle.Weights(w.t, w.p[:-len("1.")] + "2.", w.dtype)
        return once(x, behind) if w.p.endswith(".1.") and behind.has("A_log") else x

    oracle.mamba = stacked


def main():
    a = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    a.add_argument("oracle")
    a.add_argument("config")
    a.add_argument("seed", type=int)
    a.add_argument("output")
    a.add_argument("case")
    a.add_argument("--no-box-sigmoid", dest="box_sigmoid", action="store_false")
    a.add_argument("--branches", choices=("both", "2"), default="both")
    a.add_argument("--logit-divisor", type=int, choices=(2, 3), default=2)
    a.add_argument("--mamba-depth", type=int, choices=(1, 2), default=1)
    o = a.parse_args()
    sys.path.insert(0, o.oracle)
    import oracle
    import synth

    flags = {k: getattr(o, k) for k in ("box_sigmoid", "branches", "logit_divisor", "mamba_depth")}
    config = synth.load_config(o.config)
    tensors = synth.checkpoint(config, o.seed, np.float16)
    tensors["world"] = synth.world(config, o.seed)
    x = synth.inputs(config, o.seed)
    synth.set_person_rate(tensors, config, x["key_frame"], 0.4)
    if o.mamba_depth == 2:
        add_second_mambas(synth, tensors, config, o.seed)
        stack_mambas(oracle)
    oracle.save(o.output, tensors, {"config": json.dumps(config | flags), "seed": o.seed})

    r = oracle.run(tensors, config, x["frames"], x["key_frame"], x["sentence_ids"], x["keyword_ids"], tensors["world"])
    r |= oracle.head(r["visual"], r["keyword_states"], r["sentence_states"], r["detr_logits"], r["detr_boxes"],
                     tensors["world"].astype(np.float64), oracle.Weights(tensors, "", np.float64), config["fusion_heads"],
                     box_sigmoid=o.box_sigmoid, branches=o.branches)
    if o.branches == "both":
        r["logits"] = (r["logits1"] + r["logits2"]) / o.logit_divisor
        r["probabilities"] = oracle.sigmoid(r["logits"])
    case = x | {k: v.astype(np.int32 if k.endswith("index") else np.float32) for k, v in r.items()}
    oracle.save(o.case, case, {"config": json.dumps(config), "seed": o.seed})


if __name__ == "__main__":
    main()

"""What the model file must hold, computed from the original tensors by plain formulas, apart from the converter."""
import math

import numpy as np


def _conv(kernel):
    out, channels, rows, columns = kernel.shape
    return np.array([[kernel[o, ch, r, x] for r in range(rows) for x in range(columns) for ch in range(channels)] for o in range(out)])


def _panel(values):
    channels, taps = values.shape
    out = np.zeros((math.ceil(channels / 16), taps, 16))
    for channel in range(channels):
        for tap in range(taps):
            out[channel // 16, tap, channel % 16] = values[channel, tap]
    return out


def _positions(h, w, d):
    out = np.zeros((h * w, d))
    for i in range(h):
        for j in range(w):
            for k in range(d // 4):
                scale = 10000 ** (2 * k / (d // 2))
                for half, angle in ((0, (i + 1) / (h + 1e-6) * 2 * math.pi), (d // 2, (j + 1) / (w + 1e-6) * 2 * math.pi)):
                    out[i * w + j, half + 2 * k] = math.sin(angle / scale)
                    out[i * w + j, half + 2 * k + 1] = math.cos(angle / scale)
    return out


class Expected(dict):
    """{name in the file: array}. `w` are the original tensors as float64."""

    def __init__(self, tensors, c, blip="modelblip."):
        super().__init__()
        self.w, self.c = {k: v.astype(np.float64) for k, v in tensors.items()}, c
        self.vit(blip + "visual_encoder.", blip)
        self.qformer(blip)
        self.detr("detection_model.")
        self["head.box.proj.weight"] = self.w["proj.weight"][:, :4]
        self["head.box.proj.bias"] = self.w["proj.weight"][:, 4:] @ self.w["world"] + self.w["proj.bias"]

    def both(self, name, *sources, rows=slice(None)):
        for kind in ("weight", "bias"):
            if f"{sources[0]}.{kind}" in self.w:
                self[f"{name}.{kind}"] = np.concatenate([self.w[f"{s}.{kind}"] for s in sources])[rows]

    def packed(self, name, source, begin, end, width):
        rows = slice(begin * width, end * width)
        self[name + ".weight"], self[name + ".bias"] = self.w[source + "in_proj_weight"][rows], self.w[source + "in_proj_bias"][rows]

    def vit(self, s, blip):
        w = self.w
        self["vit.cls"], self["vit.pos"] = w[s + "cls_token"][0, 0], w[s + "pos_embed"][0]
        self["vit.patch.weight"], self["vit.patch.bias"] = _conv(w[s + "patch_embed.proj.weight"]), w[s + "patch_embed.proj.bias"]
        for i in range(self.c["vit_layers"]):
            t, b = f"vit.blk.{i}.", f"{s}blocks.{i}."
            for name, source in (("norm1", "norm1"), ("norm2", "norm2"), ("out", "attn.proj"), ("fc1", "mlp.fc1"), ("fc2", "mlp.fc2")):
                self.both(t + name, b + source)
            self[t + "qkv.weight"] = w[b + "attn.qkv.weight"]
            self[t + "qkv.bias"] = np.concatenate([w[b + "attn.q_bias"], np.zeros(self.c["vit_dim"]), w[b + "attn.v_bias"]])
        self.both("vit.norm", blip + "ln_vision")

    def qformer(self, blip):
        s, w = blip + "Qformer.bert.", self.w
        self["qf.query"] = w[blip + "query_tokens"][0]
        self["qf.tok"], self["qf.pos"] = (w[f"{s}embeddings.{n}_embeddings.weight"] for n in ("word", "position"))
        self.both("qf.norm", s + "embeddings.LayerNorm")
        for i in range(self.c["qformer_layers"]):
            t, b = f"qf.blk.{i}.", f"{s}encoder.layer.{i}."
            self.both(t + "qkv", *(f"{b}attention.self.{n}" for n in ("query", "key", "value")))
            self.both(t + "out", b + "attention.output.dense")
            self.both(t + "norm1", b + "attention.output.LayerNorm")
            if i % self.c["cross_every"] == 0:
                self.both(t + "cross.q", b + "crossattention.self.query")
                self.both(t + "cross.kv", b + "crossattention.self.key", b + "crossattention.self.value")
                self.both(t + "cross.out", b + "crossattention.output.dense")
                self.both(t + "cross.norm", b + "crossattention.output.LayerNorm")
            for path, suffix in (("img", "_query"), ("txt", "")):
                self.both(f"{t}{path}.fc1", f"{b}intermediate{suffix}.dense")
                self.both(f"{t}{path}.fc2", f"{b}output{suffix}.dense")
                self.both(f"{t}{path}.norm2", f"{b}output{suffix}.LayerNorm")

    def opt(self, rows):
        s, w = "llm_model.opt_model.model.decoder.", self.w
        self["opt.tok"] = w[s + "embed_tokens.weight"][:rows]
        self["opt.pos"] = w[s + "embed_positions.weight"][2:2 + self.c["keyword_limit"]]
        for i in range(self.c["opt_layers"]):
            t, b = f"opt.blk.{i}.", f"{s}layers.{i}."
            self.both(t + "qkv", *(f"{b}self_attn.{n}_proj" for n in "qkv"))
            for name, source in (("norm1", "self_attn_layer_norm"), ("out", "self_attn.out_proj"), ("norm2", "final_layer_norm"),
                                 ("fc1", "fc1"), ("fc2", "fc2")):
                self.both(t + name, b + source)
        self.both("opt.norm", s + "final_layer_norm")
        return self

    def folded(self, name, conv, norm):
        w = self.w
        scale = w[norm + ".weight"] / np.sqrt(w[norm + ".running_var"] + 1e-5)
        self[name + ".weight"] = _conv(w[conv + ".weight"] * scale[:, None, None, None])
        self[name + ".bias"] = w[norm + ".bias"] - w[norm + ".running_mean"] * scale

    def detr(self, s):
        w, d, body = self.w, self.c["detr_dim"], s + "backbone.0.body."
        self.folded("detr.stem", body + "conv1", body + "bn1")
        for stage, blocks in enumerate(self.c["resnet_blocks"], 1):
            for i in range(blocks):
                for j in (1, 2, 3):
                    self.folded(f"detr.res.{stage}.{i}.conv{j}", f"{body}layer{stage}.{i}.conv{j}", f"{body}layer{stage}.{i}.bn{j}")
            self.folded(f"detr.res.{stage}.0.down", f"{body}layer{stage}.0.downsample.0", f"{body}layer{stage}.0.downsample.1")
        self["detr.proj.weight"], self["detr.proj.bias"] = w[s + "input_proj.weight"][:, :, 0, 0], w[s + "input_proj.bias"]
        self["detr.query"] = w[s + "query_embed.weight"]
        self["detr.pos"] = _positions(*(math.ceil(n / 32) for n in self.c["key_frame_size"]), d)
        for side, short in (("encoder", "enc"), ("decoder", "dec")):
            for i in range(self.c["detr_" + side]):
                t, b = f"detr.{short}.{i}.", f"{s}transformer.{side}.layers.{i}."
                self.packed(t + "qk", b + "self_attn.", 0, 2, d)
                self.packed(t + "v", b + "self_attn.", 2, 3, d)
                names = [("out", "self_attn.out_proj"), ("norm1", "norm1"), ("fc1", "linear1"), ("fc2", "linear2")]
                if side == "decoder":
                    for n, part in enumerate("qkv"):
                        self.packed(f"{t}cross.{part}", b + "multihead_attn.", n, n + 1, d)
                    names += [("cross.out", "multihead_attn.out_proj"), ("cross.norm", "norm2"), ("norm2", "norm3")]
                else:
                    names += [("norm2", "norm2")]
                for name, source in names:
                    self.both(t + name, b + source)
        self.both("detr.norm", s + "transformer.decoder.norm")
        self.both("detr.class", s + "class_embed")
        for i in range(3):
            self.both(f"detr.bbox.fc{i + 1}", f"{s}bbox_embed.layers.{i}")

    def mamba(self, t, s):
        w = self.w
        for name, source in (("in", "in_proj"), ("dbc", "x_proj"), ("dt", "dt_proj"), ("out", "out_proj")):
            self.both(t + name, s + source)
        self[t + "conv.weight"], self[t + "conv.bias"] = _panel(w[s + "conv1d.weight"][:, 0]), w[s + "conv1d.bias"]
        self[t + "a"], self[t + "d"] = _panel(-np.exp(w[s + "A_log"])), w[s + "D"]

    def head(self, depth=1):
        e = self.c["fusion_dim"]
        self.both("head.key.proj", "proj_text")
        self.both("head.sent.down", "proj_text2")
        self.mamba("head.key.scan.", "mamba_fusion.0.")
        for t, name, source in (("head.key.", "time", "mamba_fusion_temp."), ("head.box.", "scan", "mamba_bbox."),
                                ("head.img.", "scan", "mamba_image.")):
            self.both(t + "down", source + "0")
            self.mamba(f"{t}{name}.", source + "1.")
            if depth == 2:
                self.mamba(f"{t}{name}2.", source + "2.")
        for branch, suffixes in (("1", ("_box", "", "_sem", "")), ("2", ("_box2", "_2", "_sem2", "2"))):
            t = f"head.br.{branch}."
            for part, suffix in zip(("box", "key", "sent"), suffixes):
                s = f"cross_attention{suffix}."
                self.packed(f"{t}{part}.q", s + "attn.", 0, 1, e)
                self.packed(f"{t}{part}.kv", s + "attn.", 1, 3, e)
                for name, source in (("out", "attn.out_proj"), ("norm1", "norm1"), ("norm2", "norm2"), ("fc1", "ff.0"), ("fc2", "ff.2")):
                    self.both(f"{t}{part}.{name}", s + source)
            for part, source in (("class", "classification_head"), ("bbox", "bbox_regression_head")):
                self.both(f"{t}{part}.fc1", f"{source}{suffixes[3]}.0")
                self.both(f"{t}{part}.fc2", f"{source}{suffixes[3]}.2")
        return self

    def head_v1(self):
        d = self.c["qformer_dim"]
        self.both("head.box.mix", "proj_box")
        self.both("head.sent.mix", "proj_sem")
        for part, s in (("box", "agent_box."), ("sent", "agent_semantic."), ("img", "agent_temporal.")):
            t = f"head.agent.{part}."
            names = [("norm1", "norm1"), ("pool1", "attn.pool.0"), ("pool2", "attn.pool.2")]
            if part == "box":
                self.both(t + "qk", s + "attn.qkv", rows=slice(2 * d))
            else:
                names += [("qkv", "attn.qkv"), ("out", "attn.proj"), ("norm2", "norm2"), ("fc1", "mlp.fc1"), ("fc2", "mlp.fc2")]
            for name, source in names:
                self.both(t + name, s + source)
        for i, (box, action) in enumerate(zip((0, 2, 4), (0, 3, 5)), 1):
            self.both(f"head.bbox.fc{i}", f"bbox_regressio_head.{box}")
            self.both(f"head.class.fc{i}", f"classification_head.{action}")
        return self

"""Every tensor of the model file: its name, its shape and what it is made from.

Original names are those of a full RefAtomNet++ checkpoint (`modelblip.`, `llm_model.`, `detection_model.`, the head
without prefix); layouts.py renames everything else to them. Shapes are row-major, `[N,K]` a product with N outputs.
"""
import dataclasses
import math
from typing import Callable

import numpy as np

import fold
from state_dict import ConvertError

VIT = "modelblip.visual_encoder."
QFORMER = "modelblip.Qformer.bert."
OPT = "llm_model.opt_model.model.decoder."
DETR = "detection_model."
WORLD = "world"


class AtLeast(int):
    """A dimension of which only the first rows are used."""


@dataclasses.dataclass(frozen=True)
class Entry:
    name: str
    shape: tuple
    half: bool      # may be stored as F16
    needs: tuple    # ((original name, its shape), ...)
    make: Callable  # the arrays of `needs`, in order -> array of `shape`, of any float type


class Plan:
    """Collects entries. `half` says whether matrices may be F16: yes in the encoders, no in the head."""

    def __init__(self):
        self.entries, self.half = [], True

    def add(self, name, shape, needs, make, half=False):
        self.entries.append(Entry(name, tuple(shape), half and self.half, tuple(needs), make))

    def copy(self, name, shape, source, source_shape=None, half=False):
        self.add(name, shape, [(source, tuple(source_shape or shape))], lambda a: a.reshape(shape), half)

    def rows(self, name, source, begin, count, width, half=False):
        """Rows [begin, begin+count) of a table that has at least so many."""
        self.add(name, (count, width), [(source, (AtLeast(begin + count), width))], lambda a: a[begin:begin + count], half)

    def norm(self, name, source, width):
        for kind in ("weight", "bias"):
            self.copy(f"{name}.{kind}", (width,), f"{source}.{kind}")

    def linear(self, name, source, n, k, bias=True):
        self.stack(name, [source], n, k, bias)

    def stack(self, name, sources, n, k, bias=True):
        """Products of the same input [N,K] each, stacked by rows."""
        join = lambda *parts: np.concatenate(parts) if len(parts) > 1 else parts[0]
        self.add(name + ".weight", (n * len(sources), k), [(s + ".weight", (n, k)) for s in sources], join, True)
        if bias:
            self.add(name + ".bias", (n * len(sources),), [(s + ".bias", (n,)) for s in sources], join)

    def cut(self, name, source, first, count, width, bias=True):
        """Parts [first, first+count) of three square projections packed by rows; `source` ends before weight or bias."""
        rows = slice(first * width, (first + count) * width)
        self.add(name + ".weight", (count * width, width), [(source + "weight", (3 * width, width))], lambda a: a[rows], True)
        if bias:
            self.add(name + ".bias", (count * width,), [(source + "bias", (3 * width,))], lambda a: a[rows])

    def conv(self, name, source, n, channels, window):
        """Convolution with a bias of its own."""
        self.add(name + ".weight", (n, window * window * channels), [(source + ".weight", (n, channels, window, window))],
                 fold.channel_last, True)
        self.copy(name + ".bias", (n,), source + ".bias")

    def conv_norm(self, name, source, norm, n, channels, window):
        """Convolution without bias, frozen batch norm folded into it."""
        w, b, mean, variance = ((f"{norm}.{k}", (n,)) for k in ("weight", "bias", "running_mean", "running_var"))
        self.add(name + ".weight", (n, window * window * channels),
                 [(source + ".weight", (n, channels, window, window)), w, variance], fold.folded_weight, True)
        self.add(name + ".bias", (n,), [w, b, mean, variance], fold.folded_bias)


def _vit(p, c):
    d, tokens = c["vit_dim"], 1 + (c["image_size"] // c["patch"]) ** 2
    p.copy("vit.cls", (d,), VIT + "cls_token", (1, 1, d))
    p.copy("vit.pos", (tokens, d), VIT + "pos_embed", (1, tokens, d))
    p.conv("vit.patch", VIT + "patch_embed.proj", d, 3, c["patch"])
    for i in range(c["vit_layers"]):
        t, s = f"vit.blk.{i}.", f"{VIT}blocks.{i}."
        p.norm(t + "norm1", s + "norm1", d)
        p.linear(t + "qkv", s + "attn.qkv", 3 * d, d, bias=False)
        p.add(t + "qkv.bias", (3 * d,), [(s + "attn.q_bias", (d,)), (s + "attn.v_bias", (d,))],
              lambda q, v: np.concatenate([q, np.zeros_like(q), v]))
        p.linear(t + "out", s + "attn.proj", d, d)
        p.norm(t + "norm2", s + "norm2", d)
        p.linear(t + "fc1", s + "mlp.fc1", c["vit_mlp"], d)
        p.linear(t + "fc2", s + "mlp.fc2", d, c["vit_mlp"])
    p.norm("vit.norm", "modelblip.ln_vision", d)


def _bert_attention(p, target, source, name, norm, stacked, d, k):
    """stacked: {target projection: original names}."""
    for product, names in stacked.items():
        p.stack(target + product, [f"{source}{name}.self.{n}" for n in names], d, d if "query" in names else k)
    prefix = target + ("cross." if name == "crossattention" else "")
    p.linear(prefix + "out", f"{source}{name}.output.dense", d, d)
    p.norm(target + norm, f"{source}{name}.output.LayerNorm", d)


def _qformer(p, c):
    d, mlp = c["qformer_dim"], c["qformer_mlp"]
    p.copy("qf.query", (c["visual_tokens"], d), "modelblip.query_tokens", (1, c["visual_tokens"], d))
    p.copy("qf.tok", (c["vocab"] + 1, d), QFORMER + "embeddings.word_embeddings.weight", half=True)
    p.copy("qf.pos", (c["text_positions"], d), QFORMER + "embeddings.position_embeddings.weight")
    p.norm("qf.norm", QFORMER + "embeddings.LayerNorm", d)
    for i in range(c["qformer_layers"]):
        t, s = f"qf.blk.{i}.", f"{QFORMER}encoder.layer.{i}."
        _bert_attention(p, t, s, "attention", "norm1", {"qkv": ("query", "key", "value")}, d, d)
        if i % c["cross_every"] == 0:
            _bert_attention(p, t, s, "crossattention", "cross.norm", {"cross.q": ("query",), "cross.kv": ("key", "value")}, d,
                            c["vit_dim"])
        for path, suffix in (("img", "_query"), ("txt", "")):
            p.linear(f"{t}{path}.fc1", f"{s}intermediate{suffix}.dense", mlp, d)
            p.linear(f"{t}{path}.fc2", f"{s}output{suffix}.dense", d, mlp)
            p.norm(f"{t}{path}.norm2", f"{s}output{suffix}.LayerNorm", d)


def _opt(p, c):
    d = c["opt_dim"]
    p.rows("opt.tok", OPT + "embed_tokens.weight", 0, c["opt_vocab"], d, half=True)
    p.rows("opt.pos", OPT + "embed_positions.weight", 2, c["opt_positions"], d)
    for i in range(c["opt_layers"]):
        t, s = f"opt.blk.{i}.", f"{OPT}layers.{i}."
        p.norm(t + "norm1", s + "self_attn_layer_norm", d)
        p.stack(t + "qkv", [f"{s}self_attn.{n}_proj" for n in "qkv"], d, d)
        p.linear(t + "out", s + "self_attn.out_proj", d, d)
        p.norm(t + "norm2", s + "final_layer_norm", d)
        p.linear(t + "fc1", s + "fc1", c["opt_mlp"], d)
        p.linear(t + "fc2", s + "fc2", d, c["opt_mlp"])
    p.norm("opt.norm", OPT + "final_layer_norm", d)


def _resnet(p, c):
    """-> channels of the last stage."""
    body, channels = DETR + "backbone.0.body.", c["resnet_width"]
    p.conv_norm("detr.stem", body + "conv1", body + "bn1", channels, 3, 7)
    for stage, blocks in enumerate(c["resnet_blocks"]):
        mid = c["resnet_width"] << stage
        for i in range(blocks):
            t, s = f"detr.res.{stage + 1}.{i}.", f"{body}layer{stage + 1}.{i}."
            for j, (n, k, window) in enumerate(((mid, channels, 1), (mid, mid, 3), (4 * mid, mid, 1)), 1):
                p.conv_norm(f"{t}conv{j}", f"{s}conv{j}", f"{s}bn{j}", n, k, window)
            if i == 0:
                p.conv_norm(t + "down", s + "downsample.0", s + "downsample.1", 4 * mid, channels, 1)
            channels = 4 * mid
    return channels


def _detr_layer(p, t, s, c, cross):
    d = c["detr_dim"]
    p.cut(t + "qk", s + "self_attn.in_proj_", 0, 2, d)
    p.cut(t + "v", s + "self_attn.in_proj_", 2, 1, d)
    p.linear(t + "out", s + "self_attn.out_proj", d, d)
    p.norm(t + "norm1", s + "norm1", d)
    if cross:
        for i, name in enumerate("qkv"):
            p.cut(f"{t}cross.{name}", s + "multihead_attn.in_proj_", i, 1, d)
        p.linear(t + "cross.out", s + "multihead_attn.out_proj", d, d)
        p.norm(t + "cross.norm", s + "norm2", d)
    p.linear(t + "fc1", s + "linear1", c["detr_mlp"], d)
    p.linear(t + "fc2", s + "linear2", d, c["detr_mlp"])
    p.norm(t + "norm2", s + ("norm3" if cross else "norm2"), d)


def _detr(p, c):
    d = c["detr_dim"]
    p.conv("detr.proj", DETR + "input_proj", d, _resnet(p, c), 1)
    height, width = (fold.backbone_size(n) for n in c["key_frame_size"])
    p.add("detr.pos", (height * width, d), [], lambda: fold.sine_positions(height, width, d))
    p.copy("detr.query", (c["detr_queries"], d), DETR + "query_embed.weight")
    for side, short, count in (("encoder", "enc", c["detr_encoder"]), ("decoder", "dec", c["detr_decoder"])):
        for i in range(count):
            _detr_layer(p, f"detr.{short}.{i}.", f"{DETR}transformer.{side}.layers.{i}.", c, side == "decoder")
    p.norm("detr.norm", DETR + "transformer.decoder.norm", d)
    p.linear("detr.class", DETR + "class_embed", c["detr_classes"], d)
    for i, n in enumerate((d, d, 4)):
        p.linear(f"detr.bbox.fc{i + 1}", f"{DETR}bbox_embed.layers.{i}", n, d)


def _mamba(p, t, s, d, c):
    inner, states, taps, rank = c["mamba_expand"] * d, c["mamba_state"], c["mamba_conv"], -(-d // 16)
    blocks = -(-inner // fold.PANEL)
    p.linear(t + "in", s + "in_proj", 2 * inner, d, bias=False)
    p.add(t + "conv.weight", (blocks, taps, fold.PANEL), [(s + "conv1d.weight", (inner, 1, taps))],
          lambda a: fold.panels(a[:, 0]))
    p.copy(t + "conv.bias", (inner,), s + "conv1d.bias")
    p.linear(t + "dbc", s + "x_proj", rank + 2 * states, inner, bias=False)
    p.linear(t + "dt", s + "dt_proj", inner, rank)
    p.add(t + "a", (blocks, states, fold.PANEL), [(s + "A_log", (inner, states))], fold.mamba_a)
    p.copy(t + "d", (inner,), s + "D")
    p.linear(t + "out", s + "out_proj", d, inner, bias=False)


def _person(p, d):
    p.add("head.box.proj.weight", (d, 4), [("proj.weight", (d, 4 + d))], lambda a: a[:, :4])
    p.add("head.box.proj.bias", (d,), [("proj.weight", (d, 4 + d)), ("proj.bias", (d,)), (WORLD, (d,))], fold.person_constant)


def _cross_attention(p, t, s, e):
    p.cut(t + "q", s + "attn.in_proj_", 0, 1, e)
    p.cut(t + "kv", s + "attn.in_proj_", 1, 2, e)
    p.linear(t + "out", s + "attn.out_proj", e, e)
    p.norm(t + "norm1", s + "norm1", e)
    p.linear(t + "fc1", s + "ff.0", 4 * e, e)
    p.linear(t + "fc2", s + "ff.2", e, 4 * e)
    p.norm(t + "norm2", s + "norm2", e)


def _head(p, c):
    d, e, second = c["qformer_dim"], c["fusion_dim"], c["mamba_depth"] == 2
    _person(p, d)
    p.linear("head.key.proj", "proj_text", d, c["opt_dim"])
    _mamba(p, "head.key.scan.", "mamba_fusion.0.", d, c)
    for part, scan, source in (("key", "time", "mamba_fusion_temp"), ("box", "scan", "mamba_bbox"), ("img", "scan", "mamba_image")):
        p.linear(f"head.{part}.down", source + ".0", e, d)
        _mamba(p, f"head.{part}.{scan}.", source + ".1.", e, c)
        if second:
            _mamba(p, f"head.{part}.{scan}2.", source + ".2.", e, c)
    p.linear("head.sent.down", "proj_text2", e, d)
    for branch, suffix in (("1", ""), ("2", "2")):
        t = f"head.br.{branch}."
        _cross_attention(p, t + "box.", f"cross_attention_box{suffix}.", e)
        _cross_attention(p, t + "key.", "cross_attention_2." if suffix else "cross_attention.", e)
        _cross_attention(p, t + "sent.", f"cross_attention_sem{suffix}.", e)
        for name, source, n in (("class", "classification_head", c["actions"]), ("bbox", "bbox_regression_head", 4)):
            p.linear(f"{t}{name}.fc1", f"{source}{suffix}.0", e // 2, e)
            p.linear(f"{t}{name}.fc2", f"{source}{suffix}.2", n, e // 2)


_AGENTS = 4  # of an agent attention block


def _agent_block(p, t, s, d, whole):
    """whole: all of the block; else only what its agents and their attention need."""
    p.norm(t + "norm1", s + "norm1", d)
    p.cut(t + ("qkv" if whole else "qk"), s + "attn.qkv.", 0, 3 if whole else 2, d, bias=False)
    p.linear(t + "pool1", s + "attn.pool.0", d // 2, d)
    p.linear(t + "pool2", s + "attn.pool.2", _AGENTS * d, d // 2)
    if whole:
        p.linear(t + "out", s + "attn.proj", d, d)
        p.norm(t + "norm2", s + "norm2", d)
        p.linear(t + "fc1", s + "mlp.fc1", 4 * d, d)
        p.linear(t + "fc2", s + "mlp.fc2", d, 4 * d)


def _mlp(p, t, s, layers, sizes):
    for i, layer in enumerate(layers):
        p.linear(f"{t}fc{i + 1}", f"{s}{layer}", sizes[i + 1], sizes[i])


def _head_v1(p, c, tensors):
    """The head of RefAtomNet (2024). The hidden widths of its two MLPs are read from the checkpoint."""
    d, tokens = c["qformer_dim"], c["visual_tokens"]
    _person(p, d)
    p.linear("head.box.mix", "proj_box", tokens, c["detr_queries"])
    p.linear("head.sent.mix", "proj_sem", tokens, 1)
    for name, source in (("box", "agent_box"), ("sent", "agent_semantic"), ("img", "agent_temporal")):
        _agent_block(p, f"head.agent.{name}.", source + ".", d, name != "box")
    for name, source, layers, n in (("bbox", "bbox_regressio_head.", (0, 2, 4), 4),
                                    ("class", "classification_head.", (0, 3, 5), c["actions"])):
        hidden = [rows(tensors, f"{source}{layer}.weight") for layer in layers[:2]]
        _mlp(p, f"head.{name}.", source, layers, [d, *hidden, n])


def rows(tensors, key):
    if key not in tensors or not tensors[key].shape:
        raise ConvertError(f"missing tensor {key}")
    return tensors[key].shape[0]


def plan(c, tensors):
    """All entries of the model file, in the order of computation."""
    p = Plan()
    _vit(p, c)
    _qformer(p, c)
    if c["variant"] == "refatomnet++":
        _opt(p, c)
    _detr(p, c)
    p.half = False
    if c["variant"] == "refatomnet++":
        _head(p, c)
    else:
        _head_v1(p, c, tensors)
    return p.entries


def check(entries, tensors):
    """Every needed tensor is there with the expected shape, or one error names all that are not."""
    faults = {}
    for key, expected in (need for e in entries for need in e.needs):
        found = tensors[key].shape if key in tensors else None
        if found is None:
            faults[key] = f"missing tensor {key}, expected {_shape_text(expected)}"
        elif len(found) != len(expected) or not all(
                f >= n if isinstance(n, AtLeast) else f == n for f, n in zip(found, expected)):
            source = tensors[key]
            faults[key] = (f"tensor {key} has shape {list(found)}, expected {_shape_text(expected)} "
                           f"({source.key} in {source.file})")
    if faults:
        listed = "\n  ".join(list(faults.values())[:10])
        more = f"\n  and {len(faults) - 10} more" if len(faults) > 10 else ""
        raise ConvertError(f"{len(faults)} needed tensors are missing or misshapen:\n  {listed}{more}")
    assert all(math.prod(e.shape) > 0 for e in entries)


def _shape_text(shape):
    return "[" + ", ".join(f"at least {n}" if isinstance(n, AtLeast) else str(n) for n in shape) + "]"

"""The `refatom.*` metadata: sizes read off the tensors, variant flags, preprocessing profiles."""
import math
import re

from names import DETR, OPT, QFORMER, VIT
from state_dict import ConvertError

# Width of one attention head in the published model, where a tensor's shape cannot tell.
_HEAD_WIDTH = {"vit": 88, "qformer": 64, "opt": 80, "detr": 32, "fusion": 32}

_HALF_MEAN, _HALF_STD = [0.45] * 3, [0.25] * 3
_CLIP_MEAN, _CLIP_STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]

# How pixels and text become network input. "loader": the evaluation loader of RefAtomNet++ as it was meant;
# "demo": its demo.py; "refatomnet": the loader of the 2024 model, which inverts the image and has no prompt.
PROFILES = {
    "loader": {
        "sampling": "spread", "channel_order": "bgr", "negative": False, "fp16_pixels": True,
        "prompt": "Predict the fine-grained action of ",
        "frame.filter": "bicubic", "frame.resize": "tensor", "frame.mean": _HALF_MEAN, "frame.std": _HALF_STD,
        "key.filter": "bicubic", "key.resize": "pillow", "key.mean": _HALF_MEAN, "key.std": _HALF_STD,
    },
}
PROFILES["demo"] = PROFILES["loader"] | {"sampling": "demo", "channel_order": "rgb", "frame.filter": "bilinear",
                                         "key.filter": "bilinear"}
PROFILES["refatomnet"] = PROFILES["loader"] | {
    "negative": True, "prompt": "", "frame.resize": "pillow", "frame.mean": _CLIP_MEAN,
    "frame.std": _CLIP_STD, "key.mean": [0.0] * 3, "key.std": [1.0] * 3}

_FIXED = {"frames": 8, "cls_id": 101, "sep_id": 102, "keyword_limit": 30, "key_frame_size": [340, 465], "person_class": 1}
_ALLOWED = {"sampling": ("spread", "first", "demo", "still"), "channel_order": ("bgr", "rgb"),
            "frame.filter": ("bilinear", "bicubic"), "frame.resize": ("tensor", "tensor-no-antialias", "pillow")}
_ALLOWED |= {"key.filter": _ALLOWED["frame.filter"], "key.resize": _ALLOWED["frame.resize"]}

# The 2024 model has no keyword path and no Mamba: 0 in its file.
_PLUS_PLUS_ONLY = ("opt_dim", "opt_heads", "opt_mlp", "opt_layers", "opt_vocab", "opt_positions", "keyword_limit", "fusion_dim",
                   "fusion_heads", "mamba_state", "mamba_conv", "mamba_expand")

# Every size, in the order of the file.
SIZES = ("frames", "actions", "image_size", "patch", "vit_dim", "vit_heads", "vit_mlp", "vit_layers", "visual_tokens",
         "qformer_dim", "qformer_heads", "qformer_mlp", "qformer_layers", "cross_every", "vocab", "text_positions", "cls_id",
         "sep_id", "opt_dim", "opt_heads", "opt_mlp", "opt_layers", "opt_vocab", "opt_positions", "keyword_limit",
         "key_frame_size", "resnet_width", "resnet_blocks", "detr_dim", "detr_heads", "detr_mlp", "detr_encoder", "detr_decoder",
         "detr_queries", "detr_classes", "person_class", "fusion_dim", "fusion_heads", "mamba_state", "mamba_conv", "mamba_expand")
FLAGS = ("variant", "box_sigmoid", "branches", "logit_divisor", "mamba_depth")


class _Shapes:
    def __init__(self, tensors, wanted):
        self.tensors, self.wanted = tensors, wanted

    def dim(self, key, axis):
        if key not in self.tensors:
            raise ConvertError(f"missing tensor {key}, which would tell {self.wanted}: give the checkpoint that holds it")
        shape = self.tensors[key].shape
        if axis >= len(shape):
            raise ConvertError(f"tensor {key} has shape {list(shape)}, expected more dimensions")
        return shape[axis]

    def indices(self, before, after=""):
        pattern = re.compile(re.escape(before) + r"(\d+)\." + after)
        return {int(m[1]) for m in map(pattern.match, self.tensors) if m}

    def count(self, before):
        found = self.indices(before)
        if not found:
            raise ConvertError(f"missing tensors {before}0.…, which would tell {self.wanted}: give the checkpoint that holds them")
        return max(found) + 1

    def heads(self, part, width):
        if width % _HEAD_WIDTH[part]:
            raise ConvertError(f"{self.wanted} cannot be told from the tensors (width {width} is no multiple of the published "
                               f"model's head width {_HEAD_WIDTH[part]}); state it with --config")
        return width // _HEAD_WIDTH[part]

    def image_size(self):
        tokens = self.dim(VIT + "pos_embed", 1)
        return math.isqrt(max(tokens - 1, 0)) * self.dim(VIT + "patch_embed.proj.weight", 2)

    def cross_every(self):
        found = sorted(self.indices(QFORMER + "encoder.layer.", "crossattention"))
        return found[1] - found[0] if len(found) > 1 else self.count(QFORMER + "encoder.layer.")


_BODY, _TRANSFORMER, _LAYER0 = DETR + "backbone.0.body.", DETR + "transformer.", OPT + "layers.0."
_DERIVED = {
    "image_size": _Shapes.image_size,
    "patch": lambda s: s.dim(VIT + "patch_embed.proj.weight", 2),
    "vit_dim": lambda s: s.dim(VIT + "patch_embed.proj.weight", 0),
    "vit_heads": lambda s: s.heads("vit", s.dim(VIT + "patch_embed.proj.weight", 0)),
    "vit_mlp": lambda s: s.dim(VIT + "blocks.0.mlp.fc1.weight", 0),
    "vit_layers": lambda s: s.count(VIT + "blocks."),
    "visual_tokens": lambda s: s.dim("modelblip.query_tokens", 1),
    "qformer_dim": lambda s: s.dim("modelblip.query_tokens", 2),
    "qformer_heads": lambda s: s.heads("qformer", s.dim("modelblip.query_tokens", 2)),
    "qformer_mlp": lambda s: s.dim(QFORMER + "encoder.layer.0.intermediate_query.dense.weight", 0),
    "qformer_layers": lambda s: s.count(QFORMER + "encoder.layer."),
    "cross_every": _Shapes.cross_every,
    "vocab": lambda s: s.dim(QFORMER + "embeddings.word_embeddings.weight", 0) - 1,
    "text_positions": lambda s: s.dim(QFORMER + "embeddings.position_embeddings.weight", 0),
    "opt_dim": lambda s: s.dim(OPT + "embed_tokens.weight", 1),
    "opt_heads": lambda s: s.heads("opt", s.dim(OPT + "embed_tokens.weight", 1)),
    "opt_mlp": lambda s: s.dim(_LAYER0 + "fc1.weight", 0),
    "opt_layers": lambda s: s.count(OPT + "layers."),
    "resnet_width": lambda s: s.dim(_BODY + "conv1.weight", 0),
    "resnet_blocks": lambda s: [s.count(f"{_BODY}layer{i}.") for i in (1, 2, 3, 4)],
    "detr_dim": lambda s: s.dim(DETR + "input_proj.weight", 0),
    "detr_heads": lambda s: s.heads("detr", s.dim(DETR + "input_proj.weight", 0)),
    "detr_mlp": lambda s: s.dim(_TRANSFORMER + "encoder.layers.0.linear1.weight", 0),
    "detr_encoder": lambda s: s.count(_TRANSFORMER + "encoder.layers."),
    "detr_decoder": lambda s: s.count(_TRANSFORMER + "decoder.layers."),
    "detr_queries": lambda s: s.dim(DETR + "query_embed.weight", 0),
    "detr_classes": lambda s: s.dim(DETR + "class_embed.weight", 0),
}
_DERIVED_PP = {
    "actions": lambda s: s.dim("classification_head.2.weight", 0),
    "fusion_dim": lambda s: s.dim("proj_text2.weight", 0),
    "fusion_heads": lambda s: s.heads("fusion", s.dim("proj_text2.weight", 0)),
    "mamba_state": lambda s: s.dim("mamba_fusion.0.A_log", 1),
    "mamba_conv": lambda s: s.dim("mamba_fusion.0.conv1d.weight", 2),
    "mamba_expand": lambda s: s.dim("mamba_fusion.0.A_log", 0) // max(1, s.dim("mamba_fusion.0.out_proj.weight", 0)),
}
_DERIVED_V1 = {"actions": lambda s: s.dim("classification_head.5.weight", 0)}


def _flags(tensors, given):
    v1 = given.get("variant", "refatomnet" if "agent_box.norm1.weight" in tensors else "refatomnet++") == "refatomnet"
    depth = 2 if "mamba_bbox.2.A_log" in tensors else 1
    flags = {"variant": "refatomnet" if v1 else "refatomnet++", "box_sigmoid": not v1, "branches": "both", "logit_divisor": 2,
             "mamba_depth": depth}
    flags.update({k: given[k] for k in FLAGS if k in given})
    flags["branches"] = str(flags["branches"])
    return flags


# What the runtime takes (src/config.c); the sizes of tensors are checked against each other instead.
_RANGES = {"frames": (1, 64), "image_size": (1, 1024), "visual_tokens": (1, 1024), "key_frame_size": (1, 4096), "keyword_limit": (2, 1024),
           "text_positions": (2, 4096), "detr_queries": (1, 1024), "detr_classes": (2, 4096), "actions": (1, 4096), "mamba_state": (1, 256),
           "mamba_conv": (1, 16), "mamba_expand": (1, 8)}


def _is_size(key, value):
    if key in ("key_frame_size", "resnet_blocks"):
        return isinstance(value, list) and len(value) == (2 if key == "key_frame_size" else 4) and all(
            type(v) is int and 0 < v < 1 << 20 for v in value)
    return type(value) is int and (key not in ("person_class", "cls_id", "sep_id")) <= value < 1 << 20


def _check(c):
    v1 = c["variant"] == "refatomnet"
    for key in SIZES:
        if not _is_size(key, c[key]) and not (v1 and key in _PLUS_PLUS_ONLY):
            raise ConvertError(f"configuration: {key} = {c[key]} is not a usable size")
        least, most = _RANGES.get(key, (0, 1 << 20))
        if not all(least <= v <= most for v in (c[key] if isinstance(c[key], list) else [c[key]])) and not (v1 and key in _PLUS_PLUS_ONLY):
            raise ConvertError(f"configuration: {key} = {c[key]}; {least} to {most} are allowed")
    choices = {"variant": ("refatomnet++", "refatomnet"), "box_sigmoid": (True, False), "branches": ("both", "2"),
               "logit_divisor": (2, 3), "mamba_depth": (1, 2)}
    for key, allowed in choices.items():
        if c[key] not in allowed or (key == "box_sigmoid") != isinstance(c[key], bool):
            raise ConvertError(f"configuration: {key} = {c[key]!r}, expected one of {', '.join(map(repr, allowed))}")
    divides = [("vit_heads", "vit_dim"), ("qformer_heads", "qformer_dim"), ("detr_heads", "detr_dim"), ("patch", "image_size")]
    for part, whole in divides + ([] if v1 else [("opt_heads", "opt_dim"), ("fusion_heads", "fusion_dim")]):
        if c[whole] % c[part]:
            raise ConvertError(f"configuration: {part} = {c[part]} does not divide {whole} = {c[whole]}")
    for key, limit in (("person_class", "detr_classes"), ("cls_id", "vocab"), ("sep_id", "vocab")):
        if c[key] >= c[limit]:
            raise ConvertError(f"configuration: {key} = {c[key]} is not below {limit} = {c[limit]}")
    if not v1 and c["opt_vocab"] < c["vocab"]:
        raise ConvertError(f"the OPT checkpoint has {c['opt_vocab']} token rows, but the vocabulary has {c['vocab']} tokens")


def resolve(tensors, given):
    """All sizes and flags. `given` (from --config, the checkpoint's own configuration and the options) goes first, the
    tensors tell the rest."""
    c = _flags(tensors, given)
    v1 = c["variant"] == "refatomnet"
    derived = _DERIVED | (_DERIVED_V1 if v1 else _DERIVED_PP)
    given = {k: v for k, v in given.items() if k in SIZES} | (dict.fromkeys(_PLUS_PLUS_ONLY, 0) if v1 else {})
    for key in SIZES:
        if key in ("opt_vocab", "opt_positions") and not v1:
            continue
        c[key] = given[key] if key in given else _FIXED[key] if key in _FIXED else derived[key](_Shapes(tensors, key))
    if not v1:  # only the rows that token ids and keyword positions can reach go into the file
        c["opt_vocab"] = min(c["vocab"] + 1, _Shapes(tensors, "opt_vocab").dim(OPT + "embed_tokens.weight", 0))
        c["opt_positions"] = c["keyword_limit"]
    _check(c)
    return c


def _in_range(key, value):
    """A mean or standard deviation that the runtime takes."""
    return (1e-6 if key.endswith(".std") else -1e6) <= value <= 1e6


def preprocessing(name, given):
    """The named profile with the values that the configuration or the options give."""
    profile = dict(PROFILES[name])
    for key, default in profile.items():
        value = given.get(key, default)
        if isinstance(default, list) and isinstance(value, list) and len(value) == 3 and all(
                type(v) in (int, float) for v in value):
            value = [float(v) for v in value]
        if type(value) is not type(default) or value not in _ALLOWED.get(key, (value,)) or (
                isinstance(value, list) and not all(type(v) is float and _in_range(key, v) for v in value)):
            raise ConvertError(f"configuration: {key} = {value!r} is not a value it can have")
        profile[key] = value
    return profile


def metadata(c, profile):
    """-> {key: value} in the order of the file, under `refatom.`."""
    return {"refatom." + k: v for k, v in ({k: c[k] for k in FLAGS + SIZES} | profile).items()}

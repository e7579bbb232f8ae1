"""Random checkpoints in every layout that the converter reads, and writers of the files that hold them."""
import io
import json
import math
import pickle
import re
import struct
import zipfile

import numpy as np

MICRO = {
    "name": "micro", "frames": 8, "actions": 80, "image_size": 28, "patch": 14, "vit_dim": 24, "vit_heads": 3, "vit_mlp": 52,
    "vit_layers": 2, "visual_tokens": 8, "qformer_dim": 20, "qformer_heads": 2, "qformer_mlp": 36, "qformer_layers": 3,
    "cross_every": 2, "vocab": 250, "text_positions": 40, "cls_id": 101, "sep_id": 102, "opt_dim": 30, "opt_heads": 3,
    "opt_mlp": 44, "opt_layers": 2, "keyword_limit": 12, "key_frame_size": [68, 93], "resnet_width": 4,
    "resnet_blocks": [2, 1, 1, 1], "detr_dim": 16, "detr_heads": 2, "detr_mlp": 28, "detr_encoder": 1, "detr_decoder": 2,
    "detr_queries": 9, "detr_classes": 92, "person_class": 1, "fusion_dim": 12, "fusion_heads": 2, "mamba_state": 5,
    "mamba_conv": 4, "mamba_expand": 2}
OPT_ROWS, OPT_POSITIONS = 270, 50  # more than the model can reach


def _linear(out, name, n, k, bias=True):
    out[name + ".weight"] = (n, k)
    if bias:
        out[name + ".bias"] = (n,)


def _norm(out, name, d):
    out[name + ".weight"] = out[name + ".bias"] = (d,)


def _blip2_shapes(out, p, c):
    v, d, m = c["vit_dim"], c["qformer_dim"], c["qformer_mlp"]
    e = p + "visual_encoder."
    out |= {e + "cls_token": (1, 1, v), e + "pos_embed": (1, 1 + (c["image_size"] // c["patch"]) ** 2, v),
            e + "patch_embed.proj.weight": (v, 3, c["patch"], c["patch"]), e + "patch_embed.proj.bias": (v,)}
    for i in range(c["vit_layers"]):
        b = f"{e}blocks.{i}."
        _norm(out, b + "norm1", v)
        out |= {b + "attn.qkv.weight": (3 * v, v), b + "attn.q_bias": (v,), b + "attn.v_bias": (v,)}
        _linear(out, b + "attn.proj", v, v)
        _norm(out, b + "norm2", v)
        _linear(out, b + "mlp.fc1", c["vit_mlp"], v)
        _linear(out, b + "mlp.fc2", v, c["vit_mlp"])
    _norm(out, p + "ln_vision", v)
    q = p + "Qformer.bert."
    out |= {p + "query_tokens": (1, c["visual_tokens"], d), q + "embeddings.word_embeddings.weight": (c["vocab"] + 1, d),
            q + "embeddings.position_embeddings.weight": (c["text_positions"], d)}
    _norm(out, q + "embeddings.LayerNorm", d)
    for i in range(c["qformer_layers"]):
        b = f"{q}encoder.layer.{i}."
        for name, k in [("attention", d)] + ([("crossattention", v)] if i % c["cross_every"] == 0 else []):
            for part, width in (("query", d), ("key", k), ("value", k)):
                _linear(out, f"{b}{name}.self.{part}", d, width)
            _linear(out, f"{b}{name}.output.dense", d, d)
            _norm(out, f"{b}{name}.output.LayerNorm", d)
        for s in ("", "_query"):
            _linear(out, f"{b}intermediate{s}.dense", m, d)
            _linear(out, f"{b}output{s}.dense", d, m)
            _norm(out, f"{b}output{s}.LayerNorm", d)


def _opt_shapes(out, p, c):
    d = c["opt_dim"]
    out |= {p + "embed_tokens.weight": (OPT_ROWS, d), p + "embed_positions.weight": (OPT_POSITIONS, d)}
    for i in range(c["opt_layers"]):
        b = f"{p}layers.{i}."
        for n in ("q", "k", "v", "out"):
            _linear(out, f"{b}self_attn.{n}_proj", d, d)
        _norm(out, b + "self_attn_layer_norm", d)
        _linear(out, b + "fc1", c["opt_mlp"], d)
        _linear(out, b + "fc2", d, c["opt_mlp"])
        _norm(out, b + "final_layer_norm", d)
    _norm(out, p + "final_layer_norm", d)


def _detr_shapes(out, p, c):
    w, e = c["resnet_width"], c["detr_dim"]

    def conv(name, norm, n, k, window):
        out[name + ".weight"] = (n, k, window, window)
        out.update({f"{norm}.{kind}": (n,) for kind in ("weight", "bias", "running_mean", "running_var")})
    body = p + "backbone.0.body."
    conv(body + "conv1", body + "bn1", w, 3, 7)
    k = w
    for s, blocks in enumerate(c["resnet_blocks"]):
        for i in range(blocks):
            b, mid = f"{body}layer{s + 1}.{i}.", w << s
            conv(b + "conv1", b + "bn1", mid, k, 1)
            conv(b + "conv2", b + "bn2", mid, mid, 3)
            conv(b + "conv3", b + "bn3", 4 * mid, mid, 1)
            if i == 0:
                conv(b + "downsample.0", b + "downsample.1", 4 * mid, k, 1)
            k = 4 * mid
    out |= {p + "input_proj.weight": (e, k, 1, 1), p + "input_proj.bias": (e,), p + "query_embed.weight": (c["detr_queries"], e)}
    for side, attentions in (("encoder", ["self_attn"]), ("decoder", ["self_attn", "multihead_attn"])):
        for i in range(c["detr_" + side]):
            b = f"{p}transformer.{side}.layers.{i}."
            for a in attentions:
                out |= {f"{b}{a}.in_proj_weight": (3 * e, e), f"{b}{a}.in_proj_bias": (3 * e,)}
                _linear(out, f"{b}{a}.out_proj", e, e)
            _linear(out, b + "linear1", c["detr_mlp"], e)
            _linear(out, b + "linear2", e, c["detr_mlp"])
            for n in range(len(attentions) + 1):
                _norm(out, f"{b}norm{n + 1}", e)
    _norm(out, p + "transformer.decoder.norm", e)
    _linear(out, p + "class_embed", c["detr_classes"], e)
    for i, n in enumerate((e, e, 4)):
        _linear(out, f"{p}bbox_embed.layers.{i}", n, e)


def _mamba_shapes(out, p, d, c):
    inner, n, r = c["mamba_expand"] * d, c["mamba_state"], math.ceil(d / 16)
    out |= {p + "A_log": (inner, n), p + "D": (inner,), p + "conv1d.weight": (inner, 1, c["mamba_conv"]), p + "conv1d.bias": (inner,)}
    _linear(out, p + "in_proj", 2 * inner, d, False)
    _linear(out, p + "x_proj", r + 2 * n, inner, False)
    _linear(out, p + "dt_proj", inner, r)
    _linear(out, p + "out_proj", d, inner, False)


def _head_shapes(out, c, depth):
    d, e = c["qformer_dim"], c["fusion_dim"]
    _linear(out, "proj", d, d + 4)
    _linear(out, "proj_text", d, c["opt_dim"])
    _linear(out, "proj_text2", e, d)
    _mamba_shapes(out, "mamba_fusion.0.", d, c)
    for name in ("mamba_fusion_temp", "mamba_bbox", "mamba_image"):
        _linear(out, name + ".0", e, d)
        for i in range(depth):
            _mamba_shapes(out, f"{name}.{i + 1}.", e, c)
    for name in ("cross_attention", "cross_attention_2", "cross_attention_box", "cross_attention_box2", "cross_attention_sem",
                 "cross_attention_sem2"):
        out |= {name + ".attn.in_proj_weight": (3 * e, e), name + ".attn.in_proj_bias": (3 * e,), name + ".query_tokens": (6, e)}
        _linear(out, name + ".attn.out_proj", e, e)
        _linear(out, name + ".ff.0", 4 * e, e)
        _linear(out, name + ".ff.2", e, 4 * e)
        _norm(out, name + ".norm1", e)
        _norm(out, name + ".norm2", e)
    for s in ("", "2"):
        for name, n in (("classification_head", c["actions"]), ("bbox_regression_head", 4)):
            _linear(out, f"{name}{s}.0", e // 2, e)
            _linear(out, f"{name}{s}.2", n, e // 2)


def _head_v1_shapes(out, c):
    d = c["qformer_dim"]
    _linear(out, "proj", d, d + 4)
    _linear(out, "proj_box", c["visual_tokens"], c["detr_queries"])
    _linear(out, "proj_sem", c["visual_tokens"], 1)
    for a in ("agent_box.", "agent_semantic.", "agent_temporal."):
        _norm(out, a + "norm1", d)
        _norm(out, a + "norm2", d)
        _linear(out, a + "attn.qkv", 3 * d, d, False)
        _linear(out, a + "attn.pool.0", d // 2, d)
        _linear(out, a + "attn.pool.2", 4 * d, d // 2)
        _linear(out, a + "attn.proj", d, d)
        _linear(out, a + "mlp.fc1", 4 * d, d)
        _linear(out, a + "mlp.fc2", d, 4 * d)
    for name, layers, sizes in (("bbox_regressio_head", (0, 2, 4), (14, 6, 4)),
                                ("classification_head", (0, 3, 5), (14, 10, c["actions"]))):
        k = d
        for layer, n in zip(layers, sizes):
            _linear(out, f"{name}.{layer}", n, k)
            k = n


def shapes(c, variant="refatomnet++", depth=1):
    """{original name: shape} of a full checkpoint, without the parts that inference does not need."""
    out = {}
    _blip2_shapes(out, "modelblip." if variant == "refatomnet++" else "model.", c)
    _detr_shapes(out, "detection_model.", c)
    if variant == "refatomnet++":
        _opt_shapes(out, "llm_model.opt_model.model.decoder.", c)
        _head_shapes(out, c, depth)
    else:
        _head_v1_shapes(out, c)
    return out


def checkpoint(c, seed=1, dtype=np.float32, **kind):
    """{original name: random array}, with the person's vector as `world`. Variances are positive."""
    rng = np.random.default_rng(seed)
    out = {name: rng.standard_normal(shape).astype(dtype) for name, shape in shapes(c, **kind).items()}
    for name in out:
        if name.endswith("running_var"):
            out[name] = (np.abs(out[name]) + dtype(0.5)).astype(dtype)
    out["world"] = rng.standard_normal(c["qformer_dim"]).astype(np.float32)
    return out


# ---------------------------------------------------------------- other layouts, written from the tables of each project

def part(tensors, prefix, target=""):
    return {target + k[len(prefix):]: v for k, v in tensors.items() if k.startswith(prefix)}


def eva(tensors):
    """A whole EVA-CLIP encoder: one more block than BLIP-2 uses, the last norm and a classifier."""
    out = part(tensors, "modelblip.visual_encoder.")
    last = max(int(m[1]) for m in map(re.compile(r"blocks\.(\d+)\.").match, out) if m)
    out |= {k.replace(f"blocks.{last}.", f"blocks.{last + 1}."): v + 1 for k, v in out.items() if k.startswith(f"blocks.{last}.")}
    return out | {"norm.weight": np.ones(3, np.float32), "norm.bias": np.ones(3, np.float32), "head.weight": np.ones((2, 3), np.float32)}


def blip2_stage1(tensors):
    out = {k: v for k, v in part(tensors, "modelblip.").items() if not k.startswith("visual_encoder.")}
    return out | {"vision_proj.weight": np.ones((2, 2), np.float32), "temp": np.ones((), np.float32),
                  "Qformer.bert.embeddings.position_ids": np.arange(4)[None]}


def head(tensors):
    return {k: v for k, v in tensors.items() if not k.startswith(("modelblip.", "model.", "llm_model.", "detection_model."))}


def _replace(name, pairs):
    for old, new in pairs:
        name = name.replace(old, new)
    return name


def hf_vision(tensors):
    out = {}
    for k, v in part(tensors, "modelblip.visual_encoder.").items():
        if k.endswith("attn.q_bias"):
            value = part(tensors, "modelblip.visual_encoder.")[k.replace("q_bias", "v_bias")]
            out["vision_model." + k.replace("blocks", "encoder.layers").replace("attn.q_bias", "self_attn.qkv.bias")] = \
                np.concatenate([v, 0 * v, value])
        elif not k.endswith("attn.v_bias"):
            out["vision_model." + _replace(k, (
                ("cls_token", "embeddings.class_embedding"), ("pos_embed", "embeddings.position_embedding"),
                ("patch_embed.proj", "embeddings.patch_embedding"), ("blocks", "encoder.layers"), ("attn.proj", "self_attn.projection"),
                ("attn.qkv", "self_attn.qkv"), ("norm", "layer_norm")))] = v
    return out


def hf_itm(tensors):
    """Salesforce/blip2-itm-vit-g."""
    out = hf_vision(tensors) | part(tensors, "modelblip.ln_vision", "vision_model.post_layernorm")
    out["query_tokens"] = tensors["modelblip.query_tokens"]
    for k, v in part(tensors, "modelblip.Qformer.bert.").items():
        if "_embeddings" in k:
            out[k] = v
        else:
            out["qformer." + _replace(k, (("embeddings.LayerNorm", "layernorm"), ("attention.self", "attention.attention")))] = v
    return out | {"itm_head.weight": np.ones((2, 2), np.float32), "vision_projection.weight": np.ones((2, 2), np.float32)}


def hf_blip2_opt(tensors):
    """Salesforce/blip2-opt-2.7b: the right OPT and vision body, a Q-Former of stage 2."""
    out = hf_vision(tensors) | part(tensors, "llm_model.opt_model.", "language_model.")
    stage2 = {k: v + 1 for k, v in hf_itm(tensors).items() if k.startswith(("qformer.", "query_tokens", "vision_model.post"))
              and "intermediate.dense" not in k and ".output.dense" not in k}
    return out | stage2 | {"language_projection.weight": np.ones((2, 2), np.float32),
                           "language_model.lm_head.weight": np.ones((2, 2), np.float32)}


def hf_detr(tensors, native=False, out_name="out_proj"):
    """facebook/detr-resnet-50, with the timm backbone or the native one (revision no_timm)."""
    out, body = {}, "model.backbone.conv_encoder.model."
    for k, v in part(tensors, "detection_model.").items():
        if k.startswith("backbone.0.body."):
            k = k[len("backbone.0.body."):]
            out[body + (_native_backbone(k) if native else k)] = v
        elif ".in_proj_" in k:
            for x, third in zip("qkv", np.split(v, 3)):
                name = k.replace("multihead_attn", "encoder_attn").replace("in_proj_", f"{x}_proj.")
                out["model." + name.removeprefix("transformer.")] = third
        else:
            out[_hf_detr_name(k, out_name)] = v
    return out


def _native_backbone(k):
    k = re.sub(r"^conv1\.", "embedder.embedder.convolution.", k)
    k = re.sub(r"^bn1\.", "embedder.embedder.normalization.", k)
    k = re.sub(r"^layer(\d)\.(\d+)\.", lambda m: f"encoder.stages.{int(m[1]) - 1}.layers.{m[2]}.", k)
    k = k.replace("downsample.0", "shortcut.convolution").replace("downsample.1", "shortcut.normalization")
    k = re.sub(r"\.conv(\d)\.", lambda m: f".layer.{int(m[1]) - 1}.convolution.", k)
    return re.sub(r"\.bn(\d)\.", lambda m: f".layer.{int(m[1]) - 1}.normalization.", k)


def _hf_detr_name(k, out_name):
    if k.startswith("transformer.decoder.layers"):
        k = _replace(k, (("norm2", "encoder_attn_layer_norm"), ("norm3", "final_layer_norm"), ("norm1", "self_attn_layer_norm")))
    elif k.startswith("transformer.encoder.layers"):
        k = _replace(k, (("norm2", "final_layer_norm"), ("norm1", "self_attn_layer_norm")))
    k = _replace(k, (("multihead_attn", "encoder_attn"), ("linear", "fc"), ("out_proj", out_name), ("decoder.norm", "decoder.layernorm"),
                     ("input_proj", "input_projection"), ("query_embed", "query_position_embeddings")))
    if k.startswith("class_embed"):
        return k.replace("class_embed", "class_labels_classifier")
    if k.startswith("bbox_embed"):
        return k.replace("bbox_embed", "bbox_predictor")
    return "model." + k.removeprefix("transformer.")


# ---------------------------------------------------------------- files

_SAFE = {"float64": "F64", "float32": "F32", "float16": "F16", "int64": "I64"}


def write_safetensors(path, tensors, metadata=None):
    header, at = {"__metadata__": metadata} if metadata else {}, 0
    for k, v in tensors.items():
        header[k] = {"dtype": _SAFE[v.dtype.name], "shape": list(v.shape), "data_offsets": [at, at + v.nbytes]}
        at += v.nbytes
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(np.ascontiguousarray(v).tobytes() for v in tensors.values()))
    return path


_STORAGE = {"float64": "DoubleStorage", "float32": "FloatStorage", "float16": "HalfStorage", "int64": "LongStorage"}


def _text(s):
    return b"X" + struct.pack("<I", len(s.encode())) + s.encode()


def _numbers(values):
    return b"(" + b"".join(b"J" + struct.pack("<i", v) for v in values) + b"t"


def torch_pickle(tensors, wrap=None, legacy=False):
    """The pickle of an ordered dictionary of tensors, each with a storage of its own; `wrap`: {wrap: dictionary}."""
    out = b"\x80\x02" + (b"}(" + _text(wrap) if wrap else b"") + b"ccollections\nOrderedDict\n)R("
    for i, (name, v) in enumerate(tensors.items()):
        strides = [s // v.itemsize for s in v.strides]
        storage = b"(" + _text("storage") + f"ctorch\n{_STORAGE[v.dtype.name]}\n".encode() + _text(str(i)) + _text("cpu") + \
            b"J" + struct.pack("<i", v.size) + (b"N" if legacy else b"") + b"tQ"
        out += _text(name) + b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + b"K\0" + _numbers(v.shape) + _numbers(strides) + \
            b"\x89ccollections\nOrderedDict\n)RtR"
    return out + b"u" + (b"u" if wrap else b"") + b"."


def _storage_bytes(v):
    """Values in the order of memory, so that a transposed array keeps its strides."""
    return v.T.tobytes() if v.flags.f_contiguous and not v.flags.c_contiguous else v.tobytes()


def write_torch_zip(path, tensors, wrap=None, pickle_bytes=None, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as z:
        z.writestr("archive/data.pkl", pickle_bytes or torch_pickle(tensors, wrap))
        z.writestr("archive/byteorder", "little")
        for i, v in enumerate(tensors.values()):
            z.writestr(f"archive/data/{i}", _storage_bytes(v))
        z.writestr("archive/version", "3\n")
    return path


def write_torch_legacy(path, tensors, wrap=None):
    f = io.BytesIO()
    for value in (0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True, "type_sizes": {"int": 4}}):
        pickle.dump(value, f, 2)
    f.write(torch_pickle(tensors, wrap, legacy=True))
    pickle.dump([str(i) for i in range(len(tensors))], f, 2)
    for v in tensors.values():
        f.write(struct.pack("<q", v.size) + _storage_bytes(v))
    path.write_bytes(f.getvalue())
    return path

"""Which checkpoint is this, and what are its tensors called in a full RefAtomNet++ checkpoint?

Sources of the names: refAVA2 and RAVAR (full checkpoints), LAVIS (BLIP-2 stage 1, EVA ViT-g), Hugging Face's conversion
scripts (Salesforce/blip2-itm-vit-g, Salesforce/blip2-opt-2.7b, facebook/detr-resnet-50 in both backbones), OPT, DETR.
"""
import dataclasses
import re

import numpy as np

from names import DETR, OPT, QFORMER, VIT
from state_dict import ConvertError, Tensor

STAGE2 = ("stage-2 Q-Former weights: they were trained for the language model, differ from stage 1 and have no text path. "
          "RefAtomNet uses stage 1: give blip2_pretrained.pth or Salesforce/blip2-itm-vit-g")

_HF_VIT = [
    (r"vision_model\.embeddings\.class_embedding$", VIT + "cls_token"),
    (r"vision_model\.embeddings\.position_embedding$", VIT + "pos_embed"),
    (r"vision_model\.embeddings\.patch_embedding\.", VIT + "patch_embed.proj."),
    (r"vision_model\.encoder\.layers\.(\d+)\.layer_norm([12])\.", VIT + r"blocks.\1.norm\2."),
    (r"vision_model\.encoder\.layers\.(\d+)\.self_attn\.qkv\.", VIT + r"blocks.\1.attn.qkv."),
    (r"vision_model\.encoder\.layers\.(\d+)\.self_attn\.projection\.", VIT + r"blocks.\1.attn.proj."),
    (r"vision_model\.encoder\.layers\.(\d+)\.mlp\.", VIT + r"blocks.\1.mlp."),
]
_HF_ITM = _HF_VIT + [
    (r"vision_model\.post_layernorm\.", "modelblip.ln_vision."),
    (r"query_tokens$", "modelblip.query_tokens"),
    (r"embeddings\.(word|position)_embeddings\.", QFORMER + r"embeddings.\1_embeddings."),
    (r"qformer\.layernorm\.", QFORMER + "embeddings.LayerNorm."),
    (r"qformer\.encoder\.layer\.(\d+)\.(attention|crossattention)\.attention\.", QFORMER + r"encoder.layer.\1.\2.self."),
    (r"qformer\.encoder\.", QFORMER + "encoder."),
]
_HF_OPT = [(r"language_model\.model\.decoder\.", OPT)]
_OPT = [(r"(?:model\.)?decoder\.", OPT)]
_BODY = DETR + "backbone.0.body."
_HF_BACKBONE = r"model\.backbone\.conv_encoder\.model\."
_HF_STAGE = _HF_BACKBONE + r"encoder\.stages\.(\d+)\.layers\.(\d+)\."
_LAYER = DETR + r"transformer.\1.layers.\2."
_HF_LAYER = r"model\.(encoder|decoder)\.layers\.(\d+)\."


def _native_stage(m, conv, norm):
    kind = norm if m["kind"] == "normalization" else conv
    return f"{_BODY}layer{int(m[1]) + 1}.{m[2]}.{kind}."


_HF_DETR = [
    (_HF_BACKBONE + r"embedder\.embedder\.convolution\.", _BODY + "conv1."),
    (_HF_BACKBONE + r"embedder\.embedder\.normalization\.", _BODY + "bn1."),
    (_HF_STAGE + r"layer\.(?P<j>[012])\.(?P<kind>convolution|normalization)\.",
     lambda m: _native_stage(m, f"conv{int(m['j']) + 1}", f"bn{int(m['j']) + 1}")),
    (_HF_STAGE + r"shortcut\.(?P<kind>convolution|normalization)\.", lambda m: _native_stage(m, "downsample.0", "downsample.1")),
    (_HF_BACKBONE, _BODY),
    (r"model\.input_projection\.", DETR + "input_proj."),
    (r"model\.query_position_embeddings\.", DETR + "query_embed."),
    (r"model\.decoder\.layernorm\.", DETR + "transformer.decoder.norm."),
    (r"class_labels_classifier\.", DETR + "class_embed."),
    (r"bbox_predictor\.", DETR + "bbox_embed."),
    (_HF_LAYER + r"self_attn\.o_proj\.", _LAYER + "self_attn.out_proj."),
    (_HF_LAYER + r"self_attn\.", _LAYER + "self_attn."),
    (_HF_LAYER + r"encoder_attn\.o_proj\.", _LAYER + "multihead_attn.out_proj."),
    (_HF_LAYER + r"encoder_attn\.", _LAYER + "multihead_attn."),
    (_HF_LAYER + r"fc([12])\.", _LAYER + r"linear\3."),
    (_HF_LAYER + r"self_attn_layer_norm\.", _LAYER + "norm1."),
    (_HF_LAYER + r"encoder_attn_layer_norm\.", _LAYER + "norm2."),
    (_HF_LAYER + r"final_layer_norm\.", lambda m: f"{DETR}transformer.{m[1]}.layers.{m[2]}.norm{3 if m[1] == 'decoder' else 2}."),
]

# Parts of the original checkpoints that inference does not read; left out without a word.
_UNNEEDED = re.compile("|".join([
    r"(.*\.)?position_ids$", r"modelblip\.Qformer\.cls\.", r"modelblip\.(vision|text)_proj\.",
    r"modelblip\.(itm_head\.|temp$)", r"llm_model\.(?!opt_model\.model\.decoder\.)", r"manifold\.", r"centers\.",
    r"grounding_dino\.", r"proj_(box|sem|img|boxes)\.", r"latent_proj2?\.", r"cross_attention\w*\.query_tokens$",
    r".*\.num_batches_tracked$", r"(vision|text)_projection\.", r"(.*\.)?lm_head\.", re.escape(VIT) + r"(norm|fc_norm|head)\.",
    r"world$", r"agent_temporal\.", r"agent_box\.(attn\.proj|norm2|mlp)\."]))


@dataclasses.dataclass
class Layout:
    label: str
    rules: list           # [(pattern at the start of a key, replacement)]; the first that fits
    drop: str = r"(?!)"   # keys that this layout must not supply
    note: str = ""        # why
    stage2: bool = False  # its Q-Former is a stage-2 one


def _keep(prefix):
    return [(r"", prefix)]


def detect(label, keys):
    """The layout of a checkpoint with these keys. The order of the tests matters."""
    has = lambda pattern: any(re.match(pattern, k) for k in keys)
    if has(r"model\.Qformer\."):
        return Layout("RefAtomNet (2024)", [(r"model\.", "modelblip.")])
    if has(r"(modelblip|llm_model|detection_model)\."):
        return Layout("full RefAtomNet++", _keep(""))
    if has(r"transformer\.decoder\.norm\.weight$"):
        return Layout("DETR", _keep(DETR))
    if has(r"patch_embed\.proj\.weight$"):
        last = max((int(m[1]) for m in map(re.compile(r"blocks\.(\d+)\.").match, keys) if m), default=0)
        whole = has(r"norm\.weight$")
        return Layout("EVA ViT", _keep(VIT), rf"blocks\.{last}\." if whole else r"(?!)",
                      f"block {last}, the last of EVA-CLIP, is not part of BLIP-2's encoder" if whole else "")
    if has(r"Qformer\.bert\."):
        if not has(r"Qformer\.bert\.embeddings\.word_embeddings\.weight$"):
            raise ConvertError(f"{label}: holds {STAGE2}")
        return Layout("BLIP-2 stage 1 (LAVIS)", _keep("modelblip."))
    if has(r"language_model\."):
        return Layout("BLIP-2 OPT (Hugging Face)", _HF_VIT + _HF_OPT, r"qformer\.|query_tokens$|vision_model\.post_layernorm\.|"
                      r"language_projection\.|embeddings\.", f"its Q-Former and last norm are {STAGE2}", True)
    if has(r"vision_model\.") and has(r"embeddings\.word_embeddings\.weight$"):
        return Layout("BLIP-2 stage 1 (Hugging Face)", _HF_ITM)
    if has(r"qformer\.") and not has(r"embeddings\.word_embeddings\.weight$"):
        raise ConvertError(f"{label}: holds {STAGE2}")
    if has(r"class_labels_classifier\.|model\.backbone\."):
        return Layout("DETR (Hugging Face)", _HF_DETR)
    if has(r"(model\.)?decoder\.layers\.\d+\.fc1\.weight$"):
        return Layout("OPT", _OPT)
    if has(r"proj\.weight$|classification_head\.|world$"):
        return Layout("head", _keep(""))
    raise ConvertError(f"{label}: not a checkpoint this converter knows; its first tensors are {', '.join(list(keys)[:3])}")


def _rename(key, rules):
    for pattern, replacement in rules:
        new, done = re.subn(r"\A" + pattern, replacement, key, count=1)
        if done:
            return new
    return key


def _slice(t, begin, end):
    return Tensor((end - begin,), lambda: t.read()[begin:end], t.key, t.file)


def _split_qkv_bias(tensors):
    """Hugging Face's ViT has one bias for q, k and v; the key part is zero by construction."""
    for key in [k for k in tensors if k.startswith(VIT) and k.endswith(".attn.qkv.bias")]:
        t, prefix = tensors.pop(key), key[:-len("qkv.bias")]
        if len(t.shape) != 1 or t.shape[0] % 3:
            raise ConvertError(f"tensor {key} has shape {list(t.shape)}, expected [3 * width] ({t.key} in {t.file})")
        d = t.shape[0] // 3
        if np.any(t.read()[d:2 * d]):
            raise ConvertError(f"tensor {key}: the key part of the bias is not zero, which this model cannot have ({t.file})")
        tensors.setdefault(prefix + "q_bias", _slice(t, 0, d))
        tensors.setdefault(prefix + "v_bias", _slice(t, 2 * d, 3 * d))


def _join(parts):
    first = parts[0]
    shape = (sum(p.shape[0] for p in parts), *first.shape[1:])
    return Tensor(shape, lambda: np.concatenate([p.read() for p in parts]), first.key, first.file)


def _pack_projections(tensors):
    """q_proj, k_proj, v_proj of DETR and of the head's attention -> the packed in_proj of the original."""
    for key in [k for k in tensors if k.endswith((".q_proj.weight", ".q_proj.bias")) and not k.startswith(OPT)]:
        prefix, kind = key.rsplit("q_proj.", 1)
        names = [f"{prefix}{x}_proj.{kind}" for x in "qkv"]
        if all(n in tensors for n in names) and len({tensors[n].shape for n in names}) == 1 and tensors[key].shape:
            tensors.setdefault(f"{prefix}in_proj_{kind}", _join([tensors.pop(n) for n in names]))


@dataclasses.dataclass
class Merged:
    tensors: dict     # {original name: Tensor}
    stage2: list      # checkpoints whose Q-Former was left out because it is of stage 2
    notes: list       # lines for the user


def merge(checkpoints):
    """[(label, {key: Tensor}, _)] -> one dictionary under the names of a full checkpoint. The first file that has a tensor wins."""
    merged = Merged({}, [], [])
    for label, found, _ in checkpoints:
        layout = detect(label, found)
        dropped = [k for k in found if re.match(layout.drop, k)]
        merged.notes.append(f"{label}: {layout.label}, {len(found)} tensors")
        if dropped:
            merged.notes.append(f"{label}: {len(dropped)} tensors not taken: {layout.note}")
            if layout.stage2:
                merged.stage2.append(label)
        renamed = {_rename(k, layout.rules): t for k, t in found.items() if not re.match(layout.drop, k)}
        _split_qkv_bias(renamed)
        _pack_projections(renamed)
        again = [k for k in renamed if k in merged.tensors]
        if again:
            merged.notes.append(f"{label}: {len(again)} tensors ignored because an earlier file has them, e.g. {again[0]}")
        merged.tensors = renamed | merged.tensors
    return merged


def unknown(tensors, used):
    """Original keys that are neither used nor known to be unneeded, by file: {file: [key]}."""
    result = {}
    for name, t in tensors.items():
        if name not in used and not _UNNEEDED.match(name):
            result.setdefault(t.file, []).append(t.key)
    return result

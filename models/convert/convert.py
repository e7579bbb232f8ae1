#!/usr/bin/env python3
"""Original RefAtomNet++ or RefAtomNet weights to one GGUF model file.

Give one full checkpoint, or the separate ones: EVA ViT-g, BLIP-2 stage 1, OPT, DETR and the head. Safetensors, PyTorch
files (read without executing anything), sharded checkpoints (their index.json) and folders of Hugging Face are accepted.
"""
import argparse
import json
import math
import pathlib
import re
import sys

import numpy as np

import gguf_writer
import hyperparameters
import layouts
import names
import text_data
from state_dict import ConvertError, Tensor, open_checkpoints

_CHUNK = 1 << 22  # values converted at a time
_NAMES = {"refatomnet++": "RefAtomNet++", "refatomnet": "RefAtomNet"}


def note(text):
    print(f"convert: {text}", file=sys.stderr)


def parse_arguments(argv):
    a = argparse.ArgumentParser(prog="convert.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("checkpoint", nargs="+", help="where two hold the same tensor, the first one counts")
    a.add_argument("-o", "--output", required=True, metavar="MODEL.gguf")
    a.add_argument("--vocab", metavar="vocab.txt", help="WordPiece vocabulary (bert-base-uncased for the published model)")
    a.add_argument("--worlds", metavar="worlds_feature.pkl", help="the authors' word vectors; needed unless a checkpoint has `world`")
    a.add_argument("--labels", metavar="FILE", help="one action name a line (default: the 80 actions of AVA)")
    a.add_argument("--config", metavar="FILE.json", help="sizes and flags that the tensors cannot tell, such as head counts")
    a.add_argument("--name", help="general.name of the file")
    a.add_argument("--type", choices=("auto", "f32", "f16"), default="auto",
                   help="of the encoders' matrices; auto: f16 for each matrix that loses nothing by it, else f32 (default)")
    v = a.add_argument_group("variant (default: what the tensors say, else RefAtomNet++ as published)")
    v.add_argument("--variant", choices=("refatomnet++", "refatomnet"))
    v.add_argument("--box-sigmoid", action=argparse.BooleanOptionalAction, default=None)
    v.add_argument("--branches", choices=("both", "2"))
    v.add_argument("--logit-divisor", type=int, choices=(2, 3))
    v.add_argument("--mamba-depth", type=int, choices=(1, 2))
    p = a.add_argument_group("preprocessing")
    p.add_argument("--profile", choices=tuple(hyperparameters.PROFILES),
                   help="loader: as evaluated (default); demo: as in demo.py; refatomnet: the 2024 model (its default)")
    p.add_argument("--sampling", choices=("spread", "first", "demo", "still"))
    p.add_argument("--channel-order", choices=("bgr", "rgb"))
    p.add_argument("--antialias", action=argparse.BooleanOptionalAction, default=None, help="of the frames' tensor resize")
    p.add_argument("--fp16-pixels", action=argparse.BooleanOptionalAction, default=None)
    p.add_argument("--prompt", help="text before the caption on the sentence path")
    return a.parse_args(argv)


def given_configuration(options, checkpoints):
    """Options before --config before what the checkpoints carry before what the vocabulary tells."""
    sources = [(label, metadata["config"]) for label, _, metadata in checkpoints if "config" in metadata]
    sources += [(options.config, pathlib.Path(options.config).read_bytes())] if options.config else []
    given = text_data.special_ids(options.vocab) if options.vocab else {}
    for label, text in sources:
        try:
            part = json.loads(text)
        except (ValueError, RecursionError) as e:
            raise ConvertError(f"{label}: the configuration is not JSON: {e}") from None
        if not isinstance(part, dict):
            raise ConvertError(f"{label}: the configuration is not a JSON object")
        given.update(part)
    known = {*hyperparameters.SIZES, *hyperparameters.FLAGS, *hyperparameters.PROFILES["loader"], "name"}
    if given.keys() - known:
        note(f"warning: the configuration has entries that mean nothing here: {', '.join(sorted(given.keys() - known))}")
    keys = (*hyperparameters.FLAGS, "sampling", "channel_order", "fp16_pixels", "prompt", "name")
    given |= {k: getattr(options, k) for k in keys if getattr(options, k) is not None}
    for key, value in given.items():
        if isinstance(value, str) and any("\ud800" <= c <= "\udfff" for c in value):
            raise ConvertError(f"configuration: {key} has a character that UTF-8 cannot hold")
    return given


def preprocessing(options, variant, given):
    profile = hyperparameters.preprocessing(options.profile or ("refatomnet" if variant == "refatomnet" else "loader"), given)
    if options.antialias is not None:
        if profile["frame.resize"] == "pillow":
            raise ConvertError("--antialias is about the tensor resize, and this profile resizes frames with Pillow's method")
        profile["frame.resize"] = "tensor" if options.antialias else "tensor-no-antialias"
    return profile


def text_metadata(options, c):
    if options.vocab:
        tokens = text_data.vocabulary(options.vocab, c["vocab"], c["cls_id"], c["sep_id"])
    else:
        tokens = text_data.synthetic_vocabulary(c["vocab"], c["cls_id"], c["sep_id"])
        note("no --vocab: the file gets a synthetic vocabulary of single characters, and real captions mean nothing to it")
    labels, notice = text_data.labels(options.labels, c["actions"])
    if notice:
        note(notice)
    return {"refatom.stop_words": text_data.STOP_WORDS, "refatom.labels": labels, "tokenizer.ggml.model": "bert",
            "tokenizer.ggml.tokens": tokens}


def add_person_vector(options, tensors, width):
    if options.worlds:
        vector, notice = text_data.person_vector(options.worlds, width)
        tensors[names.WORLD] = Tensor((width,), lambda: vector, names.WORLD, options.worlds)
        if notice:
            note(notice)
    elif names.WORLD not in tensors:
        raise ConvertError("the person's word vector is missing: give the authors' worlds_feature.pkl with --worlds")


def _chunks(values):
    flat = values.reshape(-1)
    return (flat[i:i + _CHUNK] for i in range(0, flat.size, _CHUNK))


def _is_half(values):
    with np.errstate(over="ignore"):
        return all(np.array_equal(part.astype("<f2"), part) for part in _chunks(values))


def _cast(name, origin, values, dtype):
    """Chunks of `values` as dtype, rounded to nearest even; a value that is not finite afterwards is an error."""
    for part in _chunks(values):
        with np.errstate(over="ignore"):
            out = part.astype(dtype)
        if not np.all(np.isfinite(out)):
            reason = "is too large for f16: use --type f32" if np.all(np.isfinite(part)) and dtype == "<f2" else \
                "is not finite: the checkpoint is damaged or its training diverged"
            raise ConvertError(f"{name}: a value {reason} ({origin})")
        yield out


def producer(entries, tensors, element_type):
    """-> function: tensor name -> (GGUF type, chunks), as gguf_writer.write wants it."""
    by_name, live = {e.name: (i, e) for i, e in enumerate(entries)}, sys.stderr.isatty()

    def produce(name):
        index, entry = by_name[name]
        parts = [tensors[key].read() for key, _ in entry.needs]
        for (key, _), part in zip(entry.needs, parts):
            if part.dtype.kind != "f" and part.dtype != np.dtype("<f4"):
                raise ConvertError(f"tensor {key} holds {part.dtype}, expected floats ({tensors[key].file})")
        values = entry.make(*parts)
        assert values.shape == entry.shape, (name, values.shape, entry.shape)
        half = entry.half and (element_type == "f16" or element_type == "auto" and _is_half(values))
        if live:
            print(f"\rconvert: {index + 1}/{len(entries)} tensors", end="" if index + 1 < len(entries) else "\n", file=sys.stderr)
        origin = ", ".join(f"{key} in {tensors[key].file}" for key, _ in entry.needs)
        return (gguf_writer.F16, _cast(name, origin, values, "<f2")) if half else (gguf_writer.F32, _cast(name, origin, values, "<f4"))
    return produce


def convert(options):
    checkpoints = open_checkpoints(options.checkpoint)
    sources = {pathlib.Path(t.file).resolve() for _, tensors, _ in checkpoints for t in tensors.values()}
    if pathlib.Path(options.output).resolve() in sources:
        raise ConvertError(f"{options.output}: the output would replace a checkpoint; name another file")
    merged = layouts.merge(checkpoints)
    for line in merged.notes:
        note(line)
    given = given_configuration(options, checkpoints)
    try:
        c = hyperparameters.resolve(merged.tensors, given)
        add_person_vector(options, merged.tensors, c["qformer_dim"])
        entries = names.plan(c, merged.tensors)
        names.check(entries, merged.tensors)
    except ConvertError as e:
        if merged.stage2 and re.search(r"modelblip\.(Qformer|query_tokens|ln_vision)", str(e)):
            raise ConvertError(f"{e}\n  {', '.join(merged.stage2)} holds {layouts.STAGE2}") from None
        raise
    metadata = {"general.architecture": "refatomnet", "general.name": str(given.get("name", _NAMES[c["variant"]]))}
    metadata |= hyperparameters.metadata(c, preprocessing(options, c["variant"], given)) | text_metadata(options, c)
    used = {key for e in entries for key, _ in e.needs}
    for file, keys in layouts.unknown(merged.tensors, used).items():
        note(f"warning: {file}: {len(keys)} tensors are not part of the model and were left out, e.g. {', '.join(sorted(keys)[:3])}")
    gguf_writer.write(options.output, metadata, [(e.name, e.shape) for e in entries],
                      producer(entries, merged.tensors, options.type))
    values = sum(math.prod(e.shape) for e in entries)
    size = pathlib.Path(options.output).stat().st_size
    print(f"{options.output}: {len(entries)} tensors, {values / 1e6:.2f} M values, {size / 2 ** 20:.1f} MiB")


def main(argv=None):
    options = parse_arguments(argv)
    try:
        convert(options)
    except ConvertError as e:
        print(f"convert: error: {e}", file=sys.stderr)
        return 1
    except OSError as e:
        inside = e.filename is None or str(e.filename).endswith(".part")  # the temporary file beside the output
        print(f"convert: error: {options.output if inside else e.filename}: {e.strerror}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

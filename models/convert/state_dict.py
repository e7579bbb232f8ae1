"""Checkpoints as dictionaries of lazy tensors.

A checkpoint is never loaded as a whole: a `Tensor` knows its shape and reads its values, as a view of a memory map,
when they are asked for. Safetensors are read here, PyTorch files in torch_file.py; neither executes anything.
"""
import dataclasses
import json
import math
import pathlib
import re
import struct
from typing import Callable

import numpy as np


class ConvertError(Exception):
    """The conversion cannot be done; the text names the file or tensor, the reason and the remedy."""


@dataclasses.dataclass(frozen=True)
class Tensor:
    shape: tuple                      # row-major, as PyTorch lists it
    read: Callable[[], np.ndarray]    # -> array of `shape`; possibly a view of the file
    key: str                          # the name in the file it comes from
    file: str


# Type names of safetensors; PyTorch's storage classes map to the same names. BF16 has no NumPy type and is widened.
DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1",
          "U8": "u1", "BOOL": "u1"}


def widen(raw, dtype):
    """The values of an array that was read with DTYPES[dtype]."""
    return (raw.astype("<u4") << 16).view("<f4") if dtype == "BF16" else raw


def map_file(path):
    if path.stat().st_size == 0:
        raise ConvertError(f"{path}: the file is empty")
    return np.memmap(path, dtype=np.uint8, mode="r")


def _safetensors_entry(path, raw, data_start, key, info):
    try:
        dtype, shape, (begin, end) = info["dtype"], tuple(info["shape"]), info["data_offsets"]
        numbers_ok = all(type(n) is int and n >= 0 for n in (*shape, begin, end))
    except (KeyError, TypeError, ValueError):
        raise ConvertError(f"{path}: malformed header entry of tensor {key}") from None
    if dtype not in DTYPES:
        raise ConvertError(f"{path}: tensor {key} has type {dtype}, which is not supported (one of {', '.join(DTYPES)})")
    size = math.prod(shape) * np.dtype(DTYPES[dtype]).itemsize if numbers_ok else -1
    if not numbers_ok or end - begin != size or data_start + end > raw.size:
        raise ConvertError(f"{path}: tensor {key} does not fit its place in the file; the file is damaged or cut off")

    def read():
        return widen(raw[data_start + begin:data_start + end].view(DTYPES[dtype]).reshape(shape), dtype)
    return Tensor(shape, read, key, str(path))


def read_safetensors(path):
    """-> ({key: Tensor}, metadata: dict of strings)."""
    raw = map_file(path)
    header_bytes = struct.unpack("<Q", raw[:8].tobytes())[0] if raw.size >= 8 else 0
    if not 2 <= header_bytes <= raw.size - 8:
        raise ConvertError(f"{path}: not a safetensors file (header of {header_bytes} bytes in a file of {raw.size})")
    try:
        header = json.loads(raw[8:8 + header_bytes].tobytes())
    except (ValueError, RecursionError):
        raise ConvertError(f"{path}: the safetensors header is not JSON") from None
    if not isinstance(header, dict):
        raise ConvertError(f"{path}: the safetensors header is not a JSON object")
    metadata = header.pop("__metadata__", {})
    tensors = {key: _safetensors_entry(path, raw, 8 + header_bytes, key, info) for key, info in header.items()}
    return tensors, metadata if isinstance(metadata, dict) else {}


def _read_file(path):
    with open(path, "rb") as f:
        start = f.read(10)
    if path.suffix == ".safetensors" or start[8:9] == b"{":
        return read_safetensors(path)
    import torch_file
    return torch_file.read(path), {}


def _shards_of_index(path):
    """The files of a Hugging Face index, `*.index.json`."""
    try:
        names = set(json.loads(path.read_text())["weight_map"].values())
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ConvertError(f"{path}: not an index of a sharded checkpoint (no weight_map)") from None
    if any(pathlib.PurePath(n).name != n for n in names):
        raise ConvertError(f"{path}: the index names files outside its own folder")
    return [path.parent / n for n in sorted(names)]


_FOLDER_FILES = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")


def _expand(path):
    if path.is_dir():
        found = [path / n for n in _FOLDER_FILES if (path / n).exists()]
        if not found:
            raise ConvertError(f"{path}: the folder holds none of {', '.join(_FOLDER_FILES)}")
        path = found[0]
    return _shards_of_index(path) if path.name.endswith(".index.json") else [path]


def open_checkpoints(paths):
    """Groups the shards of one checkpoint and reads every group: -> [(label, {key: Tensor}, metadata)]."""
    groups = {}
    for path in [p for given in paths for p in _expand(pathlib.Path(given))]:
        if not path.is_file():
            raise ConvertError(f"{path}: no such file")
        stem = re.sub(r"-\d{5}-of-\d{5}(?=\.)", "", str(path))
        groups.setdefault(stem, []).append(path)
    result = []
    for label, files in groups.items():
        tensors, metadata = {}, {}
        for path in dict.fromkeys(files):
            part, info = _read_file(path)
            tensors.update(part)
            metadata.update(info)
        result.append((label, {re.sub(r"^module\.", "", k): t for k, t in tensors.items()}, metadata))
    return result

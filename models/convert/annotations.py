"""RefAVA and RefAVA++ annotations as JSON Lines for `refatom eval`:

    python3 models/convert/annotations.py --boxes test_set_keyframe_crr_final.pkl --labels test_set_label_crr_final.pkl \\
        --captions test_set_description_crr_final.pkl -o test.jsonl

A split is three pickled dictionaries with the same keys, VIDEO___SECOND___PERSON (SECOND as AVA counts, from 900 at the movie's minute 15):

    boxes     key -> [[x1, y1, x2, y2], ...]   shares of width and height; the first box is the key frame's
    labels    key -> [12, 80, ...]             AVA action ids, 1 to 80
    captions  key -> [caption, ...]            the first one is used

The released loader goes by position, not by key; so where the files list their keys in different orders, which is said, it pairs them otherwise than
this program. Numbers may be NumPy's or strings. The window of a sample is the 90 frames from number (SECOND - 900) * 30 - 45 on, of files numbered
from 1; `refatom eval` derives it from "second".

Nothing in a pickle is executed: torch_file.py's interpreter reads it, extended by NumPy's arrays and scalars of plain numbers and strings.
Exit status: 0 done, 1 failed, 2 wrong usage.
"""
import argparse
import json
import math
import pathlib
import sys

import numpy as np

import torch_file
from state_dict import ConvertError

CLASSES = 80
SEPARATOR = "___"
_NUMPY = {(module, name) for module in ("numpy.core.multiarray", "numpy._core.multiarray") for name in ("_reconstruct", "scalar")} | {
    ("numpy", "ndarray"), ("numpy", "dtype"), ("_codecs", "encode")}


class _Array:
    """An array whose state has not been set yet, and then its values as nested lists."""

    def __init__(self):
        self.values = None


class _Dtype:
    def __init__(self, name):
        self.name = name


def _plain_dtype(record, byteorder):
    """The NumPy type that a pickled dtype stands for: numbers and strings only, so that reading bytes is all that can happen."""
    if not isinstance(record, _Dtype) or len(record.name) > 8 or record.name[:1] not in "fiubUS":
        raise ValueError("an array holds neither plain numbers nor strings")
    return np.dtype(record.name).newbyteorder(byteorder if byteorder in ("<", ">") else "=")


class _Machine(torch_file.Machine):
    """The interpreter of torch_file.py without tensors, with NumPy arrays and scalars, sets and the text protocol's numbers."""

    @staticmethod
    def resolve(module, name):
        if (module, name) in _NUMPY:
            return torch_file.Global((module, name))
        raise ValueError(f"it refers to {module}.{name}; only dictionaries, lists, numbers, strings and NumPy arrays of them are read")

    @staticmethod
    def call(function, args):
        name = function[1]
        if name == "_reconstruct":
            return _Array()
        if name == "dtype" and args and isinstance(args[0], str):
            return _Dtype(args[0])
        if name == "encode" and len(args) == 2 and isinstance(args[0], str) and args[1] == "latin1":
            return args[0].encode("latin1")
        if name == "scalar" and len(args) == 2 and isinstance(args[1], bytes):
            return np.frombuffer(args[1], _plain_dtype(args[0], getattr(args[0], "order", "<")), 1)[0].item()
        raise ValueError("a call has arguments of the wrong kind")

    def build(self):
        state, target = self.stack.pop(), self.stack[-1]
        if isinstance(target, _Dtype) and isinstance(state, tuple) and len(state) >= 2 and state[1] in ("<", ">", "|", "="):
            target.order = state[1]
        elif isinstance(target, _Array) and isinstance(state, tuple) and len(state) == 5:
            target.values = _array_values(*state)
        else:
            raise ValueError("it sets the state of something that is no array")

    def step(self, op, arg):
        if op in ("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "INT", "LONG", "FLOAT", "UNICODE", "STRING"):
            self.stack.append(arg)
        elif op == "DICT":
            items = self.to_mark()
            self.stack.append(dict(zip(items[::2], items[1::2])))
        elif op == "LIST":
            self.stack.append(self.to_mark())
        elif op == "EMPTY_SET":
            self.stack.append([])
        elif op == "ADDITEMS":
            self.append_items(self.to_mark())
        elif op == "BUILD":
            self.build()
        else:
            super().step(op, arg)


def _array_values(_version, shape, dtype, fortran, data):
    if not (isinstance(shape, tuple) and all(type(n) is int and n >= 0 for n in shape)):
        raise ValueError("an array's shape is no list of numbers")
    if isinstance(data, list):  # an array of objects: its items
        return data
    if not isinstance(data, bytes):
        raise ValueError("an array's values are no bytes")
    values = np.frombuffer(data, _plain_dtype(dtype, getattr(dtype, "order", "<")))
    if values.size != math.prod(shape):
        raise ValueError("an array's values do not fill its shape")
    return values.reshape(shape, order="F" if fortran else "C").tolist()


def _plain(value, depth=0):
    """Arrays become lists; everything else is already plain."""
    if depth > 8:
        raise ValueError("it is nested too deeply")
    if isinstance(value, _Array):
        return _plain(value.values, depth + 1)
    return [_plain(v, depth + 1) for v in value] if isinstance(value, (list, tuple)) else value


def read_pickle(path):
    """-> {key: value} of one file."""
    try:
        with open(path, "rb", buffering=0) as f, torch_file.Bounded(f, path.stat().st_size) as stream:
            value = torch_file.load_pickle(stream, _Machine())
        if not isinstance(value, dict) or not all(isinstance(k, str) for k in value):
            raise ValueError("it is no dictionary with strings as keys")
        return {k: _plain(v) for k, v in value.items()}
    except OSError as e:
        raise ConvertError(f"{path}: cannot be read: {e.strerror}") from None
    except (ValueError, EOFError, RecursionError) as e:
        raise ConvertError(f"{path}: cannot be read as annotations: {e}") from None


# ---------------------------------------------------------------- one sample

def _box(value):
    box = value[0] if isinstance(value, list) and value and isinstance(value[0], list) else value
    numbers = [float(x) for x in box[:4]]
    if len(numbers) != 4 or not all(map(math.isfinite, numbers)):
        raise ValueError("its box is not [[x1, y1, x2, y2]]")
    return numbers


def _labels(value):
    labels = sorted({int(x) for x in (value if isinstance(value, list) else [value])})
    if not labels or labels[0] < 1 or labels[-1] > CLASSES:
        raise ValueError(f"its labels are not numbers from 1 to {CLASSES}")
    return labels


def _caption(value):
    text = value[0] if isinstance(value, list) and value else value
    if not isinstance(text, str) or not text.strip():
        raise ValueError("its caption is no text")
    return text


def sample(key, boxes, labels, captions):
    parts = key.split(SEPARATOR)
    try:
        if len(parts) != 3:
            raise ValueError("its key is not VIDEO___SECOND___PERSON")
        return {"key": key, "video": parts[0], "second": int(parts[1]), "person": parts[2], "caption": _caption(captions), "box": _box(boxes),
                "labels": _labels(labels)}
    except (ValueError, TypeError, OverflowError) as e:
        raise ConvertError(f"sample {key}: {e}") from None


def samples(boxes, labels, captions, note):
    """The samples in the order of the labels, which is the loader's."""
    for name, other in (("boxes", boxes), ("captions", captions)):
        missing = [k for k in labels if k not in other]
        if missing or len(other) != len(labels):
            raise ConvertError(f"{len(missing)} of {len(labels)} keys of the labels are missing among the {len(other)} {name}"
                               f"{', first ' + missing[0] if missing else ''}; give the three files of one split")
        if list(other) != list(labels):
            note(f"the {name} list their keys in another order than the labels; they are joined by key, the released loader goes by position")
    return [sample(k, boxes[k], labels[k], captions[k]) for k in labels]


def main(arguments=None):
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("boxes", "labels", "captions"):
        a.add_argument(f"--{name}", type=pathlib.Path, required=True, metavar="FILE.pkl")
    a.add_argument("-o", dest="out", type=pathlib.Path, required=True, metavar="FILE.jsonl")
    args = a.parse_args(arguments)
    try:
        rows = samples(read_pickle(args.boxes), read_pickle(args.labels), read_pickle(args.captions), lambda m: print(f"note: {m}", file=sys.stderr))
        args.out.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    except (ConvertError, OSError) as e:
        print(f"annotations.py: {e}", file=sys.stderr)
        return 1
    print(f"{args.out}: {len(rows)} samples of {len({r['video'] for r in rows})} videos")
    return 0


if __name__ == "__main__":
    sys.exit(main())

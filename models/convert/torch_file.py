"""PyTorch checkpoint files (zip and legacy) without PyTorch and without unpickling.

A pickle is a program for a stack machine. The interpreter here knows the instructions that build dictionaries, lists,
tuples, numbers and strings, and three callables that it carries out itself: a tensor over a storage, a parameter
around a tensor, and an ordered dictionary. Any other name or instruction ends the reading with an error, so a
hostile file cannot make it import or call anything.
"""
import io
import math
import pickletools
import struct
import zipfile

import numpy as np

from state_dict import DTYPES, ConvertError, Tensor, map_file, widen

_STORAGES = {"DoubleStorage": "F64", "FloatStorage": "F32", "HalfStorage": "F16", "BFloat16Storage": "BF16",
             "LongStorage": "I64", "IntStorage": "I32", "ShortStorage": "I16", "CharStorage": "I8", "ByteStorage": "U8",
             "BoolStorage": "BOOL"}
_CALLS = {("torch._utils", "_rebuild_tensor_v2"), ("torch._utils", "_rebuild_parameter"), ("collections", "OrderedDict")}
_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_MARK = object()


class Global(tuple):
    """(module, name) as written in the pickle; never imported."""


class _Storage(tuple):
    """(dtype, key, count of elements)."""


class _TensorRecord(tuple):
    """(storage, offset, shape, stride), in elements."""


class Bounded(io.BufferedReader):
    """A file whose reads cannot ask for more than is left, so that a forged length allocates nothing."""

    def __init__(self, raw, size):
        super().__init__(raw)
        self.size = size

    def read(self, n=-1):
        if n > self.size - self.tell():
            raise ValueError(f"a length of {n} bytes reaches beyond the end")
        return super().read(n)


def _global(module, name):
    found = Global((module, name))
    if found in _CALLS or (module == "torch" and name in _STORAGES):
        return found
    raise ValueError(f"it refers to {module}.{name}; only tensors, their storages and ordered dictionaries are read")


def _storage(pid):
    if not (isinstance(pid, tuple) and len(pid) in (5, 6) and pid[0] == "storage" and isinstance(pid[1], Global)
            and pid[1][1] in _STORAGES and isinstance(pid[2], str) and type(pid[4]) is int):
        raise ValueError("an external object is not a plain storage")
    if len(pid) == 6 and pid[5] is not None:
        raise ValueError("storage views of very old PyTorch versions are not supported; save the file again")
    return _Storage((_STORAGES[pid[1][1]], pid[2], pid[4]))


def _sizes(value):
    if not (isinstance(value, tuple) and all(type(n) is int and n >= 0 for n in value)):
        raise ValueError("a tensor's size, stride or offset is not a non-negative number")
    return value


def _call(function, args):
    """What the three known callables would return."""
    if function == ("torch._utils", "_rebuild_tensor_v2") and len(args) >= 4 and isinstance(args[0], _Storage):
        (offset,), shape, stride = _sizes((args[1],)), _sizes(args[2]), _sizes(args[3])
        if len(shape) == len(stride):
            return _TensorRecord((args[0], offset, shape, stride))
    if function == ("torch._utils", "_rebuild_parameter") and args and isinstance(args[0], _TensorRecord):
        return args[0]
    if function == ("collections", "OrderedDict") and not args:
        return {}
    raise ValueError("a call has arguments of the wrong kind")


class Machine:
    """The stack machine of one pickle."""

    resolve = staticmethod(_global)
    call = staticmethod(_call)

    def __init__(self):
        self.stack, self.memo = [], {}

    def to_mark(self):
        at = len(self.stack) - 1
        while self.stack[at] is not _MARK:
            at -= 1
            if at < 0:
                raise ValueError("a mark is missing")
        items = self.stack[at + 1:]
        del self.stack[at:]
        return items

    def set_items(self, items):
        target = self.stack[-1]
        if not isinstance(target, dict) or len(items) % 2:
            raise ValueError("items are set on something that is no dictionary")
        target.update(zip(items[::2], items[1::2]))

    def append_items(self, items):
        if not isinstance(self.stack[-1], list):
            raise ValueError("items are appended to something that is no list")
        self.stack[-1].extend(items)

    def reduce(self):
        args, function = self.stack.pop(), self.stack.pop()
        if not isinstance(function, Global) or not isinstance(args, tuple):
            raise ValueError("it calls something that is not a known function")
        self.stack.append(self.call(function, args))

    def build(self):
        """State set on an object: only PyTorch's _metadata on the dictionary, which is dropped."""
        self.stack.pop()
        if not isinstance(self.stack[-1], dict):
            raise ValueError("it sets the state of something that is no dictionary")

    def short_tuple(self, n):
        items = self.stack[-n:]
        if len(items) != n:
            raise ValueError("the stack is too short")
        del self.stack[-n:]
        self.stack.append(tuple(items))

    def step(self, op, arg):
        push = self.stack.append
        if op in _LITERALS:
            push(arg)
        elif op in _NEW:
            push(_NEW[op]())
        elif op in ("BINPUT", "LONG_BINPUT", "PUT"):
            self.memo[arg] = self.stack[-1]
        elif op == "MEMOIZE":
            self.memo[len(self.memo)] = self.stack[-1]
        elif op in ("BINGET", "LONG_BINGET", "GET"):
            push(self.memo[arg])
        elif op == "GLOBAL":
            push(self.resolve(*arg.split(" ", 1)))
        elif op == "STACK_GLOBAL":
            name, module = self.stack.pop(), self.stack.pop()
            push(self.resolve(module, name))
        elif op in _ACTIONS:
            _ACTIONS[op](self)
        elif op not in ("PROTO", "FRAME"):
            raise ValueError(f"instruction {op} is not allowed")


_LITERALS = {"BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8",
             "SHORT_BINSTRING", "BINSTRING"}
_NEW = {"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple, "MARK": lambda: _MARK, "NONE": lambda: None,
        "NEWTRUE": lambda: True, "NEWFALSE": lambda: False}
_ACTIONS = {
    "TUPLE": lambda m: m.stack.append(tuple(m.to_mark())),
    "TUPLE1": lambda m: m.short_tuple(1), "TUPLE2": lambda m: m.short_tuple(2), "TUPLE3": lambda m: m.short_tuple(3),
    "SETITEMS": lambda m: m.set_items(m.to_mark()),
    "SETITEM": lambda m: m.set_items([m.stack.pop(-2), m.stack.pop()]),
    "APPENDS": lambda m: m.append_items(m.to_mark()),
    "APPEND": lambda m: m.append_items([m.stack.pop()]),
    "BINPERSID": lambda m: m.stack.append(_storage(m.stack.pop())),
    "REDUCE": Machine.reduce,
    "BUILD": Machine.build,
}


def load_pickle(stream, machine=None):
    """The object of one pickle; tensors come as records. ValueError says what is wrong. machine: a Machine that knows other callables."""
    machine = machine or Machine()
    try:
        for op, arg, _ in pickletools.genops(stream):
            if op.name == "STOP":
                break
            machine.step(op.name, arg)
        (result,) = machine.stack
        return result
    except (IndexError, KeyError, TypeError, AttributeError, UnicodeDecodeError, AssertionError, MemoryError,
            OverflowError) as e:
        raise ValueError(f"the pickle is malformed ({type(e).__name__})") from None


def _state_dict(value):
    """Descends into the key `model` or `state_dict`; -> {key: record} of the entries that are tensors."""
    for key in ("model", "state_dict"):
        if isinstance(value, dict) and isinstance(value.get(key), dict):
            value = value[key]
    found = {k: v for k, v in value.items() if isinstance(k, str) and isinstance(v, _TensorRecord)} \
        if isinstance(value, dict) else {}
    if not found:
        raise ValueError("it holds no dictionary of tensors")
    return found


def _lazy(path, raw, places, key, record):
    """places: {storage key: (file offset, bytes)}."""
    (dtype, storage, count), offset, shape, stride = record
    item = np.dtype(DTYPES[dtype]).itemsize
    begin, available = places.get(storage, (0, -1))
    last = offset + sum((n - 1) * s for n, s in zip(shape, stride)) if math.prod(shape) else -1
    if count < 0 or count * item > available or last >= count:
        raise ValueError(f"tensor {key} reaches outside its storage; the file is damaged or cut off")
    stride = [s if n > 1 else 0 for n, s in zip(shape, stride)]  # one that leads nowhere may be any number

    def read():
        values = raw[begin:begin + count * item].view(DTYPES[dtype])[offset:]
        view = np.lib.stride_tricks.as_strided(values, shape, [s * item for s in stride], writeable=False)
        return widen(view, dtype)
    return Tensor(shape, read, key, str(path))


def _zip_places(raw, entries, prefix):
    """{name behind `prefix`: (file offset, bytes)} of the entries of a zip archive, which PyTorch never compresses."""
    places = {}
    for info in entries:
        if not info.filename.startswith(prefix):
            continue
        at = info.header_offset
        local = raw[at:at + 30].tobytes() if at >= 0 else b""
        if info.compress_type != zipfile.ZIP_STORED or len(local) < 30 or local[:4] != b"PK\3\4":
            raise ValueError(f"its entry {info.filename} is compressed or damaged")
        begin = at + 30 + sum(struct.unpack("<HH", local[26:30]))
        if begin + info.file_size > raw.size:
            raise ValueError(f"its entry {info.filename} is cut off")
        places[info.filename[len(prefix):]] = (begin, info.file_size)
    return places


def _read_zip(path, raw):
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except OSError as e:
        raise ValueError(f"its directory is damaged ({e.strerror})") from None
    prefixes = [i.filename[:-len("data.pkl")] for i in entries if ("/" + i.filename).endswith("/data.pkl")]
    if len(prefixes) != 1:
        raise ValueError("the zip archive holds no data.pkl, so it is not a PyTorch checkpoint")
    places = _zip_places(raw, entries, prefixes[0])
    content = lambda name: raw[places[name][0]:sum(places[name])].tobytes()
    if "byteorder" in places and content("byteorder") != b"little":
        raise ValueError("it was written on a big-endian machine")
    pickle = content("data.pkl")
    value = load_pickle(Bounded(io.BytesIO(pickle), len(pickle)))
    return _state_dict(value), {n[len("data/"):]: p for n, p in places.items() if n.startswith("data/")}


def _read_legacy(path, raw):
    with open(path, "rb", buffering=0) as f:
        stream = Bounded(f, raw.size)
        if load_pickle(stream) != _LEGACY_MAGIC or load_pickle(stream) != 1001:
            raise ValueError("it is neither a safetensors file nor a PyTorch checkpoint")
        system = load_pickle(stream)
        if not isinstance(system, dict) or system.get("little_endian") is not True:
            raise ValueError("it was written on a big-endian machine")
        value, keys = load_pickle(stream), load_pickle(stream)
        at, records = stream.tell(), _state_dict(value)
    items = {r[0][1]: np.dtype(DTYPES[r[0][0]]).itemsize for r in _all_records(value)}
    places = {}
    for key in keys if isinstance(keys, list) else []:
        if key not in items or at + 8 > raw.size:
            raise ValueError("its list of storages does not agree with its tensors")
        size = struct.unpack("<q", raw[at:at + 8].tobytes())[0] * items[key]
        if not 0 <= size <= raw.size - at - 8:
            raise ValueError("a storage reaches beyond the end of the file; it is damaged or cut off")
        places[key] = (at + 8, size)
        at += 8 + size
    return records, places


def _all_records(value):
    """Every tensor record in nested dictionaries, lists and tuples. Shared and cyclic parts are visited once."""
    seen, todo = set(), [value]
    while todo:
        v = todo.pop()
        if isinstance(v, _TensorRecord):
            yield v
        elif isinstance(v, (dict, list, tuple)) and id(v) not in seen:
            seen.add(id(v))
            todo.extend(v.values() if isinstance(v, dict) else v)


def read(path):
    """-> {key: Tensor} of a .pth, .pt or .bin file."""
    raw = map_file(path)
    try:
        records, places = _read_zip(path, raw) if raw[:4].tobytes() == b"PK\3\4" else _read_legacy(path, raw)
        return {key: _lazy(path, raw, places, key, record) for key, record in records.items()}
    except (ValueError, zipfile.BadZipFile, struct.error, EOFError, NotImplementedError, RuntimeError) as e:
        raise ConvertError(f"{path}: cannot be read as a checkpoint: {e}") from None

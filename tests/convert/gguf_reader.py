"""A small strict GGUF reader for the tests, written apart from the converter's writer."""
import math
import struct

import numpy as np

_SCALARS = {4: "<I", 6: "<f", 7: "<?"}
_TYPES = {0: np.float32, 1: np.float16, 26: np.int32}


class _Cursor:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, form):
        value = struct.unpack_from(form, self.data, self.at)
        self.at += struct.calcsize(form)
        return value[0] if len(value) == 1 else value

    def string(self):
        n = self.take("<Q")
        self.at += n
        return self.data[self.at - n:self.at].decode()

    def value(self, kind):
        if kind == 8:
            return self.string()
        if kind == 9:
            element, count = self.take("<IQ")
            return [self.value(element) for _ in range(count)]
        return self.take(_SCALARS[kind])


def read(path):
    """-> (metadata, {name: array}, {name: offset}). Checks magic, alignment, order and that nothing is left over."""
    data = path.read_bytes()
    c = _Cursor(data)
    magic, version, tensor_count, value_count = c.take("<4sIQQ")
    assert (magic, version) == (b"GGUF", 3)
    metadata = {}
    for _ in range(value_count):
        key = c.string()
        assert key not in metadata
        metadata[key] = c.value(c.take("<I"))
    infos = []
    for _ in range(tensor_count):
        name, rank = c.string(), c.take("<I")
        shape = [c.take("<Q") for _ in range(rank)][::-1]
        infos.append((name, shape, *c.take("<IQ")))
    alignment = metadata["general.alignment"]
    start = end = -(-c.at // alignment) * alignment
    tensors, offsets = {}, {}
    for name, shape, kind, offset in infos:
        at = start + offset
        assert at % alignment == 0 and at == end and name not in tensors
        tensors[name] = np.frombuffer(data, _TYPES[kind], math.prod(shape), at).reshape(shape)
        offsets[name] = at
        end = -(-(at + tensors[name].nbytes) // alignment) * alignment
    assert end == len(data)
    return metadata, tensors, offsets

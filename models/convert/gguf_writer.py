"""GGUF version 3, written as a stream: one tensor in memory at a time, its element type chosen while it is written."""
import errno
import hashlib
import os
import pathlib
import struct

import numpy as np

ALIGNMENT = 64
F32, F16 = 0, 1
TYPE_NAMES = {F32: "F32", F16: "F16"}
_UINT32, _FLOAT32, _BOOL, _STRING, _ARRAY = 4, 6, 7, 8, 9
_NAME_LIMIT = 63  # bytes; ggml's reader stops there
_DIGEST, _DIGEST_CHARS = "refatom.digest", 64


def _string(text):
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _scalar(value):
    """-> (GGUF type number, bytes)."""
    if isinstance(value, bool):
        return _BOOL, struct.pack("<?", value)
    if isinstance(value, int):
        return _UINT32, struct.pack("<I", value)
    if isinstance(value, float):
        return _FLOAT32, struct.pack("<f", value)
    return _STRING, _string(value)


def _value(value):
    if not isinstance(value, (list, tuple)):
        kind, data = _scalar(value)
        return struct.pack("<I", kind) + data
    items = [_scalar(v) for v in value]
    (kind,) = {k for k, _ in items}
    return struct.pack("<IIQ", _ARRAY, kind, len(items)) + b"".join(data for _, data in items)


def _header(metadata, tensors):
    """-> (bytes, [position of each tensor's type field]). Types and offsets are filled in later; their size is fixed."""
    out = bytearray(struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), len(metadata)))
    for key, value in metadata.items():
        out += _string(key) + _value(value)
    places = []
    for name, shape in tensors:
        if len(name.encode()) > _NAME_LIMIT:
            raise ValueError(f"tensor name {name} is longer than {_NAME_LIMIT} bytes")
        out += _string(name) + struct.pack(f"<I{len(shape)}Q", len(shape), *reversed(shape))
        places.append(len(out))
        out += bytes(12)
    return bytes(out), places


class _Hashed:
    """A file that hashes what is written to it."""

    def __init__(self, file):
        self.file, self.hash = file, hashlib.blake2b(digest_size=_DIGEST_CHARS // 2)

    def write(self, data):
        self.file.write(data)
        self.hash.update(data)

    def pad(self):
        self.write(bytes(-self.file.tell() % ALIGNMENT))


def _write_digest(f, data, head):
    """`data` was hashed while it was written; the head follows, with zeros for the digest, and then the digest's place is filled."""
    data.hash.update(head)
    key = _string(_DIGEST)
    f.seek(head.index(key + _value("0" * _DIGEST_CHARS)) + len(key) + 4 + 8)
    f.write(data.hash.hexdigest().encode())


def _write(f, metadata, tensors, produce):
    header, places = _header(metadata, tensors)
    f.write(header)
    f.write(bytes(-f.tell() % ALIGNMENT))
    start, records, data = f.tell(), [], _Hashed(f)
    for name, _ in tensors:
        kind, chunks = produce(name)
        records.append(struct.pack("<IQ", kind, f.tell() - start))
        for chunk in chunks:
            data.write(np.ascontiguousarray(chunk).data.cast("B"))
        data.pad()
    for place, record in zip(places, records):
        f.seek(place)
        f.write(record)
    f.seek(0)
    _write_digest(f, data, f.read(start))


def write(path, metadata, tensors, produce):
    """Writes `path` whole or not at all, with the digest that `refatom verify` checks (src/cli/digest.h).

    metadata  {key: bool | int (u32) | float (f32) | str | list of one of these}
    tensors   [(name, row-major shape)]
    produce   name -> (F32 or F16, iterable of arrays of that type, together the tensor in row-major order)
    """
    path = pathlib.Path(path).resolve()  # a symbolic link stays one
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "not a regular file; give the name of a file to write", str(path))
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(temporary, "x+b") as f:
            _write(f, {"general.architecture": metadata["general.architecture"], "general.alignment": ALIGNMENT} | metadata
                   | {_DIGEST: "0" * _DIGEST_CHARS}, tensors, produce)
            f.flush()
            os.fsync(f.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)

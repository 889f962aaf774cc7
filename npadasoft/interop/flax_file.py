"""Flax's files: MessagePack with one extension for arrays.  Read without Flax or msgpack.

    map            names to maps or arrays; here joined by "/" to one name: params/head/kernel
    extension 1    an array: a MessagePack of (shape, name of the dtype, bytes in C order)
    extension 3    a number of NumPy, in the same form

[github.com/msgpack/msgpack, spec.md; flax/serialization.py, 0.12]
"""
import math
import struct

import numpy as np

from npadasoft.interop.common import (Found, Item, WeightFileError, checked_shape, read_exactly,
                                      shaped, shown)
from npadasoft.interop.numbers import DTYPES

MIN_VALUES = 80_000     # of a file of any size; and a quarter of its bytes
_MAX_DEPTH = 32
_CHUNKS = "__msgpack_chunked_array__"
_FIXED = {0xc4: ">B", 0xc5: ">H", 0xc6: ">I", 0xd9: ">B", 0xda: ">H", 0xdb: ">I", 0xdc: ">H",
          0xdd: ">I", 0xde: ">H", 0xdf: ">I", 0xc7: ">B", 0xc8: ">H", 0xc9: ">I"}
_NUMBERS = {0xca: ">f", 0xcb: ">d", 0xcc: ">B", 0xcd: ">H", 0xce: ">I", 0xcf: ">Q", 0xd0: ">b",
            0xd1: ">h", 0xd2: ">i", 0xd3: ">q"}


def is_flax(head):
    """Whether a file begins as a map of MessagePack whose first key is a text."""
    after = {0xde: 3, 0xdf: 5}.get(head[0], 1)
    return (0x81 <= head[0] <= 0x8f or after > 1) and len(head) > after and (
        0xa0 <= head[after] <= 0xbf or 0xd9 <= head[after] <= 0xdb)


def scan(file, size):
    """What stands in a file of `size` bytes, by names joined with "/"."""
    data = memoryview(read_exactly(file, size, "the MessagePack"))
    try:
        reader = _Reader(data, MIN_VALUES + size // 4)
        tree = reader.value(0)
        if reader.at != len(data):
            raise WeightFileError(f"{len(data) - reader.at} bytes follow the MessagePack")
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise WeightFileError(f"this is no sound MessagePack: {str(error)[:80]}") from None
    items: dict[str, Item] = {}
    _flatten(tree, "", items)
    return Found("a MessagePack file of Flax", items)


class _Extension:
    """A type's number and its bytes."""

    def __init__(self, code, data):
        self.code, self.data = code, data


class _Reader:
    """Values of MessagePack, one after another; arrays stay bytes of the file."""

    def __init__(self, data, limit):
        self.data, self.at, self.left = data, 0, limit

    def number(self, form):
        value, = struct.unpack_from(form, self.data, self.at)
        self.at += struct.calcsize(form)
        return value

    def raw(self, n):
        if n > len(self.data) - self.at:
            raise IndexError("it is cut short")
        self.at += n
        return self.data[self.at - n:self.at]

    def value(self, depth):
        """The value that begins here."""
        self.left -= 1
        if depth > _MAX_DEPTH or self.left < 0:
            raise WeightFileError("the MessagePack is nested deeper, or has more values, than one "
                                  "of weights can")
        code = self.number(">B")
        if code < 0x80 or code >= 0xe0:
            return code if code < 0x80 else code - 256
        if code < 0xc0:
            n = code & 0x0f if code < 0xa0 else code & 0x1f
            kind = "map" if code < 0x90 else "list" if code < 0xa0 else "text"
        elif code in _NUMBERS:
            return self.number(_NUMBERS[code])
        elif 0xd4 <= code <= 0xd8:
            return _Extension(self.number(">b"), self.raw(1 << code - 0xd4))
        elif code in _FIXED:
            n = self.number(_FIXED[code])
            kind = ("bytes" if code < 0xc7 else "extension" if code < 0xca else "text"
                    if code < 0xdc else "list" if code < 0xde else "map")
        elif code in (0xc0, 0xc2, 0xc3):
            return {0xc0: None, 0xc2: False, 0xc3: True}[code]
        else:
            raise WeightFileError(f"this is no sound MessagePack: {code:#x} is no type")
        return getattr(self, "_" + kind)(n, depth)

    def _text(self, n, _):
        return str(self.raw(n), "utf-8")

    def _bytes(self, n, _):
        return self.raw(n)

    def _extension(self, n, _):
        return _Extension(self.number(">b"), self.raw(n))

    def _list(self, n, depth):
        if n > len(self.data) - self.at:
            raise IndexError("it is cut short")
        return [self.value(depth + 1) for _ in range(n)]

    def _map(self, n, depth):
        found: dict = {}
        if n > len(self.data) - self.at:
            raise IndexError("it is cut short")
        for _ in range(n):
            key = self.value(depth + 1)
            if type(key) is not str or key in found:
                raise WeightFileError("a map of the MessagePack has a key that is no text, or one "
                                      "twice")
            found[key] = self.value(depth + 1)
        return found


def _flatten(value, name, items):
    """Arrays and everything else of nested maps, under joined names."""
    if type(value) is dict and _CHUNKS not in value:
        for key, inner in value.items():
            _flatten(inner, f"{name}/{key}" if name else key, items)
        return
    if name in items:
        raise WeightFileError(f"the MessagePack has the name {shown(name)} twice")
    try:
        if type(value) is dict:
            items[name] = _chunked(value, name)
        elif type(value) is _Extension and value.code in (1, 3):
            items[name] = _array(value, name)
        else:
            kind = "a complex number" if type(value) is _Extension else type(value).__name__
            items[name] = Item(kind, why=f"{shown(name)} is {kind}, not an array")
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        items[name] = Item("array", why=f"{shown(name)} is no sound array: {str(error)[:80]}")
    except WeightFileError as error:
        items[name] = Item("array", why=str(error))


def _array(extension, name):
    """An array in the form of flax's `_ndarray_to_bytes`: a list of shape, dtype and bytes."""
    parts = _Reader(extension.data, 2 * _MAX_DEPTH).value(0)
    if type(parts) is not list or len(parts) != 3 or type(parts[0]) is not list or type(
            parts[1]) is not str or not isinstance(parts[2], memoryview):
        raise WeightFileError(f"{shown(name)} is no array of shape, dtype and bytes")
    shape = checked_shape(parts[0], name)
    if parts[1] not in DTYPES:
        return Item(parts[1], shape, why=f"{shown(name)} is of the dtype {shown(parts[1])}, which "
                    "is not read")
    stored, becomes, widened = DTYPES[parts[1]]
    dtype = np.dtype(stored).newbyteorder("<")

    def make():
        array = shaped(bytearray(parts[2]), dtype, shape, name)
        return widened(array) if widened else array
    return Item(parts[1], shape, math.prod(shape) * np.dtype(becomes).itemsize, make)


def _chunked(value, name):
    """An array of more than 1 GiB, which Flax writes in flat pieces."""
    sizes, pieces = value.get("shape"), value.get("chunks")
    if type(sizes) is not dict or type(pieces) is not dict or value.keys() != {
            _CHUNKS, "shape", "chunks"} or not pieces:
        raise WeightFileError(f"{shown(name)} is in pieces of a form that is not known")
    shape = checked_shape([sizes.get(str(i)) for i in range(len(sizes))], name)
    found = [pieces.get(str(i)) for i in range(len(pieces))]
    if not all(type(piece) is _Extension and piece.code == 1 for piece in found):
        raise WeightFileError(f"{shown(name)} is in pieces of a form that is not known")
    parts = [_array(piece, name) for piece in found]
    if len({part.dtype for part in parts}) != 1 or not all(
            part.make and len(part.shape) == 1 for part in parts) or sum(
            part.shape[0] for part in parts) != math.prod(shape):
        raise WeightFileError(f"the pieces of {shown(name)} do not make an array of shape {shape}")
    return Item(parts[0].dtype, shape, sum(part.n_bytes for part in parts),
                lambda: np.concatenate([part.make() for part in parts]).reshape(shape))

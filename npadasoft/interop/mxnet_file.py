"""MXNet's .params files, read without MXNet: a list of arrays, then a list of names.

    8 bytes   0x112, little-endian, as all numbers are          8 bytes   0
    8 bytes   how many arrays, and each as
        4       its version, 0xf993fac8 to 0xf993faca
        4       kind of storage: 0 dense, or sparse, which is refused   (not in the first version)
        4, 8 each   number of dimensions, and the dimensions
        8       device      4   number of the dtype      the numbers
    8 bytes   how many names, and each as 8 bytes of length and the text

[src/ndarray/ndarray.cc of apache/mxnet, 1.9.1: NDArray::Save]
"""
import math
import struct

import numpy as np

from npadasoft.interop.common import (Found, Item, WeightFileError, checked_shape, read_exactly,
                                      shaped, shown)
from npadasoft.interop.numbers import DTYPES

MAGIC = b"\x12\x01\0\0\0\0\0\0"
MAX_ARRAYS = 100_000
_FIRST, _SECOND, _THIRD = 0xF993FAC8, 0xF993FAC9, 0xF993FACA
_NAMES = ["float32", "float64", "float16", "uint8", "int32", "int8", "int64", "bool", "int16",
          "uint16", "uint32", "uint64", "bfloat16"]


def scan(file, size):
    """What stands in a file of `size` bytes, by name; by number where it holds no names."""
    try:
        reader = _Reader(file, size)
        reader.skip(16)
        found = [reader.array() for _ in range(reader.count())]
        names = [reader.text() for _ in range(reader.count())]
    except struct.error as error:
        raise WeightFileError(f"this is no sound file of MXNet: {str(error)[:80]}") from None
    if reader.at != size or len(names) not in (0, len(found)) or len(set(names)) != len(names):
        raise WeightFileError("this is no sound file of MXNet: it does not end where it should, or "
                              "its names do not fit its arrays")
    names = names or [str(i) for i in range(len(found))]
    return Found("a file of MXNet", {name: _item(file, name, *array)
                                     for name, array in zip(names, found)})


class _Reader:
    """Numbers of a file, one after another; arrays are passed over."""

    def __init__(self, file, size):
        self.file, self.size, self.at = file, size, 0
        file.seek(0)

    def number(self, form):
        value, = struct.unpack(form, self.raw(struct.calcsize(form)))
        return value

    def raw(self, n):
        self.at += n
        return bytes(read_exactly(self.file, n, "the file of MXNet"))

    def skip(self, n):
        """Pass over `n` bytes; where they began."""
        if n > self.size - self.at:
            raise WeightFileError(f"the file of MXNet is cut short: {n} bytes should follow byte "
                                  f"{self.at}, and it has {self.size}")
        self.at += n
        self.file.seek(self.at)
        return self.at - n

    def count(self):
        n = self.number("<Q")
        if n > min(MAX_ARRAYS, self.size - self.at):
            raise WeightFileError(f"the file of MXNet claims {n} arrays or names")
        return n

    def text(self):
        n = self.number("<Q")
        if n > min(2**16, self.size - self.at):
            raise WeightFileError(f"the file of MXNet claims a name of {n} bytes")
        return self.raw(n).decode("utf-8", "replace")

    def shape(self):
        n = self.number("<i")
        if n > 32:
            raise WeightFileError(f"the file of MXNet claims {n} dimensions")
        return None if n < 0 else tuple(self.number("<q") for _ in range(n))

    def array(self):
        """(dtype, shape, where its numbers are, or None where it has none)."""
        version = self.number("<I")
        if version not in (_FIRST, _SECOND, _THIRD):
            raise WeightFileError("the file of MXNet is from before its version 0.9, or damaged: "
                                  "load it there and save it anew")
        if version != _FIRST and self.number("<i"):
            raise WeightFileError("the file of MXNet holds a sparse array: save its "
                                  "tostype('default')")
        shape = self.shape()
        if shape is None or not shape and version != _THIRD:
            return "?", (), None
        self.skip(8)
        dtype = self.dtype()
        shape = checked_shape(shape, "an array")
        n_bytes = math.prod(shape) * np.dtype(DTYPES[dtype].stored).itemsize
        return dtype, shape, self.skip(n_bytes)

    def dtype(self):
        number = self.number("<i")
        if not 0 <= number < len(_NAMES):
            raise WeightFileError(f"the file of MXNet has a dtype of number {number}")
        return _NAMES[number]


def _item(file, name, dtype, shape, start):
    if start is None:
        return Item(dtype, shape, why=f"{shown(name)} has no numbers")
    stored, becomes, widened = DTYPES[dtype]
    raw = np.dtype(stored).newbyteorder("<")

    def make():
        file.seek(start)
        array = shaped(read_exactly(file, math.prod(shape) * raw.itemsize, shown(name)), raw, shape,
                       name)
        return widened(array) if widened else array
    return Item(dtype, shape, math.prod(shape) * np.dtype(becomes).itemsize, make)

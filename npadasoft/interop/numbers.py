"""Number types that NumPy lacks, widened exactly: bfloat16, the 8-bit floats, halved complex.

`DTYPES` says of each type that can be read, under PyTorch's name, how its numbers are stored and
what makes a NumPy array of them.  Every number of a narrow type is one of float32 (of complex64),
so that nothing is rounded; which bits a nan has is not kept.  Types of fewer than 8 bits, quantized
numbers and bare bits are not here: without more than their bits they are no numbers.
"""
import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Stored(NamedTuple):
    """How numbers lie in a file, and as what they come out of it."""

    stored: str                                 # NumPy's code of the bits
    becomes: str                                # NumPy's code of the array
    widened: Callable | None = None             # bits to array, where the two differ


def bfloat16(bits):
    """Its bits are the upper half of float32's.

    Examples
    --------
    >>> float(bfloat16(np.array([0x3F80], np.uint16))[0])
    1.0
    """
    # the dtype is said: before NumPy 2 a shifted scalar is an int64
    return np.left_shift(bits.astype(np.uint32), 16, dtype=np.uint32).view(np.float32)


def float8_e5m2(bits):
    """Its bits are the upper half of float16's."""
    return np.left_shift(bits.astype(np.uint16), 8, dtype=np.uint16).view(np.float16).astype(
        np.float32)


def complex32(bits):
    """Two float16, the real one in the lower half of a little-endian word."""
    real = (bits & 0xFFFF).astype(np.uint16).view(np.float16)
    imag = (bits >> 16).astype(np.uint16).view(np.float16)
    array = np.empty(bits.shape, np.complex64)
    array.real, array.imag = real, imag
    return array


def bcomplex32(bits):
    """Two bfloat16, the real one in the lower half; new in PyTorch 2.14."""
    array = np.empty(bits.shape, np.complex64)
    array.real, array.imag = bfloat16(bits & 0xFFFF), bfloat16(bits >> 16)
    return array


def float8_e4m3fn(bits):
    """Sign, 4 bits of exponent (bias 7), 3 of mantissa; no infinity, nan where all are set."""
    return _table(4, 3, 7, (0x7F, 0xFF))[bits]


def float8_e4m3fnuz(bits):
    """As e4m3fn with bias 8; the only nan is where -0 would be."""
    return _table(4, 3, 8, (0x80,))[bits]


def float8_e5m2fnuz(bits):
    """Sign, 5 bits of exponent (bias 16), 2 of mantissa; the only nan is where -0 would be."""
    return _table(5, 2, 16, (0x80,))[bits]


def float8_e8m0fnu(bits):
    """A power of two: 2^(bits - 127), and nan for 255."""
    return np.append(np.ldexp(np.float32(1), np.arange(255) - 127), np.float32(np.nan))[bits]


@functools.cache
def _table(exponent_bits, mantissa_bits, bias, nans):
    """The 256 numbers of an 8-bit float, as float32.  [OCP 8-bit floating point, 5; arXiv
    2206.02915 for the kinds without -0]"""
    bits = np.arange(256)
    mantissa = bits & (1 << mantissa_bits) - 1
    exponent = bits >> mantissa_bits & (1 << exponent_bits) - 1
    normal = exponent > 0
    size = np.ldexp(np.where(normal, mantissa + (1 << mantissa_bits), mantissa).astype(np.float32),
                    np.where(normal, exponent, 1) - bias - mantissa_bits)
    numbers = np.where(bits < 128, size, -size).astype(np.float32)
    numbers[list(nans)] = np.nan
    return numbers


DTYPES = {
    "float64": Stored("f8", "f8"), "float32": Stored("f4", "f4"), "float16": Stored("f2", "f2"),
    "complex64": Stored("c8", "c8"), "complex128": Stored("c16", "c16"),
    "int64": Stored("i8", "i8"), "int32": Stored("i4", "i4"), "int16": Stored("i2", "i2"),
    "int8": Stored("i1", "i1"), "uint64": Stored("u8", "u8"), "uint32": Stored("u4", "u4"),
    "uint16": Stored("u2", "u2"), "uint8": Stored("u1", "u1"), "bool": Stored("b1", "b1"),
    "bfloat16": Stored("u2", "f4", bfloat16), "complex32": Stored("u4", "c8", complex32),
    "bcomplex32": Stored("u4", "c8", bcomplex32),
    "float8_e5m2": Stored("u1", "f4", float8_e5m2),
    "float8_e4m3fn": Stored("u1", "f4", float8_e4m3fn),
    "float8_e5m2fnuz": Stored("u1", "f4", float8_e5m2fnuz),
    "float8_e4m3fnuz": Stored("u1", "f4", float8_e4m3fnuz),
    "float8_e8m0fnu": Stored("u1", "f4", float8_e8m0fnu),
}

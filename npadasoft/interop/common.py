"""What the readers and writers share: the error, what was found, bounded reads, atomic writing."""
import math
import os
import secrets
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

MULTIPLE = 16           # arrays may take so many bytes for each one of the file
FREE = 2**26            # and so many more; max_bytes= says another bound
_MAX_NDIM = 32          # NumPy 1's own bound


class WeightFileError(ValueError):
    """A file of weights that is damaged, hostile, or holds what cannot be read as plain arrays."""


@dataclass(frozen=True)
class Item:
    """What stands under one name in a file: an array that can be made, or why not."""

    dtype: str                                      # in the file's own words
    shape: tuple[int, ...] | None = None
    n_bytes: int = 0                                # of memory that the array takes
    make: Callable[[], np.ndarray] | None = None
    why: str = ""                                   # it cannot be made, with the way out
    key: object = None                              # names of one key are one array


@dataclass(frozen=True)
class Found:
    """What stands in a file.  Nothing has been read but names, shapes and where the numbers are."""

    kind: str
    items: dict[str, Item]
    entries: list[str] = field(default_factory=list)        # dicts in the saved dict, for entry=
    notes: list[str] = field(default_factory=list)


def shown(name):
    """A name out of a file as a message may carry it: quoted, escaped and short."""
    text = ascii(name[:80] if isinstance(name, str | bytes) else name)
    return text if len(text) <= 80 else text[:76] + "...'"


def read_exactly(file, n, what):
    """The next `n` bytes of `file`, writable."""
    buffer = bytearray(n)
    view, filled = memoryview(buffer), 0
    while filled < n:
        chunk = file.read(min(n - filled, 2**20))
        if not chunk:
            raise WeightFileError(f"{what} is cut short: {filled} of {n} bytes are there")
        view[filled:filled + len(chunk)] = chunk
        filled += len(chunk)
    return buffer


def checked_shape(shape, name):
    """A shape out of a file as a tuple of ints that NumPy can hold."""
    shape = tuple(shape)
    fits = all(type(n) is int and 0 <= n < 2**48 for n in shape) and len(shape) <= _MAX_NDIM
    if not fits or math.prod(max(n, 1) for n in shape) >= 2**58:
        # what is no int is not printed: it may be a tuple of tuples of ... that has no end
        first = [str(n)[:30] if type(n) in (int, float) else type(n).__name__ for n in shape[:4]]
        more = ", ..." if len(shape) > 4 else "," if len(shape) == 1 else ""
        raise WeightFileError(f"{shown(name)} has the impossible shape ({', '.join(first)}{more})")
    return shape


def shaped(buffer, dtype, shape, name, order="C"):
    """`buffer` as an array in the machine's byte order; its length must be exactly the shape's."""
    wanted = math.prod(shape) * dtype.itemsize
    if len(buffer) != wanted:
        raise WeightFileError(f"{shown(name)} of shape {shape} and dtype {dtype} takes {wanted} "
                              f"bytes, but the file gives it {len(buffer)}")
    if dtype.kind == "b":       # a byte that is neither 0 nor 1 must not become a bool as it is
        return np.array(np.ndarray(shape, np.uint8, buffer, order=order) != 0)
    array = np.ndarray(shape, dtype, buffer, order=order)
    return array.astype(dtype.newbyteorder("="), copy=False)


@contextmanager
def replacing(path):
    """A binary file to write, which takes the place of `path` only when all of it is on disk.

    A reader sees the old file or the new one and never half of either, and whatever goes wrong
    leaves the old one as it was.  [POSIX rename(2); the directory's entry is flushed as well]
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if hasattr(os, "O_DIRECTORY"):
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

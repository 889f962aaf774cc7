"""Text out of the lazy-load database of an R package, without R.

`x.rdx` (gzip) lists the objects of `x.rdb`: name, offset, length.  Each object there is 4 bytes of
length and a zlib stream of R's XDR serialisation, of which this file reads what character vectors
need.  [R Internals, sections 1.8 and 2.8]  Nothing is executed.
"""

from __future__ import annotations

import gzip
import pathlib
import struct
import zlib


def read_rdb(path):
    """The text of every character vector of a database: a mapping from its name, sorted.

    Parameters
    ----------
    path : str or Path
        The `.rdb` file; its `.rdx` must be beside it.

    Raises
    ------
    ValueError
        If they are no such pair, or hold what this reader does not know.
    """
    path = pathlib.Path(path)
    data = path.read_bytes()
    try:
        listed = _Reader(gzip.decompress(path.with_suffix(".rdx").read_bytes())).read()["variables"]
        texts = {}
        for name, (offset, length) in sorted(listed.items()):
            value = _Reader(zlib.decompress(data[offset + 4:offset + length])).read()
            if isinstance(value, list) and all(isinstance(line, str) for line in value):
                texts[name] = "\n".join(value)
    except (struct.error, zlib.error, EOFError, KeyError, TypeError, IndexError, ValueError,
            gzip.BadGzipFile, AttributeError, RecursionError) as error:
        raise ValueError(f"{path} is not a lazy-load database that can be read: {error}") from None
    if not texts:
        raise ValueError(f"{path} holds no text")
    return texts


class _Reader:
    """R's serialisation, versions 2 and 3, big-endian."""

    def __init__(self, data):
        self.data, self.at, self.references = data, 2, []
        if data[:2] != b"X\n":
            raise ValueError("an R object does not begin with X")

    def read(self):
        version, _, _ = self._unpack("3i")
        if version == 3:
            self._bytes(self._unpack("i")[0])           # the native encoding
        return self._item()

    def _unpack(self, form):
        values = struct.unpack_from(">" + form, self.data, self.at)
        self.at += struct.calcsize(">" + form)
        return values

    def _bytes(self, length):
        self.at += length
        if length < 0 or self.at > len(self.data):
            raise EOFError("an R object ends early")
        return self.data[self.at - length:self.at]

    def _item(self):
        flags, = self._unpack("i")
        kind, has_attributes, has_tag = flags & 0xFF, flags & 0x200, flags & 0x400
        if kind == 254:                                 # NULL
            return None
        if kind == 255:                                 # a symbol seen before
            return self.references[(flags >> 8 or self._unpack("i")[0]) - 1]
        if kind == 1:                                   # a symbol
            self.references.append(self._item())
            return self.references[-1]
        if kind == 9:                                   # a string; length -1 is NA
            length, = self._unpack("i")
            return "" if length == -1 else self._bytes(length).decode("utf-8")
        if kind == 2:                                   # a pairlist, of attributes
            return self._pairs(has_attributes, has_tag)
        value = self._vector(kind)
        names = (self._item() or {}).get("names") if has_attributes else None
        return value if names is None else dict(zip(names, value))

    def _pairs(self, has_attributes, has_tag):
        if has_attributes:
            self._item()
        name = self._item() if has_tag else None
        value = self._item()
        return {name: value, **(self._item() or {})}

    def _vector(self, kind):
        if kind not in (10, 13, 14, 16, 19):            # logical, integer, real, character, list
            raise ValueError(f"R objects of type {kind} are not read")
        length, = self._unpack("i")
        if kind in (16, 19):
            return [self._item() for _ in range(length)]
        return list(self._unpack(f"{length}{'d' if kind == 14 else 'i'}"))

"""Zip archives from strangers: opened and read within bounds.

The standard library does the parsing; what is added are the bounds.  No member is inflated beyond
what its entry declares, no directory is read that is larger than a directory of weights can be, and
whatever the library raises comes out as one kind of error.
"""
import collections
import struct
import zipfile
import zlib
from contextlib import contextmanager

from npadasoft.interop.common import WeightFileError, read_exactly, shown

MAX_DIRECTORY = 2**20       # bytes; some 10 000 members; and a quarter of the file's size
_BROKEN = (zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, struct.error, EOFError, OSError,
           NotImplementedError, RuntimeError, ValueError, OverflowError, AttributeError, IndexError)


class _Guarded:
    """A file whose reads are bounded while the archive's directory is being read."""

    def __init__(self, file, limit):
        self._file, self._limit, self.opening = file, limit, True

    def read(self, n=-1):
        if not self.opening:
            return self._file.read(n)
        data = self._file.read(self._limit + 1 if n < 0 else min(n, self._limit + 1))
        if len(data) > self._limit:
            raise WeightFileError(f"the archive's directory has more than {self._limit} bytes")
        return data

    def __getattr__(self, name):
        return getattr(self._file, name)


@contextmanager
def opened(file, size):
    """The archive in `file` of `size` bytes; what goes wrong inside is a `WeightFileError`."""
    guarded = _Guarded(file, MAX_DIRECTORY + size // 4)
    try:
        with zipfile.ZipFile(guarded) as archive:
            guarded.opening = False
            seen = collections.Counter(info.filename for info in archive.infolist())
            twice = max(seen, key=seen.__getitem__, default="")
            if seen[twice] > 1:
                raise WeightFileError(f"the archive has the member {shown(twice)} twice")
            yield archive
    except WeightFileError:
        raise
    except _BROKEN as error:
        raise WeightFileError(f"the archive is damaged: {str(error)[:80]}") from error


def member(archive, info):
    """The bytes of a member, writable: as many as its entry declares, and the checksum holds."""
    with archive.open(info) as file:
        data = read_exactly(file, info.file_size, shown(info.filename))
        if file.read(1):
            raise WeightFileError(f"{shown(info.filename)} is longer than it says")
    return data


def beginning(archive, info, n):
    """At most the first `n` bytes of a member."""
    with archive.open(info) as file:
        return file.read(n)

"""NumPy's .npz, read strictly: plain arrays only, no pickles, no inflation beyond a bound."""
import re
import zipfile

import numpy as np

from npadasoft.interop.common import WeightFileError, checked_shape, shaped, shown
from npadasoft.interop.zip_member import member, opened

INFLATION = 16          # weights hardly compress; a bomb does a thousandfold
FREE = 2**26            # bytes that any file may inflate to
_MAGIC = b"\x93NUMPY"
_HEADER = re.compile(r"\{\s*'descr':\s*'([<>|=][A-Za-z]\d+)',\s*'fortran_order':\s*(True|False),\s*"
                     r"'shape':\s*\(([\dL, ]*)\),?\s*\}\s*")


def read(file, size, max_bytes):
    """The arrays of an .npz file of `size` bytes, by name."""
    with opened(file) as archive:
        entries = archive.infolist()
        total, allowed = sum(info.file_size for info in entries), INFLATION * size + FREE
        if total > min(allowed, max_bytes):
            raise WeightFileError(f"the members inflate to {total} bytes, more than the "
                                  f"{min(allowed, max_bytes)} allowed for a file of {size}: "
                                  "save it uncompressed")
        arrays = {}
        for info in entries:
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise WeightFileError(f"{shown(info.filename)} is compressed by another method "
                                      "than numpy.savez_compressed's")
            name = info.filename.removesuffix(".npy")
            arrays[name] = _array(member(archive, info), name)
        return arrays


def _array(data, name):
    """One .npy member.  Its header is matched, not evaluated: all writers write this form."""
    if data[:6] != _MAGIC or len(data) < 12 or data[6] not in (1, 2) or data[7] != 0:
        raise WeightFileError(f"{shown(name)} is no .npy array of version 1.0 or 2.0")
    start = 10 if data[6] == 1 else 12
    end = start + int.from_bytes(data[8:start], "little")
    if end > min(len(data), start + 10_000):
        raise WeightFileError(f"the header of {shown(name)} claims {end - start} bytes")
    found = _HEADER.fullmatch(data[start:end].decode("latin-1"))
    if not found:
        raise WeightFileError(f"{shown(name)} has a header that is not that of a plain array: "
                              f"{shown(data[start:end].decode('latin-1'))}")
    dtype = _dtype(found[1], name)
    numbers = [part.strip().removesuffix("L") for part in found[3].split(",")]
    numbers = [part for part in numbers if part]
    if not all(part.isdecimal() and len(part) < 20 for part in numbers):
        raise WeightFileError(f"{shown(name)} has the impossible shape {shown(found[3])}")
    shape = checked_shape(map(int, numbers), name)
    return shaped(data[end:], dtype, shape, name, "F" if found[2] == "True" else "C")


def _dtype(text, name):
    """A dtype of plain numbers; everything else (objects above all) is refused."""
    try:
        dtype = np.dtype(text)
    except TypeError:
        dtype = np.dtype(object)
    if dtype.kind not in "biufc":
        raise WeightFileError(f"{shown(name)} has the dtype {shown(text)}, which holds no plain "
                              "numbers")
    return dtype


def write(file, arrays):
    """Write arrays by name, uncompressed, as `numpy.savez` does."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            with archive.open(name + ".npy", "w", force_zip64=True) as target:
                np.lib.format.write_array(target, np.asarray(array), allow_pickle=False)

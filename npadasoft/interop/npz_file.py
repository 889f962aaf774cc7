"""NumPy's .npz, read strictly: plain arrays only, no pickles, no inflation beyond a bound."""
import re
import zipfile

import numpy as np

from npadasoft.interop.common import Found, Item, WeightFileError, checked_shape, shaped, shown
from npadasoft.interop.pickle_file import plain_dtype
from npadasoft.interop.zip_member import beginning, member

_MAGIC = b"\x93NUMPY"
_MAX_HEADER = 10_000
_PAIR = (r"""\s*(?:(?P<q{0}>['"])(?P<key{0}>descr|fortran_order|shape)(?P=q{0})\s*:\s*"""
         r"""(?:(?P<s{0}>['"])(?P<text{0}>[<>|=]?[A-Za-z?]\d*)(?P=s{0})|(?P<bool{0}>True|False)"""
         r"""|\((?P<sizes{0}>[\dL, ]*)\)))\s*""")
_HEADER = re.compile(r"\s*\{" + ",".join(_PAIR.format(i) for i in range(3)) + r",?\s*\}\s*")


def scan(archive):
    """What stands in an opened .npz archive, by name."""
    items = {}
    for info in archive.infolist():
        name = info.filename.removesuffix(".npy")
        try:
            items[name] = _item(archive, info, name)
        except WeightFileError as error:
            items[name] = Item("?", why=str(error))
    return Found("an .npz file of NumPy", items)


def _item(archive, info, name):
    if not info.filename.endswith(".npy"):
        raise WeightFileError(f"{shown(name)} is no .npy array")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise WeightFileError(f"{shown(name)} is compressed by another method than "
                              "numpy.savez_compressed's")
    dtype, shape, order, start = _header(beginning(archive, info, _MAX_HEADER + 12), name)

    def make():
        return shaped(member(archive, info)[start:], dtype, shape, name, order)
    return Item(dtype.name, shape, info.file_size, make)


def _header(data, name):
    """(dtype, shape, order, where the numbers begin) of one .npy array.

    The header is matched, not evaluated: a dict of three items in any order, in either kind of
    quotes, as the format asks of readers.  [numpy.lib.format, "Format Version 1.0" to 3.0]
    """
    if data[:6] != _MAGIC or len(data) < 12 or data[6] not in (1, 2, 3) or data[7] != 0:
        raise WeightFileError(f"{shown(name)} is no .npy array of version 1.0, 2.0 or 3.0")
    start = 10 if data[6] == 1 else 12
    end = start + int.from_bytes(data[8:start], "little")
    if end > min(len(data), start + _MAX_HEADER):
        raise WeightFileError(f"the header of {shown(name)} claims {end - start} bytes")
    text = bytes(data[start:end]).decode("utf-8" if data[6] == 3 else "latin-1", "replace")
    found = _HEADER.fullmatch(text)
    if not found or {found[f"key{i}"] for i in range(3)} != {"descr", "fortran_order", "shape"}:
        raise WeightFileError(f"{shown(name)} has a header that is not that of a plain array: "
                              f"{shown(text)}")
    values = {found[f"key{i}"]: {kind: found[f"{kind}{i}"] for kind in ("text", "bool", "sizes")}
              for i in range(3)}
    code, fortran = values["descr"]["text"], values["fortran_order"]["bool"]
    sizes = values["shape"]["sizes"]
    if code is None or fortran is None or sizes is None:
        raise WeightFileError(f"{shown(name)} has a header that is not that of a plain array: "
                              f"{shown(text)}")
    numbers = [part.strip().removesuffix("L") for part in sizes.split(",")]
    numbers = [part for part in numbers if part]
    if not all(part.isdecimal() and len(part) < 20 for part in numbers):
        raise WeightFileError(f"{shown(name)} has the impossible shape {shown(sizes)}")
    shape = checked_shape(map(int, numbers), name)
    return plain_dtype(code, name), shape, "F" if fortran == "True" else "C", end


def write(file, arrays):
    """Write arrays by name, uncompressed, as `numpy.savez` does."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            with archive.open(name + ".npy", "w", force_zip64=True) as target:
                np.lib.format.write_array(target, np.asarray(array), allow_pickle=False)

"""The safetensors format, read strictly and written with NumPy alone.

    8 bytes   N, little-endian
    N bytes   JSON: {"name": {"dtype": "F32", "shape": [5, 8], "data_offsets": [0, 160]}, ...}
    the rest  every tensor's numbers, little-endian, C order, without holes or overlaps

[github.com/huggingface/safetensors, README]  The writer orders tensors as the original does, so
that the files are equal byte for byte.
"""
import json
import math

import numpy as np

from npadasoft.interop.common import (Found, Item, WeightFileError, checked_shape, read_exactly,
                                      shaped, shown)
from npadasoft.interop.numbers import DTYPES

MAX_HEADER = 2**22      # 4 MiB: some 40 000 tensors; a JSON of that size is read in well under 1 s
_NAMES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16",
          "C64": "complex64", "I64": "int64", "I32": "int32", "I16": "int16", "I8": "int8",
          "U64": "uint64", "U32": "uint32", "U16": "uint16", "U8": "uint8", "BOOL": "bool",
          "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2", "F8_E8M0": "float8_e8m0fnu",
          "F8_E4M3FNUZ": "float8_e4m3fnuz", "F8_E5M2FNUZ": "float8_e5m2fnuz"}
_RANK = ["U64", "I64", "F64", "C64", "F32", "U32", "I32", "F16", "U16", "I16", "I8", "U8", "BOOL"]


def scan(file, size):
    """What stands in a safetensors file of `size` bytes, by name."""
    length = int.from_bytes(read_exactly(file, 8, "the length of the header"), "little")
    if length > min(size - 8, MAX_HEADER):
        raise WeightFileError(f"the header claims {length} bytes; the file has {size}, and a "
                              f"header may have {MAX_HEADER}")
    header, metadata = _parse(bytes(read_exactly(file, length, "the header")))
    entries = [_entry(name, value) for name, value in header.items()]
    _check_layout(sorted(entries, key=lambda entry: entry[3]), size - 8 - length)
    items = {name: _item(file, 8 + length, name, code, shape, offsets)
             for name, code, shape, offsets in entries}
    tied = {name: target for name, target in metadata.items()
            if target in items and name not in items and name != "format"}
    items.update({name: items[target] for name, target in tied.items()})
    notes = [f"{shown(name)} is tied to {shown(target)}" for name, target in tied.items()]
    return Found("a safetensors file", items, notes=notes)


def _item(file, start, name, code, shape, offsets):
    """One tensor; of a type that NumPy lacks and that is not widened there is a name only."""
    if code not in _NAMES:
        return Item(code, shape, why=f"{shown(name)} is of the type {shown(code)}, which is none "
                    f"of {', '.join(_NAMES)}")
    stored, becomes, widened = DTYPES[_NAMES[code]]

    def make():
        file.seek(start + offsets[0])
        array = shaped(read_exactly(file, offsets[1] - offsets[0], shown(name)),
                       np.dtype(stored).newbyteorder("<"), shape, name)
        return widened(array) if widened else array
    return Item(_NAMES[code], shape, math.prod(shape) * np.dtype(becomes).itemsize, make,
                key=(offsets[0], name))


def _parse(text):
    """The header's entries, and its metadata."""
    if not text.startswith(b"{"):
        raise WeightFileError("the header does not begin with '{'")
    try:
        header = json.loads(text.decode("utf-8"), object_pairs_hook=_without_duplicates)
    except WeightFileError:
        raise
    except (ValueError, RecursionError) as error:
        raise WeightFileError(f"the header is no JSON: {str(error)[:80]}") from None
    metadata = header.pop("__metadata__", None)
    metadata = {} if metadata is None else metadata     # as MLX writes it
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise WeightFileError("__metadata__ should hold strings by name")
    return header, metadata


def _without_duplicates(pairs):
    found = {}
    for key, value in pairs:
        if key in found:
            raise WeightFileError(f"the header has the key {shown(key)} twice")
        found[key] = value
    return found


def _entry(name, value):
    """(name, dtype code, shape, (start, end)) of one entry of the header."""
    if not isinstance(value, dict) or value.keys() != {"dtype", "shape", "data_offsets"}:
        raise WeightFileError(f"the entry of {shown(name)} should have dtype, shape and "
                              "data_offsets, and nothing else")
    code, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
    if not isinstance(code, str):
        raise WeightFileError(f"{shown(name)} has the dtype {shown(code)}, which is no text")
    if not isinstance(shape, list):
        raise WeightFileError(f"the shape of {shown(name)} should be a list")
    shape = checked_shape(shape, name)
    if not (isinstance(offsets, list) and len(offsets) == 2
            and all(type(n) is int and n >= 0 for n in offsets)):
        raise WeightFileError(f"data_offsets of {shown(name)} should be two positions")
    given = offsets[1] - offsets[0]
    wanted = given if code not in _NAMES else (
        math.prod(shape) * np.dtype(DTYPES[_NAMES[code]].stored).itemsize)
    if given != wanted or given < 0:
        given = str(given)[:30]
        raise WeightFileError(f"{shown(name)} of shape {shape} and dtype {code} takes {wanted} "
                              f"bytes, but data_offsets give it {given}")
    return name, code, shape, offsets


def _check_layout(entries, n_bytes):
    """Tensors must follow each other without a hole, and end where the file ends."""
    position = 0
    for name, _, _, (start, end) in entries:
        if start != position:
            raise WeightFileError(f"{shown(name)} begins at byte {str(start)[:30]} of the data, "
                                  f"but the tensor before it ends at {position}")
        position = end
    if position != n_bytes:
        raise WeightFileError(f"the tensors take {str(position)[:30]} bytes of data, but the file "
                              f"has {n_bytes}")


def write(file, arrays):
    """Write arrays by name, in any strides and byte order."""
    tensors = {name: _little_endian(name, array) for name, array in arrays.items()}
    ordered = sorted(tensors, key=lambda name: (_RANK.index(tensors[name][0]), name))
    header, position = {}, 0
    for name in ordered:
        code, array = tensors[name]
        header[name] = {"dtype": code, "shape": list(array.shape),
                        "data_offsets": [position, position + array.nbytes]}
        position += array.nbytes
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
    text += b" " * (-len(text) % 8)
    file.write(len(text).to_bytes(8, "little"))
    file.write(text)
    for name in ordered:
        file.write(tensors[name][1].tobytes(order="C"))


def _little_endian(name, array):
    """The dtype's code, and `array` with its bytes as the format wants them."""
    little = array.dtype.newbyteorder("<")
    codes = {np.dtype(DTYPES[_NAMES[code]].stored).newbyteorder("<"): code for code in _RANK}
    if little not in codes:
        raise TypeError(f"safetensors cannot hold {name}, which is {array.dtype}: "
                        "write an .npz file instead")
    return codes[little], array.astype(little, copy=False)

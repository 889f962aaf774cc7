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

from npadasoft.interop.common import (WeightFileError, checked_shape, read_exactly, shaped, shown,
                                      widened)

MAX_HEADER = 2**22      # 4 MiB: some 40 000 tensors; a JSON of that size is read in well under 1 s
_DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "C64": "<c8", "I64": "<i8",
           "I32": "<i4", "I16": "<i2", "I8": "|i1", "U64": "<u8", "U32": "<u4", "U16": "<u2",
           "U8": "|u1", "BOOL": "|b1"}
_RANK = ["U64", "I64", "F64", "C64", "F32", "U32", "I32", "F16", "U16", "I16", "I8", "U8", "BOOL"]


def read(file, size, max_bytes):
    """The arrays of a safetensors file of `size` bytes, by name."""
    length = int.from_bytes(read_exactly(file, 8, "the length of the header"), "little")
    if length > min(size - 8, MAX_HEADER):
        raise WeightFileError(f"the header claims {length} bytes; the file has {size}, and a "
                              f"header may have {MAX_HEADER}")
    header = _parse(bytes(read_exactly(file, length, "the header")))
    entries = [_entry(name, value) for name, value in header.items()]
    entries.sort(key=lambda entry: entry[3])
    _check_layout(entries, size - 8 - length)
    if size > max_bytes:
        raise WeightFileError(f"the file has {size} bytes, more than the {max_bytes} allowed")
    arrays = {}
    for name, code, shape, (start, end) in entries:
        data = read_exactly(file, end - start, shown(name))
        array = shaped(data, np.dtype(_DTYPES[code]), shape, name)
        arrays[name] = widened(array) if code == "BF16" else array
    return {name: arrays[name] for name in header}


def _parse(text):
    """The header's entries, without its metadata."""
    if not text.startswith(b"{"):
        raise WeightFileError("the header does not begin with '{'")
    try:
        header = json.loads(text.decode("utf-8"), object_pairs_hook=_without_duplicates)
    except WeightFileError:
        raise
    except (ValueError, RecursionError) as error:
        raise WeightFileError(f"the header is no JSON: {str(error)[:80]}") from None
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise WeightFileError("__metadata__ should hold strings by name")
    return header


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
    if not isinstance(code, str) or code not in _DTYPES:
        raise WeightFileError(f"{shown(name)} has the dtype {shown(code)}, which is none of "
                              f"{', '.join(_DTYPES)}")
    if not isinstance(shape, list):
        raise WeightFileError(f"the shape of {shown(name)} should be a list")
    shape = checked_shape(shape, name)
    if not (isinstance(offsets, list) and len(offsets) == 2
            and all(type(n) is int and n >= 0 for n in offsets)):
        raise WeightFileError(f"data_offsets of {shown(name)} should be two positions")
    wanted = math.prod(shape) * np.dtype(_DTYPES[code]).itemsize
    if offsets[1] - offsets[0] != wanted:
        given = str(offsets[1] - offsets[0])[:30]
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
    codes = {np.dtype(text): code for code, text in _DTYPES.items() if code != "BF16"}
    if little not in codes:
        raise TypeError(f"safetensors cannot hold {name}, which is {array.dtype}: "
                        "write an .npz file instead")
    return codes[little], array.astype(little, copy=False)

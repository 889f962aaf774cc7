"""Weights in files: safetensors, npz, and PyTorch's .pt (reading only).

`read` and `write` deal in mappings of names to arrays, `load` and `save` in layers.  Reading
decides by what is in the file, writing by the name's ending.  A file is data from a stranger:
reading runs nothing, allocates no more than a small multiple of the file's size, and refuses what
is not exactly as the format says.
"""
import os
import stat
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from npadasoft.adaptive import AdaptiveLogSoftmaxWithLoss
from npadasoft.arrays import array_namespace, from_foreign, to_numpy
from npadasoft.interop import npz_file, safetensors_file, torch_zip
from npadasoft.interop.common import MAX_BYTES, WeightFileError, replacing

_WRITERS = {".safetensors": safetensors_file.write, ".npz": npz_file.write}
_ZIP = b"PK\x03\x04"
_OLD_TORCH = b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"      # its magic number, pickled


def read(path, *, entry=None, max_bytes=MAX_BYTES):
    """The arrays of a file of weights, by name.

    Parameters
    ----------
    path : path
        A safetensors, .npz or .pt file; the content decides which.
    entry : str, optional
        In a .pt file that holds dicts in a dict (a checkpoint): the one to read.
    max_bytes : int, default 2**34
        What all arrays together may take.

    Returns
    -------
    dict of str to array
        In the file's order, writable, C order but for Fortran arrays of an .npz, the machine's byte
        order.  bfloat16 comes as float32, which holds it exactly.

    Raises
    ------
    WeightFileError
        A ValueError that says what is wrong with the file.
    OSError
        If it cannot be opened.

    Examples
    --------
    >>> import tempfile, os
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "weights.safetensors")
    ...     write(path, {"a": np.arange(6.0).reshape(2, 3).T})
    ...     read(path)["a"].tolist()
    [[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]]
    """
    with open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise WeightFileError("not a regular file")
        size, start = status.st_size, file.read(16)
        file.seek(0)
        if start[:4] == _ZIP:
            return _read_zip(file, size, max_bytes, entry)
        if entry is not None:
            raise WeightFileError(f"only .pt files have entries, and this is none: {entry!r}")
        if start[2:14] == _OLD_TORCH:
            raise WeightFileError("this is PyTorch's format from before 1.6, a bare pickle: load "
                                  "it there and save it anew with torch.save")
        if start[:1] == b"\x80" and start[8:9] != b"{":      # not the length of a header
            raise WeightFileError("this is a bare pickle, which can run code: not read")
        if start[:6] == b"\x93NUMPY":
            raise WeightFileError("this is a single .npy array: save a dict with numpy.savez")
        return safetensors_file.read(file, size, max_bytes)


def _read_zip(file, size, max_bytes, entry):
    """An .npz if all members are .npy arrays, else a .pt."""
    with npz_file.opened(file) as archive:
        names = archive.namelist()
    file.seek(0)
    if entry is None and all(name.endswith(".npy") for name in names):
        return npz_file.read(file, size, max_bytes)
    return torch_zip.read(file, size, max_bytes, entry)


def write(path, state):
    """Write arrays by name to a .safetensors or .npz file, atomically.

    Arrays may have any strides and any byte order; of arrays of another library (CuPy, PyTorch) a
    copy on the host is written.  The file under `path` is replaced only when the new one is
    complete and on disk.

    Raises
    ------
    ValueError, TypeError
        For another ending, a name that is no text, or an array that holds no plain numbers.
    """
    suffix = Path(path).suffix
    if suffix not in _WRITERS:
        raise ValueError(f"files are written as {' or '.join(_WRITERS)}, not {suffix!r}")
    if not isinstance(state, Mapping):
        raise TypeError(f"state should be a mapping of names to arrays, but found {type(state)}")
    arrays = {_name(name): _plain(name, value) for name, value in state.items()}
    with replacing(path) as file:
        _WRITERS[suffix](file, arrays)


def _name(name):
    if not isinstance(name, str) or name == "__metadata__":
        raise ValueError(f"an array cannot have the name {name!r}")
    name.encode("utf-8")        # a lone surrogate has no place in any of the formats
    return name


def _plain(name, value):
    """`value` as a NumPy array of numbers."""
    array, = from_foreign(value)
    array = array if array_namespace(array) is np else to_numpy(array)
    if array.dtype.kind not in "biufc":
        raise TypeError(f"{name} is {array.dtype}, which holds no plain numbers")
    return array


def save(layer, path):
    """Write a layer's weights under PyTorch's names; see `write`."""
    write(path, layer.state_dict())


def load(path, *, entry=None, prefix="", div_value=None, ignore_index=None, reduction="mean"):
    """The layer whose weights a file holds under PyTorch's names.

    Parameters
    ----------
    path, entry
        As for `read`.
    prefix : str
        Of the layer's names in the state of a whole model, "decoder.softmax." for example.
    div_value, ignore_index, reduction
        As for `AdaptiveLogSoftmaxWithLoss.from_state_dict`: no file holds them.

    Examples
    --------
    >>> import tempfile, os
    >>> asm = AdaptiveLogSoftmaxWithLoss(4, 6, cutoffs=[2, 4], div_value=2.0, rng=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(asm, os.path.join(folder, "weights.npz"))
    ...     load(os.path.join(folder, "weights.npz"), div_value=2.0)
    AdaptiveLogSoftmaxWithLoss(4, 6, cutoffs=[2, 4], div_value=2.0, head_bias=False, dtype=float64)
    """
    return AdaptiveLogSoftmaxWithLoss.from_state_dict(
        under(read(path, entry=entry), prefix), div_value=div_value, ignore_index=ignore_index,
        reduction=reduction)


def under(state, prefix):
    """The part of `state` whose names begin with `prefix`, without it.

    Examples
    --------
    >>> under({"a.w": 1, "b.w": 2}, "a.")
    {'w': 1}
    """
    return {name[len(prefix):]: value for name, value in state.items() if name.startswith(prefix)}

"""PyTorch's .pt files (a zip archive since 1.6), read without PyTorch and without pickle.

    NAME/data.pkl      what is saved: names, shapes, strides      (see `pickle_subset`)
    NAME/data/0, ...   the numbers of one storage each, uncompressed
    NAME/byteorder     "little" or "big"

[torch/serialization.py, `_save`, 2.13]
"""
import math
import zipfile

import numpy as np

from npadasoft.interop.common import Found, Item, WeightFileError, checked_shape, shown
from npadasoft.interop.numbers import DTYPES
from npadasoft.interop.pickle_file import chosen, item
from npadasoft.interop.pickle_subset import MIN_INSTRUCTIONS, evaluate
from npadasoft.interop.pickle_values import Tensor
from npadasoft.interop.zip_member import member

MAX_PICKLE = 2**23      # bytes
_CONJUGATES = ("complex32", "complex64", "complex128")
_NO_MINUS = {"bool", "uint16", "uint32", "uint64", *(n for n in DTYPES if n.startswith("float8"))}


def scan(archive, size, entry=None):
    """What stands in an opened .pt archive of `size` bytes; `entry` picks a dict in the saved one.
    """
    records = _records(archive, size)
    limit = MIN_INSTRUCTIONS + size // 4
    saved = evaluate(bytes(member(archive, records["data.pkl"])), limit)
    if type(saved) is Tensor:
        raise WeightFileError("the file holds no state dict, but a single tensor: save a dict")
    state, entries = chosen(saved, entry)
    storages = _Storages(archive, records)
    items = {name: _item(name, value, storages) for name, value in state.items()}
    return Found("a .pt file of PyTorch", items, entries)


def _records(archive, size):
    """The archive's members by their name within its folder, after a look at what it is."""
    infos = archive.infolist()
    pickles = [info.filename for info in infos if info.filename.endswith("data.pkl")]
    if any(info.filename.endswith("constants.pkl") for info in infos):
        raise WeightFileError("this is a TorchScript archive, a program with its weights: "
                              "save the state_dict() of the module instead (in C++ a dict of its "
                              "named_parameters(), by torch::pickle_save)")
    if len(pickles) != 1:
        raise WeightFileError("the archive is no .pt file: it has no data.pkl" if not pickles
                              else "the archive has several data.pkl")
    folder = pickles[0].removesuffix("data.pkl")
    records = {info.filename.removeprefix(folder): info for info in infos}
    for name, info in records.items():
        if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
            raise WeightFileError(f"{shown(name)} is compressed, which PyTorch never does")
    if sum(info.file_size for info in infos) > size:
        raise WeightFileError("members of the archive overlap")
    if records["data.pkl"].file_size > MAX_PICKLE:
        raise WeightFileError(f"data.pkl has {records['data.pkl'].file_size} bytes, more than the "
                              f"{MAX_PICKLE} allowed")
    return records


class _Storages:
    """The numbers of an archive, each storage read once, when it is first needed."""

    def __init__(self, archive, records):
        self._archive, self._records, self._read = archive, records, {}
        self.order = self._byte_order()

    def _byte_order(self):
        """"<" or ">"; files from before 2.1 do not say, and are little-endian."""
        if "byteorder" not in self._records:
            return "<"
        order = bytes(member(self._archive, self._records["byteorder"]))
        if order not in (b"little", b"big"):
            raise WeightFileError(f"the byte order is {shown(order)}")
        return "<" if order == b"little" else ">"

    def check(self, key, n_bytes):
        """Raise unless storage `key` is there and has `n_bytes`."""
        if "data/" + key not in self._records:
            raise WeightFileError("the numbers of a tensor are not in the archive")
        held = self._records["data/" + key].file_size
        if held != n_bytes:
            raise WeightFileError(f"the storage of a tensor should have {n_bytes} bytes, but has "
                                  f"{held}")

    def __getitem__(self, key):
        if key not in self._read:
            self._read[key] = member(self._archive, self._records["data/" + key])
        return self._read[key]


def _item(name, value, storages):
    """What stands under `name`; whatever is wrong with it concerns nobody else."""
    if type(value) is not Tensor:
        return item(name, value)
    try:
        return _tensor_item(name, value, storages)
    except WeightFileError as error:
        return Item(value.dtype, why=str(error))


def _tensor_item(name, tensor, storages):
    """A tensor whose place in its storage was found to be sound."""
    if type(tensor.shape) is not tuple or type(tensor.stride) is not tuple:
        raise WeightFileError(f"{shown(name)} has no shape and strides")
    shape, stride = checked_shape(tensor.shape, name), checked_shape(tensor.stride, name)
    offset, numel = checked_shape([tensor.offset, tensor.storage.numel], name)
    if len(shape) != len(stride):
        raise WeightFileError(f"{shown(name)} has the shape {shape} and the strides {stride}")
    if tensor.dtype not in DTYPES:
        return Item(tensor.dtype, shape, why=f"{shown(name)} is {shown(tensor.dtype)}, whose bits "
                    "alone are no numbers: save its .float() or .dequantize()")
    dtype = np.dtype(DTYPES[tensor.dtype].stored)
    untyped = tensor.storage.kind == "UntypedStorage"
    if untyped and dtype.itemsize > 1 and storages.order == ">":
        raise WeightFileError(f"{shown(name)} is {tensor.dtype} in a file of a big-endian machine, "
                              "where PyTorch does not say in which order its bytes are")
    held = numel // dtype.itemsize if untyped else numel
    size = math.prod(shape)
    if size and offset + sum((n - 1) * step for n, step in zip(shape, stride)) >= held:
        raise WeightFileError(f"{shown(name)} of shape {shape}, strides {stride} and offset "
                              f"{offset} does not lie in its storage of {held} numbers")
    if size and (tensor.conj and tensor.dtype not in _CONJUGATES
                 or tensor.neg and tensor.dtype in _NO_MINUS):
        raise WeightFileError(f"{shown(name)} is {tensor.dtype} with a lazy "
                              f"{'conjugate' if tensor.conj else 'minus'}, which PyTorch cannot "
                              "carry out")
    if size:
        storages.check(tensor.storage.key, numel if untyped else numel * dtype.itemsize)
    return Item(tensor.dtype, shape, size * np.dtype(DTYPES[tensor.dtype].becomes).itemsize,
                lambda: _array(storages, tensor, dtype.newbyteorder(storages.order)),
                key=(tensor.storage, offset, shape, stride, tensor.dtype, tensor.conj, tensor.neg))


def _array(storages, tensor, dtype):
    """The tensor's numbers, copied out of the storage into C order and the machine's byte order."""
    if not math.prod(tensor.shape):
        return np.zeros(tensor.shape, DTYPES[tensor.dtype].becomes)
    raw = np.dtype(np.uint8) if dtype.kind == "b" else dtype
    view = np.ndarray(tensor.shape, raw, storages[tensor.storage.key],
                      tensor.offset * dtype.itemsize,
                      [step * dtype.itemsize for step in tensor.stride])
    if dtype.kind == "b":       # a byte that is neither 0 nor 1 must not become a bool as it is
        return np.array(view != 0, order="C")
    array = np.array(view, dtype.newbyteorder("="), order="C")
    widened = DTYPES[tensor.dtype].widened
    array = widened(array) if widened else array
    array = np.conj(array) if tensor.conj else array
    return np.asarray(np.negative(array) if tensor.neg else array)

"""PyTorch's .pt files (a zip archive since 1.6), read without PyTorch and without pickle.

    NAME/data.pkl      what is saved: names, shapes, strides      (see `pickle_subset`)
    NAME/data/0, ...   the numbers of one storage each, uncompressed
    NAME/byteorder     "little" or "big"

[torch/serialization.py, `_save`, 2.13]
"""
import math
import zipfile

import numpy as np

from npadasoft.interop.common import WeightFileError, checked_shape, shown, widened
from npadasoft.interop.pickle_subset import STORAGES, Tensor, evaluate
from npadasoft.interop.zip_member import member, opened

MAX_PICKLE = 2**23      # bytes
SHARING = 4             # tensors may share storages; memory outgrows the file by no more


def read(file, size, max_bytes, entry=None):
    """The tensors of a .pt file of `size` bytes, by name; `entry` picks a dict in the saved one."""
    with opened(file) as archive:
        records = _records(archive, size)
        saved = evaluate(bytes(member(archive, records["data.pkl"])))
        tensors = _tensors(saved, entry)
        total = sum(_numel(name, tensor) * _dtype(tensor).itemsize
                    for name, tensor in tensors.items())
        if total > min(SHARING * size, max_bytes):
            raise WeightFileError(f"the tensors take {total} bytes, the file has {size}: more than "
                                  f"the {min(SHARING * size, max_bytes)} allowed")
        return _arrays(archive, records, tensors, _byte_order(archive, records))


def _byte_order(archive, records):
    """"<" or ">"; files from before 2.1 do not say, and are little-endian."""
    if "byteorder" not in records:
        return "<"
    order = bytes(member(archive, records["byteorder"]))
    if order not in (b"little", b"big"):
        raise WeightFileError(f"the byte order is {shown(order)}")
    return "<" if order == b"little" else ">"


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


def _tensors(saved, entry):
    """The mapping of tensors that was saved, or that is its entry of this name."""
    if entry is not None:
        if type(saved) is not dict or entry not in saved:
            raise WeightFileError(f"the file has no entry {shown(entry)}")
        saved = saved[entry]
    if type(saved) is not dict:
        raise WeightFileError("the file holds no state dict, but "
                              f"{'a single tensor' if type(saved) is Tensor else 'something else'}")
    for name, value in saved.items():
        if type(name) is not str or type(value) is not Tensor:
            dicts = [shown(key) for key, inner in saved.items() if type(inner) is dict]
            hint = f"; entry= may name one of {', '.join(dicts[:5])}" if dicts else ""
            raise WeightFileError(f"{shown(name)} is {type(value).__name__}, not a tensor{hint}")
    return saved


def _dtype(tensor):
    return np.dtype(STORAGES[tensor.storage.kind])


def _numel(name, tensor):
    """Number of elements of a tensor, after its shape and strides were found to fit its storage."""
    if type(tensor.shape) is not tuple or type(tensor.stride) is not tuple:
        raise WeightFileError(f"{shown(name)} has no shape and strides")
    shape = checked_shape(tensor.shape, name)
    stride = checked_shape(tensor.stride, name)
    (offset,) = checked_shape([tensor.offset], name)
    (held,) = checked_shape([tensor.storage.numel], name)
    if len(shape) != len(stride):
        raise WeightFileError(f"{shown(name)} has the shape {shape} and the strides {stride}")
    numel = math.prod(shape)
    last = offset + sum((n - 1) * step for n, step in zip(shape, stride))
    if numel and (last >= held or numel > held):
        raise WeightFileError(f"{shown(name)} of shape {shape}, strides {stride} and offset "
                              f"{offset} does not lie in its storage of {held} numbers")
    return numel


def _arrays(archive, records, tensors, order):
    """The arrays, each a copy of its own of its part of a storage."""
    storages, arrays = {}, {}
    for name, tensor in tensors.items():
        dtype = _dtype(tensor).newbyteorder(order)
        key, stored = tensor.storage.key, tensor.storage.numel * dtype.itemsize
        if key not in storages:
            if "data/" + key not in records:
                raise WeightFileError(f"the numbers of {shown(name)} are not in the archive")
            storages[key] = member(archive, records["data/" + key])
        if len(storages[key]) != stored:
            raise WeightFileError(f"the storage of {shown(name)} should have {stored} bytes, but "
                                  f"has {len(storages[key])}")
        arrays[name] = _view(storages[key], dtype, tensor)
    return arrays


def _view(buffer, dtype, tensor):
    """The tensor's numbers, copied out of the storage into C order and the machine's byte order."""
    if not math.prod(tensor.shape):
        numbers = np.zeros(tensor.shape, dtype)
    else:
        raw = np.dtype(np.uint8) if dtype.kind == "b" else dtype
        numbers = np.ndarray(tensor.shape, raw, buffer, tensor.offset * dtype.itemsize,
                             [step * dtype.itemsize for step in tensor.stride])
    if dtype.kind == "b":
        return np.array(numbers != 0, order="C")
    native = np.array(numbers, dtype.newbyteorder("="), order="C")
    return widened(native) if tensor.storage.kind == "BFloat16Storage" else native

"""HDF5 files (Keras's .weights.h5, NNabla's, Chainer's), by the package h5py.

The names are the paths of the datasets: layers/dense/vars/0.  Links into other files, virtual and
external datasets and filters other than HDF5's own are not followed.  The parsing is that of the
HDF5 library, in C: a hostile file has what guards it has, not this package's.
"""
import math
from contextlib import contextmanager

import numpy as np

from npadasoft.interop.common import Found, Item, WeightFileError, checked_shape, shown

MAGIC = b"\x89HDF\r\n\x1a\n"
_MAX_NAMES = 100_000
_FILTERS = {1, 2, 3, 6, 32000}      # gzip, shuffle, Fletcher's checksum, scale-offset, LZF
_BROKEN = (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError, OverflowError,
           NotImplementedError, MemoryError)


@contextmanager
def opened(file):
    """What stands in an HDF5 file; arrays can be made inside."""
    h5py = _h5py()
    try:
        with h5py.File(file, "r") as root:
            items: dict[str, Item] = {}
            _walk(h5py, root, "", items, set())
            yield Found("an HDF5 file", items)
    except WeightFileError:
        raise
    except _BROKEN as error:
        raise WeightFileError(f"the HDF5 file is damaged: {str(error)[:80]}") from error


def _walk(h5py, group, path, items, seen):
    """Datasets of a group and of those in it, by hard links alone; a circle is gone through once.
    """
    address = h5py.h5o.get_info(group.id).addr
    if address in seen:
        return
    seen.add(address)
    for key in group:
        name = f"{path}/{key}" if path else key
        if len(items) >= _MAX_NAMES:
            raise WeightFileError(f"the HDF5 file has more than {_MAX_NAMES} names")
        if type(group.get(key, getlink=True)) is not h5py.HardLink:
            items[name] = Item("link", why=f"{shown(name)} is a link: name what it leads to")
            continue
        value = group[key]
        if isinstance(value, h5py.Group):
            _walk(h5py, value, name, items, seen)
        elif isinstance(value, h5py.Dataset):
            try:
                items[name] = _item(value, name)
            except WeightFileError as error:
                items[name] = Item("dataset", why=str(error))


def _item(dataset, name):
    dtype = dataset.dtype
    if dtype.kind not in "biufc":
        raise WeightFileError(f"{shown(name)} is {shown(str(dtype))}, which holds no plain numbers")
    if dataset.shape is None:
        raise WeightFileError(f"{shown(name)} is empty: it has no shape")
    shape = checked_shape(dataset.shape, name)
    layout = dataset.id.get_create_plist()
    filters = {layout.get_filter(i)[0] for i in range(layout.get_nfilters())}
    if dataset.is_virtual or dataset.external or not filters <= _FILTERS:
        raise WeightFileError(f"{shown(name)} has its numbers elsewhere, or behind a filter that "
                              "is not HDF5's own")
    native = dtype.newbyteorder("=")
    return Item(dtype.name, shape, math.prod(shape) * dtype.itemsize,
                lambda: np.array(dataset[()], native, order="C"))


def _h5py():
    try:
        import h5py
    except ImportError:
        raise ImportError("this is an HDF5 file, and h5py is not installed: pip install h5py"
                          ) from None
    return h5py

"""Dicts of NumPy arrays in a bare pickle, as Paddle's .pdparams are: read without pickle.

And what is common to all pickles: which dict is meant, and what a value is that is no tensor.
"""
import numpy as np

from npadasoft.interop.common import (Found, Item, WeightFileError, checked_shape, read_exactly,
                                      shaped, shown)
from npadasoft.interop.numbers import bfloat16
from npadasoft.interop.pickle_subset import MIN_INSTRUCTIONS, evaluate
from npadasoft.interop.pickle_values import Array, DType, Opaque, what

_NAMES = "StructuredToParameterName@@"      # what Paddle's files hold beside the arrays


def scan(file, size, entry=None):
    """What stands in a file of `size` bytes that is one pickle; `entry` picks a dict in it."""
    data = bytes(read_exactly(file, size, "the pickle"))
    try:
        state, entries = chosen(evaluate(data, MIN_INSTRUCTIONS + size // 4), entry)
    except WeightFileError as error:
        raise WeightFileError("this is a bare pickle, which can run code, and was read as far as "
                              f"it is arrays by name: {error}") from None
    named = {name: value[1] for name, value in state.items() if type(value) is tuple
             and len(value) == 2 and type(value[0]) is str and type(value[1]) is Array}
    paddle = bool(named) or _NAMES in state
    items = {name: item(name, named.get(name, value)) for name, value in state.items()
             if name != _NAMES}
    if paddle:      # it has no 16-bit integers without sign: these are the bits of its bfloat16
        items = {name: _bfloat16(found) for name, found in items.items()}
    return Found("a file of Paddle" if paddle else "a bare pickle", items, entries)


def _bfloat16(found):
    """The same array, widened where it holds the bits of bfloat16."""
    if found.dtype != "uint16" or not found.make:
        return found
    return Item("bfloat16", found.shape, 2 * found.n_bytes, lambda: bfloat16(found.make()))


def chosen(saved, entry):
    """The dict that was saved, or its entry of this name; and the names of the dicts in it."""
    entries = []
    if type(saved) is dict:
        entries = [key for key, value in saved.items() if type(key) is str and type(value) is dict]
    if entry is not None:
        if entry not in entries:
            known = ", ".join(map(shown, entries[:8])) or "none"
            raise WeightFileError(f"the file has no entry {shown(entry)} that is a dict; it has "
                                  f"{known}")
        saved, entries = saved[entry], []
    if type(saved) is Opaque:
        raise WeightFileError(f"the file holds no state dict, but {saved.what}: a whole pickled "
                              "module say. Nothing was imported or run. In PyTorch, save "
                              "module.state_dict() alone")
    if type(saved) is not dict:
        raise WeightFileError(f"the file holds no state dict, but something else: {what(saved)}")
    return {key if type(key) is str else f"({what(key)})": value
            for key, value in saved.items()}, entries


def item(name, value):
    """What stands under `name` where it is no tensor of PyTorch."""
    if type(value) is Array:
        return array_item(name, value)
    kind = "dict" if type(value) is dict else what(value)
    if type(value) is Opaque and value.way:
        return Item(kind, why=f"{shown(name)} is {kind}: {value.way}")
    return Item(kind, why=f"{shown(name)} is {kind}, not a tensor")


def plain_dtype(text, name):
    """A dtype of plain numbers, of NumPy's code for it; everything else is refused by name."""
    try:
        dtype = np.dtype(text)
    except (TypeError, ValueError, SyntaxError):
        dtype = np.dtype("V1")
    if dtype.kind == "O":
        raise WeightFileError(f"{shown(name)} has the dtype {shown(text)}: it holds pickled Python "
                              "objects, which are not read")
    if dtype.str[1:] == "V2":
        raise WeightFileError(f"{shown(name)} has the dtype {shown(text)}, two bytes without a "
                              "type, as bfloat16 is written: save it as float32")
    if dtype.kind not in "biufc":
        raise WeightFileError(f"{shown(name)} has the dtype {shown(text)}, which holds no plain "
                              "numbers")
    return dtype


def array_item(name, array):
    """An array that stands in the pickle itself."""
    try:
        if type(array.dtype) is not DType or type(array.dtype.code) is not str or (
                array.dtype.order not in ("<", ">", "=", "|")):
            raise WeightFileError(f"{shown(name)} has no dtype")
        dtype = plain_dtype(array.dtype.code[:20], name).newbyteorder(array.dtype.order)
        if type(array.shape) is not tuple:
            raise WeightFileError(f"{shown(name)} has no shape")
        shape = checked_shape(array.shape, name)
        if type(array.data) is not bytes:
            raise WeightFileError(f"{shown(name)} has no numbers")
    except WeightFileError as error:
        return Item("array", why=str(error))
    order = "F" if array.fortran is True else "C"
    return Item(dtype.name, shape, len(array.data), lambda: shaped(
        bytearray(array.data), dtype, shape, name, order))

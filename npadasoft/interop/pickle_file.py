"""Dicts of NumPy arrays in a bare pickle, as Paddle's .pdparams are: read without pickle."""
import numpy as np

from npadasoft.interop.common import Found, Item, WeightFileError, checked_shape, shaped, shown
from npadasoft.interop.pickle_values import DType


def plain_dtype(text, name):
    """A dtype of plain numbers, of NumPy's code for it; everything else is refused by name."""
    try:
        dtype = np.dtype(text)
    except (TypeError, ValueError, SyntaxError):
        dtype = np.dtype("V1")
    if dtype.kind == "O":
        raise WeightFileError(f"{shown(name)} has the dtype {shown(text)}: it holds pickled Python "
                              "objects, which are not read")
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


__all__ = ["Found", "array_item", "plain_dtype"]

"""Which library owns these arrays: the only file that knows that CuPy exists.

The arrays decide.  `array_namespace` looks at what comes in and answers the module whose functions
work on it: NumPy, or CuPy if the caller brought CuPy arrays.  CuPy is looked up among the modules
already imported and never imported here: nobody can hold a CuPy array without having imported it
himself.

What the package may call on a namespace is small and closed (`FUNCTIONS`, and the array methods in
`METHODS`), so that "it runs on CuPy" is a statement that can be checked on a machine without a GPU.
"""
import sys
from typing import Any

import numpy as np

Array = Any     # an array of NumPy or of a library below; which one is settled at run time

_LIBRARIES = {"cupy": "ndarray"}   # module, if imported -> array class; tests register more

FUNCTIONS = frozenset("""
    add arange arctan2 argsort array asarray concatenate cumsum einsum empty exp expm1 float64
    int64 isnan log1p matmul may_share_memory ndarray ones partition searchsorted sort stack
    take_along_axis where zeros
    """.split())
METHODS = frozenset("""
    T any argmax astype copy dtype flags imag itemsize max min ndim nonzero ravel real reshape
    shape size sum
    """.split())


def _library(value):
    """The module that owns `value`, or None for a Python object that NumPy may convert."""
    for name, array_class in _LIBRARIES.items():
        module = sys.modules.get(name)
        if module is not None and isinstance(value, getattr(module, array_class)):
            return module
    if isinstance(value, np.ndarray):
        return np
    if hasattr(value, "device") and not isinstance(value, np.generic):
        raise TypeError(
            f"{type(value).__module__}.{type(value).__name__} is not an array of NumPy or CuPy; "
            "convert it first, for example with numpy.asarray(...)")
    return None


def array_namespace(*values):
    """The array library of `values`: `numpy`, or `cupy`.

    Lists and scalars have no say (they are converted); without any array the answer is `numpy`.

    Raises
    ------
    TypeError
        If arrays of two libraries come together, or one belongs to a library that is not supported.
    """
    found = {module.__name__: module for module in map(_library, values) if module is not None}
    if len(found) > 1:
        raise TypeError(f"arrays of {' and '.join(sorted(found))} in one call: "
                        "move them to one library")
    return next(iter(found.values()), np)


def gpu_library():
    """CuPy, for those who ask for a GPU by name (`npadasoft bench --device gpu`).

    Raises
    ------
    RuntimeError
        If CuPy is not installed, or finds no device.
    """
    try:
        import cupy
    except ImportError:
        raise RuntimeError("a GPU needs CuPy: pip install 'npadasoft[gpu]'") from None
    if not cupy.cuda.runtime.getDeviceCount():
        raise RuntimeError("CuPy finds no device")
    return cupy


def as_array(value, xp):
    """`value` as an array of `xp` in the machine's byte order; not copied if it already is one."""
    array = value if isinstance(value, xp.ndarray) else np.asarray(value)
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    return xp.asarray(array) if array.dtype.kind in "biufc" else array


def rounded(values, dtype):
    """`values` in the dtype of results; what float16 cannot hold is infinite, without a warning."""
    if dtype != np.float16:
        return values.astype(dtype, copy=False)
    xp = array_namespace(values)
    limit = 65520                                       # the least that rounds to infinity
    infinite = xp.where(values > 0, float("inf"), -float("inf"))
    return xp.where((values >= limit) | (values <= -limit), infinite, values).astype(dtype)


def is_host(xp):
    """Whether `xp` is NumPy, so that asking for a value waits for nothing."""
    return xp is np


def to_numpy(array):
    """A copy of `array` on the host, as a NumPy array."""
    xp = array_namespace(array)
    return np.array(array) if xp is np else xp.asnumpy(array)


def to_host(array):
    """A small integer array as a list of Python ints: one transfer from the device."""
    return array.tolist()


def ndim(value):
    """Number of axes of an array, or of what NumPy would make of a list or a scalar."""
    return value.ndim if hasattr(value, "ndim") else np.asarray(value).ndim


def is_floating(dtype):
    """Whether `dtype` is one of the number types of the layer: real or complex floating point."""
    return np.dtype(dtype).kind in "fc"


def epsilon(dtype):
    """Machine epsilon of a floating dtype; a complex one has that of its parts."""
    return np.finfo(dtype).eps


def result_type(*dtypes):
    """The dtype in which numbers of `dtypes` meet, in the machine's byte order."""
    return np.result_type(*dtypes).newbyteorder("=")


def working_type(dtype):
    """The dtype to compute in: float32 for float16, every other one as it is."""
    return np.dtype(np.float32) if dtype == np.float16 else np.dtype(dtype)


def from_foreign(*values):
    """`values` as arrays of one library, whose lists and scalars go where its arrays are.

    PyTorch CPU tensors come in as NumPy arrays (bfloat16 widened to float32).
    """
    values = tuple(map(_from_torch, values))
    xp = array_namespace(*values)
    return [as_array(value, xp) for value in values]


def _from_torch(value):
    """A PyTorch tensor as a NumPy array, anything else as it is."""
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(value, torch.Tensor):
        return value
    value = value.detach()
    return (value.float() if value.dtype == torch.bfloat16 else value).numpy()

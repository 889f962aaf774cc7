"""The functions of the module: NumPy's, behind CuPy's names, keywords and refusals."""
import numpy as np

from .arrays import SURFACE, check_dtype, ndarray, operand, quiet, stable, wrap
from .signatures import bind, positional_names
from .syncs import synchronised

_SEQUENCES = {"tup", "arrays"}                      # parameters that hold a sequence of arrays
_NUMBERS = {"start", "stop", "step", "shape", "axis", "num", "n", "N", "M"}   # host values
_REAL_ONLY = {"expm1", "log1p", "log2", "arctan2", "logaddexp", "logaddexp2", "hypot"}
_DTYPES = {"result_type", "can_cast", "promote_types", "min_scalar_type", "finfo", "iinfo"}


class Ufunc:
    """A universal function: arrays and Python numbers in, and the recorded keywords alone."""

    def __init__(self, name):
        self.name, self._numpy, self._entry = name, getattr(np, name), SURFACE["functions"][name]

    def __call__(self, *args, **keywords):
        wrong = {k: v for k, v in keywords.items() if k not in self._entry["keywords"]}
        if wrong:
            raise TypeError(f"Wrong arguments {wrong}")
        out, data = keywords.pop("out", None), [operand(value) for value in args]
        if self.name in _REAL_ONLY and any(np.iscomplexobj(value) for value in data):
            raise TypeError(f"cupy.{self.name} of complex numbers does not compile on a device")
        if out is None:
            return wrap(quiet(self._numpy, *data, **keywords))
        quiet(self._numpy, *data, out=operand(out), **keywords)
        return out

    def reduce(self, array, axis=0, dtype=None, out=None, keepdims=False):
        if self.name not in ("add", "multiply"):
            raise NotImplementedError(f"`cupy_{self.name}.reduce` is not supported yet")
        return wrap(quiet(self._numpy.reduce, operand(array), axis, dtype, keepdims=keepdims))

    def __getattr__(self, method):
        raise NotImplementedError(f"{self.name}.{method}: undefined order or not in CuPy")


def plain_function(name):
    """NumPy's function `name`, called as CuPy's signature allows."""
    entry = SURFACE["functions"][name]
    implementation = getattr(np, name)

    def function(*args, **keywords):
        bind(name, entry["signature"], args, keywords)
        if entry.get("synchronises"):
            synchronised(name)
        names = positional_names(entry["signature"], len(args))
        args = [_argument(name, n, value) for n, value in zip(names, args)]
        keywords = {n: _argument(name, n, value) for n, value in keywords.items()}
        return wrap(quiet(implementation, *args, **keywords))

    function.__name__ = name
    return function


def _argument(function, name, value):
    if isinstance(value, ndarray):
        if name in _NUMBERS and function not in ("sum",):
            raise TypeError(f"cupy.{function}: {name} is a number of the host, not a device array")
        return value._data
    if isinstance(value, (list, tuple)) and name in _SEQUENCES:
        if not value:
            raise ValueError("Cannot concatenate from empty tuple")
        if not all(isinstance(item, ndarray) for item in value):
            raise TypeError(f"cupy.{function}: only arrays of the device can be joined")
        return [item._data for item in value]
    if isinstance(value, (np.ndarray, np.generic)) or (
            isinstance(value, list) and name not in _NUMBERS):
        if function not in _DTYPES:
            raise TypeError(f"cupy.{function}: unsupported type {type(value)} for {name}")
    return value


# ---- functions with rules of their own

def _bound(name, args, keywords):
    return bind(name, SURFACE["functions"][name]["signature"], args, keywords)


def array(*args, **keywords):
    bound = _bound("array", args, keywords)
    return _device(bound["obj"], bound.get("dtype"), bound.get("copy", True), bound.get("ndmin", 0),
                   bound.get("order", "K"))


def asarray(*args, **keywords):
    bound = _bound("asarray", args, keywords)
    return _device(bound["a"], bound.get("dtype"), bound.get("copy"))


def _device(value, dtype, copy, ndmin=0, order="K"):
    """`value` on the device: an upload if it is of the host, and then always a copy."""
    if isinstance(value, ndarray):
        if not copy and not ndmin and dtype in (None, value.dtype):
            return value
        return wrap(np.array(value._data, dtype=dtype, ndmin=ndmin, order=order))
    found = np.array(value, dtype=dtype, ndmin=ndmin, order=order)      # lists of ours: __array__
    return wrap(check_dtype(found.astype(found.dtype.newbyteorder("="))))


def asnumpy(a, stream=None, order="C", out=None, *, blocking=True):
    return a.get(order=order) if isinstance(a, ndarray) else np.asarray(a)


def empty(*args, **keywords):
    """Memory that nobody wrote: nan, or the lowest integer, so that reading it shows."""
    bound = _bound("empty", args, keywords)
    made = plain_function("zeros")(bound["shape"], bound.get("dtype", float))
    kind = made.dtype.kind
    if kind in "iu":
        made._data[...] = np.iinfo(made.dtype).min or np.iinfo(made.dtype).max
    else:
        made._data[...] = {"c": complex(np.nan, np.nan), "f": np.nan, "b": True}[kind]
    return made


def where(*args, **keywords):
    bound = _bound("where", args, keywords)
    condition, x, y = (bound.get(name) for name in ("condition", "x", "y"))
    if not isinstance(condition, ndarray):
        raise AttributeError(f"{type(condition).__name__!r} object has no attribute 'astype'")
    if x is None and y is None:
        synchronised("where")
        return wrap(np.nonzero(condition._data))
    if x is None or y is None:
        raise ValueError("Must provide both 'x' and 'y' or neither.")
    return wrap(np.where(condition._data.astype(bool), operand(x), operand(y)))


def searchsorted(*args, **keywords):
    bound = _bound("searchsorted", args, keywords)
    a, v, sorter = bound["a"], bound["v"], bound.get("sorter")
    if not isinstance(a, ndarray):
        raise NotImplementedError("Only int or ndarray are supported for a")
    if not isinstance(v, (ndarray, int, float, complex)):
        raise NotImplementedError("Only python scalars or ndarrays are supported for v")
    if a.ndim != 1:
        raise ValueError("object too deep for desired array")
    ordered = a._data if sorter is None else a._data[sorter._data]
    if (ordered[1:] < ordered[:-1]).any():
        raise ValueError("searchsorted: a is not ascending, which is undefined on a device")
    return wrap(np.searchsorted(ordered, operand(v), side=bound.get("side", "left")))


def take_along_axis(*args, **keywords):
    bound = _bound("take_along_axis", args, keywords)
    a, indices, axis = bound["a"], bound["indices"], bound["axis"]
    if indices.dtype.kind not in "iu":
        raise IndexError("`indices` must be an integer array")
    if axis is None:
        a, axis = a.ravel(), 0
    if a.ndim != indices.ndim:
        raise ValueError("`indices` and `a` must have the same number of dimensions")
    if a.shape[axis] == 0 and indices.size:
        raise IndexError("cannot do a non-empty take from an empty axes.")
    wrapped = indices._data % max(a.shape[axis], 1)
    return wrap(np.take_along_axis(a._data, wrapped, axis))


def sort(*args, **keywords):
    bound = _bound("sort", args, keywords)
    return wrap(np.sort(operand(bound["a"]), bound.get("axis", -1), kind=stable(bound)))


def argsort(*args, **keywords):
    bound = _bound("argsort", args, keywords)
    return wrap(np.argsort(operand(bound["a"]), bound.get("axis", -1), kind=stable(bound)))


def get_array_module(*args):
    import sys
    own = any(isinstance(value, ndarray) for value in args)
    return sys.modules[__package__] if own else np


def may_share_memory(*args, **keywords):
    """An answer of the host, from addresses alone: no wait."""
    bound = _bound("may_share_memory", args, keywords)
    if not all(isinstance(bound[name], ndarray) for name in "ab"):
        raise TypeError("cupy.may_share_memory: only arrays of the device")
    return bool(np.may_share_memory(bound["a"]._data, bound["b"]._data))


def matmul(*args, **keywords):
    bound = _bound("matmul", args, keywords)
    a, b = bound.pop("args")
    out = bound.pop("out", None)
    if out is None:
        return wrap(quiet(np.matmul, operand(a), operand(b), **bound))
    quiet(np.matmul, operand(a), operand(b), out=operand(out), **bound)
    return out


SPECIAL = {f.__name__: f for f in (
    array, asarray, asnumpy, empty, where, searchsorted, take_along_axis, sort, argsort, matmul,
    may_share_memory, get_array_module)}
REFUSED = {
    "empty_like": "not modelled: use empty", "take": "index instead", "put": "repeated places",
    "place": "not modelled", "copyto": "not modelled", "fromfunction": "not modelled",
    "vectorize": "not modelled", "asanyarray": "use asarray", "ascontiguousarray": "not modelled",
}

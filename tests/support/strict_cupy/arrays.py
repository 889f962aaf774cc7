"""`ndarray`: a NumPy array behind the rules of a CuPy one; sources in the package's docstring."""
import json
import operator
from pathlib import Path

import numpy as np

from .signatures import bind
from .syncs import synchronised

SURFACE = json.loads(Path(__file__).parent.with_name("cupy_surface.json").read_text())
_HOST = ("Implicit conversion to a NumPy array is not allowed. "
         "Please use `.get()` to construct a NumPy array explicitly.")
_SYNCHRONISING = {"tolist", "item", "tobytes", "dump", "dumps", "tofile"} | {
    name for name, entry in SURFACE["methods"].items() if entry.get("synchronises")}


class RepeatedIndex(IndexError):
    """An assignment names a place twice; on a device it is undefined which value stays."""


def wrap(result):
    """What NumPy answered, as device arrays: a scalar becomes a 0-d array."""
    if isinstance(result, (tuple, list)):
        return type(result)(map(wrap, result))
    if isinstance(result, (np.ndarray, np.generic, bool)):
        array = ndarray.__new__(ndarray)
        array._data = check_dtype(np.asarray(result))
        return array
    return result


def check_dtype(array):
    if array.dtype.char not in "?bhilqBHILQefdFD":
        raise ValueError(f"Unsupported dtype {array.dtype}")
    return array


def operand(value):
    """The data of an operand: an array of the device, or a Python number."""
    if isinstance(value, ndarray):
        return value._data
    if type(value) in (bool, int, float, complex):
        return value
    raise TypeError(f"Unsupported type {type(value)}: no array of the device, no Python number")


def quiet(function, *args, **keywords):
    """Call NumPy as a device would: it raises no floating-point warnings."""
    with np.errstate(all="ignore"):
        return function(*args, **keywords)


class ndarray:
    """A device array; made by the functions of the module, never from a NumPy array by itself."""

    __slots__ = ("_data", "__weakref__")
    __hash__ = None
    __array_priority__ = 100

    def __init__(self, *args, **keywords):
        raise TypeError("strict_cupy.ndarray is made by asarray, zeros, empty, ...")

    T = property(lambda self: wrap(self._data.T))
    real = property(lambda self: wrap(self._data.real))
    imag = property(lambda self: wrap(self._data.imag))
    dtype = property(lambda self: self._data.dtype)
    shape = property(lambda self: self._data.shape)
    strides = property(lambda self: self._data.strides)
    ndim = property(lambda self: self._data.ndim)
    size = property(lambda self: self._data.size)
    nbytes = property(lambda self: self._data.nbytes)
    itemsize = property(lambda self: self._data.itemsize)
    flags = property(lambda self: self._data.flags)
    device = property(lambda self: "strict device")

    # ---- leaving the device

    def __array__(self, *args, **keywords):
        raise TypeError(_HOST)

    def __array_ufunc__(self, ufunc, *args, **keywords):
        raise TypeError(f"numpy.{ufunc.__name__} on a device array: call its own library")

    def __array_function__(self, function, *args):
        raise TypeError(f"numpy.{function.__name__} on a device array: call its own library")

    def get(self, stream=None, order="C", out=None, blocking=True):
        synchronised("get")
        return np.array(self._data, order=order)

    def _scalar(self, kind):
        synchronised(kind.__name__)
        return kind(self._data)

    def __bool__(self):
        return self._scalar(bool)

    def __int__(self):
        return self._scalar(int)

    def __float__(self):
        return self._scalar(float)

    def __complex__(self):
        return self._scalar(complex)

    def __repr__(self):
        synchronised("repr")
        return f"strict {self._data!r}"

    __str__ = __repr__

    def __format__(self, spec):
        return format(repr(self), spec)

    # ---- indexing

    def __len__(self):
        return len(self._data)

    def __iter__(self):
        if not self.ndim:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index):
        return wrap(self._data[self._index(index)])

    def __setitem__(self, index, value):
        data = operand(value)
        index = self._index(index)
        if any(isinstance(item, np.ndarray) and item.dtype.kind != "b" for item in index):
            places = np.arange(self.size).reshape(self.shape)[index].ravel()
            if len(np.unique(places)) < len(places):
                raise RepeatedIndex("an assignment names a place twice: undefined on a device")
        quiet(self._data.__setitem__, index, data)

    def _index(self, index):
        """The NumPy index that does what CuPy does: integers in an array wrap around."""
        items = index if isinstance(index, tuple) else (index,)
        if not any(item is Ellipsis for item in items):
            items = (*items, Ellipsis)      # NumPy answers a scalar to a[0, 0], CuPy a 0-d view
        consumed = [_width(item) for item in items]
        axis, answer = 0, []
        for item, width in zip(items, consumed):
            if item is Ellipsis:
                width = self.ndim - sum(consumed)
            answer.append(self._index_item(item, axis))
            axis += width
        return tuple(answer)

    def _index_item(self, item, axis):
        if isinstance(item, slice):
            for bound in (item.start, item.stop, item.step):
                if bound is not None:
                    operator.index(bound)   # a device array has no __index__
            return item
        if item is None or item is Ellipsis or type(item) is int:
            return item
        if not isinstance(item, ndarray):
            raise TypeError(f"an index of type {type(item)} does not live on the device")
        if _is_mask(item):
            synchronised("boolean index")
            return item._data
        if item.dtype.kind not in "iu":
            raise IndexError("arrays used as indices must be of integer or boolean type. "
                             f"(actual: {item.dtype.type})")
        if axis >= self.ndim:
            raise IndexError("too many indices for array")
        if self.shape[axis] == 0 and item.size:
            raise IndexError("cannot do a non-empty take from an empty axes.")
        return item._data % max(self.shape[axis], 1)

    # ---- the other methods, by their recorded signature

    def __getattr__(self, name):
        entry = SURFACE["methods"].get(name)
        if entry is None or entry["kind"] != "function":
            raise AttributeError(f"'cupy.ndarray' object has no attribute {name!r}")
        return lambda *args, **keywords: self._call(name, entry, args, keywords)

    def _call(self, name, entry, args, keywords):
        bound = bind(f"ndarray.{name}", entry["signature"], args, keywords)
        if name in _SYNCHRONISING:
            synchronised(name)
        if name in ("sort", "argsort"):
            keywords = {**keywords, "kind": stable(bound)}
            args = args[:1]
        for unsupported in ("casting", "subok"):
            if bound.get(unsupported) is not None:
                raise TypeError(f"{unsupported} is not supported yet")
        if name in _REFUSED:
            raise NotImplementedError(f"ndarray.{name}: {_REFUSED[name]}")
        if name in ("fill", "dot", "clip", "compress"):         # elsewhere: axes, shapes, dtypes
            args = [operand(value) for value in args]
        result = quiet(getattr(self._data, name), *args, **keywords)
        if name in ("argmax", "argmin"):
            result = _any_nan(self._data, bound.get("axis"), result)
        if name in ("tolist", "item", "tobytes"):
            return result
        return self if result is self._data else wrap(result)

    def __copy__(self):
        return self.copy()

    def __deepcopy__(self, memo):
        return self.copy()


_REFUSED = {
    "put": "repeated places are undefined, and mode='raise' synchronises",
    "take": "index instead: out-of-range indices wrap around",
    "resize": "CuPy has none", "view": "not modelled", "choose": "not modelled",
    "searchsorted": "use the function",
}


def _any_nan(a, axis, first):
    """What argmax answers, `first`; of several nan the last, for on a device it may be any."""
    nan, axis = (np.isnan(a.reshape(-1)), 0) if axis is None else (np.isnan(a), axis)
    last = nan.shape[axis] - 1 - np.flip(nan, axis).argmax(axis)
    shape = np.shape(first)                             # with the axis, if it was kept
    return np.where(nan.any(axis).reshape(shape), last.reshape(shape), first)


def stable(bound):
    """The `kind` of a sort: CuPy knows the stable one alone, and does it by default."""
    if bound.get("kind") not in (None, "stable"):
        raise ValueError("kind can only be None or 'stable'")
    return "stable"


def _width(item):
    """How many axes an item of an index stands for; an ellipsis takes what is left."""
    return item.ndim if _is_mask(item) else int(not (item is None or item is Ellipsis))


def _is_mask(item):
    return isinstance(item, ndarray) and item.dtype.kind == "b"


def _binary(function):
    def forward(self, other):
        return wrap(quiet(function, self._data, operand(other)))

    def reflected(self, other):
        return wrap(quiet(function, operand(other), self._data))
    return forward, reflected


def _in_place(function):
    def method(self, other):
        other = operand(other)
        quiet(function, self._data, other, out=self._data)
        return self
    return method


for _name, _ufunc in {
        "add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.true_divide,
        "floordiv": np.floor_divide, "mod": np.remainder, "pow": np.power, "matmul": np.matmul,
        "and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor,
        "lshift": np.left_shift, "rshift": np.right_shift}.items():
    _forward, _reflected = _binary(_ufunc)
    setattr(ndarray, f"__{_name}__", _forward)
    setattr(ndarray, f"__r{_name}__", _reflected)
    if f"__i{_name}__" in SURFACE["special_methods"]:      # CuPy has no __imatmul__
        setattr(ndarray, f"__i{_name}__", _in_place(_ufunc))
for _name in ("lt", "le", "gt", "ge", "eq", "ne"):
    setattr(ndarray, f"__{_name}__", _binary(getattr(operator, _name))[0])
for _name in ("neg", "pos", "abs", "invert"):
    setattr(ndarray, f"__{_name}__",
            lambda self, f=getattr(operator, _name): wrap(quiet(f, self._data)))

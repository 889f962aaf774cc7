"""What a pickle of weights may hold, as plain data: labels, storages, tensors, NumPy's arrays.

A global name is a `Global`, a mere label.  "Calling" one looks it up in `CALLS`, whose functions
build the few values below; any other call gives an `Opaque`, another label, which says what would
have been there.  Nothing is imported and nothing of the file is called.

Every function here answers to one of PyTorch's, NumPy's or Python's own, and takes its arguments.
[torch/_utils.py and torch/_tensor.py, 2.13; numpy/_core/multiarray.py, numeric.py]
"""
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from npadasoft.interop.common import WeightFileError, shown


@dataclass(frozen=True)
class Global:
    """A name that the pickle would have imported."""

    name: str


@dataclass(frozen=True, eq=False, slots=True)
class Opaque:
    """What cannot be read, by what it is; `way` says what to do instead."""

    what: str
    way: str = ""


@dataclass(frozen=True)
class Storage:
    """Numbers of a tensor or of several, in a file of their own in the archive."""

    kind: str       # "FloatStorage", ...
    key: str
    numel: int      # bytes in an "UntypedStorage"


@dataclass(frozen=True, eq=False)
class Tensor:
    """A view of a storage."""

    storage: Storage
    offset: Any
    shape: Any
    stride: Any
    dtype: str              # PyTorch's name
    conj: bool = False      # the numbers are the storage's conjugates
    neg: bool = False       # ... negated


@dataclass(eq=False)
class DType:
    """A dtype of NumPy."""

    code: Any
    order: Any = "="


@dataclass(eq=False)
class Array:
    """A NumPy array in the pickle itself."""

    dtype: Any = None
    shape: Any = None
    data: Any = None
    fortran: bool = False


STORAGES = {
    "DoubleStorage": "float64", "FloatStorage": "float32", "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16", "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128", "LongStorage": "int64", "IntStorage": "int32",
    "ShortStorage": "int16", "CharStorage": "int8", "ByteStorage": "uint8", "BoolStorage": "bool",
}


def call(function, arguments):
    """The value of `function(*arguments)`, as the table says, or a label of it."""
    if type(arguments) is not tuple:
        raise WeightFileError("data.pkl calls something with what are no arguments")
    if type(function) is Opaque:
        return function if function.what.startswith("what ") else Opaque(
            f"what {function.what} made")       # of what that made it says no more: it may go on
    if type(function) is not Global:
        raise WeightFileError("data.pkl calls what is no name; nothing was called")
    known = CALLS.get(function.name)
    return known(*arguments) if known else Opaque(f"an object of {shown(function.name)}")


def what(value):
    """A value in words, never in full: it may be nested without end."""
    if type(value) is Opaque:
        return value.what
    if type(value) is Global:
        return f"the name {shown(value.name)}"
    return "None" if value is None else type(value).__name__


def _tensor(storage, offset, shape, stride, _requires_grad=False, _hooks=None, metadata=None):
    """_rebuild_tensor_v2, and _rebuild_tensor, which has no more than the first four."""
    if type(storage) is not Storage:
        raise WeightFileError("a tensor has no storage")
    dtype = STORAGES.get(storage.kind)
    if dtype is None:
        return Opaque(f"a tensor of a {shown(storage.kind)}")
    return _flagged(Tensor(storage, offset, shape, stride, dtype), metadata)


def _tensor_v3(storage, offset, shape, stride, _requires_grad, _hooks, dtype, metadata=None):
    if type(storage) is not Storage or storage.kind != "UntypedStorage":
        raise WeightFileError("a tensor has no storage")
    if type(dtype) is not Global:
        raise WeightFileError("a tensor has no dtype")
    return _flagged(Tensor(storage, offset, shape, stride, dtype.name.removeprefix("torch.")),
                    metadata)


def _flagged(tensor, metadata):
    """The two bits that PyTorch keeps of a lazy conjugate and a lazy minus."""
    if metadata is None:
        return tensor
    if type(metadata) is not dict or not metadata.keys() <= {"conj", "neg"} or not all(
            type(bit) is bool for bit in metadata.values()):
        return Opaque("a tensor with flags that are not known")
    return replace(tensor, **metadata)


def _parameter(data, _requires_grad=False, _hooks=None, _state=None):
    return data


_CLASSES = ("torch.Tensor", "torch._tensor.Tensor", "torch.nn.parameter.Parameter",
            "torch.nn.parameter.Buffer")


def _from_type(function, kind, arguments, _state=None):
    """A tensor with attributes, or of a subclass, whose numbers may mean anything."""
    value = call(function, arguments)
    name = kind.name if type(kind) is Global else "no name"
    if name in _CLASSES:
        return value
    return Opaque(f"a tensor of the class {shown(name)}, which may hold its numbers in its own way",
                  "save a plain tensor, tensor.as_subclass(torch.Tensor) say")


def _device_tensor(data, dtype, _device, _requires_grad=False):
    """A copy on the CPU of a tensor of a device without storages."""
    if type(data) is Tensor and type(dtype) is Global and dtype.name == f"torch.{data.dtype}":
        return data
    return Opaque("a tensor of a device that PyTorch converts on loading", "move it to the CPU")


def _refused(name, way):
    """A function for `CALLS` that makes a label, whatever its arguments are."""
    return lambda *_: Opaque(name, way)


def _ordered(pairs=(), **_):
    """OrderedDict(), of pairs where Python 2 wrote it."""
    found: dict = {}
    for pair in pairs:
        if type(pair) not in (list, tuple) or len(pair) != 2:
            raise WeightFileError("an OrderedDict is made of what are no pairs")
        put(found, *pair)
    return found


_KEYS = (str, bytes, bool, type(None), float, Global)


def put(target, key, value):
    """Set a dict's item; a key may come once.

    Of a key that no name can be (a tuple, an object, an int of any length) only a label is kept:
    its hash may take for ever, or be the hash of all others.
    """
    if type(key) not in _KEYS and not (type(key) is int and abs(key) < 2**60):
        key = Opaque(f"a key of type {what(key)}")
    if key in target:
        raise WeightFileError(f"a dict has the key {shown(key)} twice")
    target[key] = value


def _size(sizes):
    return tuple(sizes) if type(sizes) in (list, tuple) else Opaque("a torch.Size of no numbers")


def _encode(text, encoding="utf-8", *_):
    """Bytes, as protocol 2 writes them."""
    if type(text) is str and encoding == "latin1":
        return text.encode("latin-1")
    return Opaque("an encoded text")


def _frombuffer(data, dtype, shape, order, *_):
    """An array, as protocol 5 writes it."""
    if order not in ("C", "F"):
        return Opaque("an array in an order of its own", "save numpy.ascontiguousarray of it")
    return Array(dtype, shape, data, order == "F")


_NUMPY: dict[str, Callable] = {
    f"numpy{core}.{name}": function for core in (".core", "._core") for name, function in {
        "multiarray._reconstruct": lambda *_: Array(),
        "multiarray.scalar": lambda *_: Opaque("a number of NumPy"),
        "numeric._frombuffer": _frombuffer}.items()}
CALLS: dict[str, Callable] = {
    **_NUMPY,
    "numpy.dtype": lambda code, *_: DType(code),
    "collections.OrderedDict": _ordered,
    "collections.defaultdict": lambda *_: {},
    "builtins.tuple": lambda values=(): tuple(values) if type(values) in (
        list, tuple) else Opaque("a tuple"),
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor_v3": _tensor_v3,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter,
    "torch._tensor._rebuild_from_type_v2": _from_type,
    "torch._tensor._rebuild_from_type": _from_type,
    "torch._utils._rebuild_device_tensor_from_cpu_tensor": _device_tensor,
    "torch._utils._rebuild_sparse_tensor": _refused("a sparse tensor", "save its .to_dense()"),
    "torch._utils._rebuild_qtensor": _refused("a quantized tensor", "save its .dequantize()"),
    "torch._utils._rebuild_nested_tensor": _refused("a nested tensor", "save its .unbind()"),
    "torch._utils._rebuild_meta_tensor_no_storage": _refused(
        "a tensor on the device 'meta', which has no numbers", "load the weights before saving"),
    "torch._utils._rebuild_wrapper_subclass": _refused(
        "a tensor of a wrapper class, which has no numbers of its own", "save plain tensors"),
    "torch.Size": _size,
    "torch.jit._pickle.restore_type_tag": lambda value, _type: value,       # libtorch's dicts
    "_codecs.encode": _encode,
}

"""The few pickle instructions that a PyTorch state dict consists of, carried out on plain data.

This is not an unpickler with a guard in front: nothing here can import a module or call what a file
names.  The instructions listed below are carried out on dicts, lists, tuples, strings and numbers
(the standard library's disassembler knows how their arguments are written), and any other one ends
the reading.  A global name becomes a `Global`, a mere label, and "calling" one looks its label up
in a table of four entries.  The memo is a dict: in CPython's unpickler one instruction of five
bytes makes an array of gigabytes.
"""
import io
import pickletools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from npadasoft.interop.common import WeightFileError, shown

MAX_INSTRUCTIONS = 80_000       # some 2800 tensors; disassembled in well under a second

_LITERALS = {"BINUNICODE", "SHORT_BINUNICODE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"}
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_PUTS = {"BINPUT", "LONG_BINPUT", "MEMOIZE"}
_GETS = {"BINGET", "LONG_BINGET"}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_NOTHING = {"PROTO", "FRAME"}
_METHODS = {"MARK", "TUPLE", "EMPTY_DICT", "EMPTY_LIST", "APPEND", "APPENDS", "SETITEM", "SETITEMS",
            "GLOBAL", "STACK_GLOBAL", "BINPERSID", "REDUCE", "BUILD"}
_ALL = {opcode.code.encode("latin-1"): opcode for opcode in pickletools.opcodes}
_LISTED = {*_LITERALS, *_CONSTANTS, *_PUTS, *_GETS, *_TUPLES, *_NOTHING, *_METHODS, "STOP"}


@dataclass(frozen=True)
class Global:
    """A name that the pickle would have imported."""

    name: str


@dataclass(frozen=True)
class Storage:
    """Numbers of a tensor or of several, in a file of their own in the archive."""

    kind: str       # "FloatStorage", ...
    key: str
    numel: int


@dataclass(frozen=True)
class Tensor:
    """A view of a storage."""

    storage: Storage
    offset: Any
    shape: Any
    stride: Any


def evaluate(data):
    """The value that the pickle `data` describes: dicts, lists, tuples, numbers, `Tensor`s."""
    machine = _Machine()
    try:
        for name, argument in _instructions(io.BytesIO(data)):
            if name == "STOP":
                return machine.result()
            machine.step(name, argument)
    except WeightFileError:
        raise
    except (ValueError, IndexError, KeyError, TypeError, OverflowError, AttributeError) as error:
        raise WeightFileError(f"data.pkl is no sound pickle: {str(error)[:80]}") from None
    raise WeightFileError(f"data.pkl has more than {MAX_INSTRUCTIONS} instructions")


def _instructions(file):
    """Name and argument of each instruction; one that is not listed is not even read."""
    for _ in range(MAX_INSTRUCTIONS):
        code = file.read(1)
        if code not in _ALL:
            raise ValueError(f"{code!r} is no instruction" if code else "it has no end")
        opcode = _ALL[code]
        if opcode.name not in _LISTED:
            raise WeightFileError(f"data.pkl holds the instruction {opcode.name}, which no state "
                                  "dict of PyTorch needs; nothing was carried out")
        if opcode.name == "GLOBAL":         # two lines; the disassembler would undo escapes in them
            yield opcode.name, b"".join([file.readline(), file.readline()]).decode("utf-8")
        else:
            yield opcode.name, opcode.arg.reader(file) if opcode.arg else None


class _Machine:
    """The stack machine of pickle, without the instructions that reach outside."""

    def __init__(self):
        self.stack, self.marks, self.memo = [], [], {}

    def result(self):
        if len(self.stack) != 1 or self.marks:
            raise WeightFileError("data.pkl ends in the middle of a value")
        return self.stack[0]

    def step(self, name, argument):
        """Carry out one instruction."""
        if name in _LITERALS:
            self.stack.append(argument)
        elif name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name])
        elif name in _PUTS:
            self.memo[len(self.memo) if argument is None else argument] = self.stack[-1]
        elif name in _GETS:
            self.stack.append(self.memo[argument])
        elif name in _TUPLES:
            self.stack.append(tuple(self._take(_TUPLES[name])))
        elif name not in _NOTHING:
            getattr(self, "_" + name.lower())(argument)

    def _take(self, n):
        """The top `n` values, taken off the stack."""
        if n > len(self.stack) - (self.marks[-1] if self.marks else 0):
            raise IndexError("the stack is empty")
        taken = self.stack[len(self.stack) - n:]
        del self.stack[len(self.stack) - n:]
        return taken

    def _pop_mark(self):
        """Everything above the last mark, taken off the stack."""
        return self._take(len(self.stack) - self.marks.pop())

    def _mark(self, _):
        self.marks.append(len(self.stack))

    def _tuple(self, _):
        taken = self._pop_mark()
        self.stack.append(tuple(taken))

    def _empty_dict(self, _):
        self.stack.append({})

    def _empty_list(self, _):
        self.stack.append([])

    def _append(self, _):
        self._extend(self._take(1))

    def _appends(self, _):
        self._extend(self._pop_mark())

    def _extend(self, values):
        if type(self.stack[-1]) is not list:
            raise TypeError("values appended to what is no list")
        self.stack[-1].extend(values)

    def _setitem(self, _):
        self._update(self._take(2))

    def _setitems(self, _):
        self._update(self._pop_mark())

    def _update(self, flat):
        """Keys and values in turn, into the dict on the stack; a key may come once."""
        target = self.stack[-1]
        if type(target) is not dict or len(flat) % 2:
            raise TypeError("items set in what is no dict")
        for key, value in zip(flat[::2], flat[1::2]):
            if type(key) not in (str, int):
                raise WeightFileError(f"a dict has a key of type {type(key).__name__}")
            if key in target:
                raise WeightFileError(f"a dict has the key {shown(key)} twice")
            target[key] = value

    def _global(self, argument):
        self.stack.append(_allowed(argument.strip("\n").replace("\n", ".", 1)))

    def _stack_global(self, _):
        module, name = self._take(2)
        self.stack.append(_allowed(f"{module}.{name}"))

    def _binpersid(self, _):
        (description,) = self._take(1)
        tag, kind, key, _, numel = description
        if tag != "storage" or type(kind) is not Global or not kind.name.endswith("Storage"):
            raise WeightFileError("data.pkl refers to something outside that is no storage")
        if type(key) is not str or type(numel) is not int:
            raise WeightFileError("data.pkl describes a storage by other things than name and size")
        self.stack.append(Storage(kind.name.rpartition(".")[2], key, numel))

    def _reduce(self, _):
        function, arguments = self._take(2)
        if type(function) is not Global or type(arguments) is not tuple:
            raise WeightFileError("data.pkl calls what is no name; nothing was called")
        if function.name not in _CALLS:
            raise WeightFileError(f"data.pkl calls {function.name}; nothing was called")
        self.stack.append(_CALLS[function.name](*arguments))

    def _build(self, _):
        target, state = self._take(2)
        if type(target) is not dict or type(state) is not dict or state.keys() != {"_metadata"}:
            raise WeightFileError("data.pkl sets the attributes of an object")
        self.stack.append(target)


def _tensor(storage, offset, shape, stride, _requires_grad=False, _hooks=None, _metadata=None):
    if type(storage) is not Storage:
        raise WeightFileError("a tensor has no storage")
    return Tensor(storage, offset, shape, stride)


_CALLS: dict[str, Callable] = {
    "collections.OrderedDict": lambda: {},
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": lambda data, _requires_grad=False, _hooks=None: data,
    "torch.jit._pickle.restore_type_tag": lambda value, _type: value,       # libtorch's dicts
}
STORAGES = {
    "DoubleStorage": "f8", "FloatStorage": "f4", "HalfStorage": "f2", "BFloat16Storage": "u2",
    "ComplexFloatStorage": "c8", "ComplexDoubleStorage": "c16", "LongStorage": "i8",
    "IntStorage": "i4", "ShortStorage": "i2", "CharStorage": "i1", "ByteStorage": "u1",
    "BoolStorage": "b1",
}
_ALLOWED = {*_CALLS, *(f"torch.{name}" for name in STORAGES)}


def _allowed(name):
    """The label of an allowed global; any other one ends the reading before anything is done."""
    if name not in _ALLOWED:
        raise WeightFileError(
            f"the file names {shown(name)}, so it holds more than tensors: a whole pickled module, "
            "or an object beside the weights. Nothing was imported or run. In PyTorch, save "
            "module.state_dict() alone")
    return Global(name)

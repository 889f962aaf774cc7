"""The pickle instructions that files of weights consist of, carried out on plain data.

This is not an unpickler with a guard in front: nothing here can import a module or call what a file
names.  The instructions below are carried out on dicts, lists, tuples, strings and numbers, and any
other one ends the reading.  Global names become labels (`pickle_values`).  The memo is a dict: in
CPython's unpickler one instruction of five bytes makes an array of gigabytes.

[Lib/pickletools.py of CPython says what each instruction does]
"""
import pickletools
import struct

from npadasoft.interop.common import WeightFileError, shown
from npadasoft.interop.pickle_values import (Array, DType, Global, Opaque, Storage, Tensor, call,
                                             put)

MIN_INSTRUCTIONS = 80_000       # carried out in well under a second, however small the file is


def evaluate(data, limit=MIN_INSTRUCTIONS):
    """The value that the pickle `data` describes: dicts, lists, tuples, numbers, `Tensor`s.

    Raises
    ------
    WeightFileError
        If it is no sound pickle, or has more than `limit` instructions.
    """
    machine = _Machine(data)
    try:
        for _ in range(limit):
            code = data[machine.at]
            machine.at += 1
            if code == _STOP:
                return machine.result()
            step = _STEPS.get(code)
            if step is None:
                raise WeightFileError(_unlisted(code))
            step(machine)
    except WeightFileError:
        raise
    except (ValueError, IndexError, KeyError, TypeError, OverflowError, AttributeError,
            struct.error) as error:
        raise WeightFileError(f"data.pkl is no sound pickle: {str(error)[:80]}") from None
    raise WeightFileError(f"data.pkl has more than {limit} instructions, which is more than a file "
                          "of this size can need")


def _unlisted(code):
    names = {opcode.code: opcode.name for opcode in pickletools.opcodes}
    if chr(code) not in names:
        return f"data.pkl is no sound pickle: {bytes([code])!r} is no instruction"
    return (f"data.pkl holds the instruction {names[chr(code)]}, which no state dict of PyTorch "
            "needs; it was not carried out")


class _Machine:
    """The stack machine of pickle, without the instructions that reach outside."""

    def __init__(self, data):
        self.data, self.at = data, 0
        self.stack, self.marks, self.memo = [], [], {}

    def result(self):
        if len(self.stack) != 1 or self.marks:
            raise WeightFileError("data.pkl ends in the middle of a value")
        return self.stack[0]

    # ------------------------------------------------------------ operands

    def number(self, form):
        """The number that follows, in `struct`'s words."""
        value, = struct.unpack_from(form, self.data, self.at)
        self.at += struct.calcsize(form)
        return value

    def raw(self, n):
        """The `n` bytes that follow."""
        if not 0 <= n <= len(self.data) - self.at:
            raise ValueError("it is cut short")
        self.at += n
        return self.data[self.at - n:self.at]

    def text(self, n):
        """The `n` bytes that follow, as text."""
        return str(self.raw(n), "utf-8", "surrogatepass")

    def line(self):
        end = self.data.index(b"\n", self.at)
        line, self.at = self.data[self.at:end], end + 1
        return line.decode("utf-8")

    # ------------------------------------------------------------ the stack

    def take(self, n):
        """The top `n` values, taken off the stack."""
        floor = self.marks[-1] if self.marks else 0
        if n > len(self.stack) - floor:
            raise IndexError("the stack is empty")
        start = len(self.stack) - n
        taken = self.stack[start:]
        del self.stack[start:]
        return taken

    def pop_mark(self):
        """Everything above the last mark, taken off the stack."""
        if not self.marks:
            raise IndexError("there is no mark")
        start = self.marks.pop()
        taken = self.stack[start:]
        del self.stack[start:]
        return taken

    def extend(self, values):
        target = self.stack[-1]
        if type(target) is list:
            target.extend(values)
        elif type(target) is not Opaque:        # of a list's subclass or a set, nothing is kept
            raise TypeError("values appended to what is no list")

    def update(self, flat):
        """Keys and values in turn, into the dict on the stack."""
        target = self.stack[-1]
        if type(target) is Opaque:
            return
        if type(target) is not dict or len(flat) % 2:
            raise TypeError("items set in what is no dict")
        for key, value in zip(flat[::2], flat[1::2]):
            put(target, key, value)

    # ------------------------------------------------------------ what reaches outside in pickle

    def stack_global(self):
        module, name = self.take(2)
        if type(module) is not str or type(name) is not str:
            raise TypeError("a name that is no text")
        self.stack.append(Global(f"{module}.{name}"))

    def persistent(self):
        (description,) = self.take(1)
        if type(description) is not tuple or len(description) != 5:
            raise WeightFileError("data.pkl refers to something outside that is no storage")
        tag, kind, key, _, numel = description
        if type(tag) is not str or tag != "storage" or type(kind) is not Global or not (
                kind.name.endswith("Storage")):
            raise WeightFileError("data.pkl refers to something outside that is no storage")
        if type(key) is not str or type(numel) is not int:
            raise WeightFileError("data.pkl describes a storage by other things than name and size")
        self.stack.append(Storage(kind.name.rpartition(".")[2], key, numel))

    def reduce(self):
        function, arguments = self.take(2)
        self.stack.append(call(function, arguments))

    def new(self, n):
        """An object of a class, of which a label is kept."""
        kind = self.take(n)[0]
        if type(kind) not in (Global, Opaque):
            raise WeightFileError("data.pkl makes an object of what is no class")
        self.stack.append(call(kind, ()) if type(kind) is Global and kind.name in _DICTS
                          else Opaque(f"an object of {shown(getattr(kind, 'name', 'no class'))}"))

    def build(self):
        """The attributes of an object: of a dict and of a label they change nothing we keep."""
        target, state = self.take(2)
        if type(target) is Array:
            _, target.shape, target.dtype, target.fortran, target.data = state
        elif type(target) is DType:
            target.order = state[1]
        elif type(target) not in (dict, Opaque):
            raise WeightFileError("data.pkl sets the attributes of "
                                  f"{'a tensor' if type(target) is Tensor else 'a plain value'}")
        self.stack.append(target)


_DICTS = ("collections.OrderedDict", "collections.defaultdict")


def _push(value):
    return lambda m: m.stack.append(value() if callable(value) else value)


def _number(form):
    return lambda m: m.stack.append(m.number(form))


def _counted(form, method):
    """A length in `form`, then so many bytes, read by `method`."""
    return lambda m: m.stack.append(method(m, m.number(form)))


def _integer(m, n):
    return int.from_bytes(m.raw(n), "little", signed=True)


def _put(index):
    def step(m):
        m.memo[index(m)] = m.stack[-1]
    return step


def _tuple(n):
    return lambda m: m.stack.append(tuple(m.take(n)))


def _global(m):
    m.stack.append(Global(f"{m.line()}.{m.line()}"))


def _old_bytes(m, n):
    return bytes(m.raw(n)).decode("latin-1")


_STOP = ord(".")
_STEPS = {code[0]: step for code, step in {
    b"\x80": lambda m: m.number("B"),                           # PROTO
    b"\x95": lambda m: m.number("<Q"),                          # FRAME
    b"N": _push(None), b"\x88": _push(True), b"\x89": _push(False), b")": _push(()),
    b"}": _push(dict), b"]": _push(list), b"\x8f": lambda m: m.stack.append(Opaque("a set")),
    b"K": _number("B"), b"M": _number("<H"), b"J": _number("<i"), b"G": _number(">d"),
    b"\x8a": _counted("B", _integer), b"\x8b": _counted("<I", _integer),
    b"X": _counted("<I", _Machine.text), b"\x8c": _counted("B", _Machine.text),
    b"\x8d": _counted("<Q", _Machine.text),
    b"U": _counted("B", _old_bytes), b"T": _counted("<I", _old_bytes),      # Python 2's str
    b"C": _counted("B", _Machine.raw), b"B": _counted("<I", _Machine.raw),
    b"\x8e": _counted("<Q", _Machine.raw), b"\x96": _counted("<Q", _Machine.raw),
    b"q": _put(lambda m: m.number("B")), b"r": _put(lambda m: m.number("<I")),
    b"\x94": _put(lambda m: len(m.memo)),
    b"h": lambda m: m.stack.append(m.memo[m.number("B")]),
    b"j": lambda m: m.stack.append(m.memo[m.number("<I")]),
    b"(": lambda m: m.marks.append(len(m.stack)),
    b"0": lambda m: m.take(1), b"1": _Machine.pop_mark,
    b"\x85": _tuple(1), b"\x86": _tuple(2), b"\x87": _tuple(3),
    b"t": lambda m: m.stack.append(tuple(m.pop_mark())),
    b"a": lambda m: m.extend(m.take(1)), b"e": lambda m: m.extend(m.pop_mark()),
    b"\x90": lambda m: m.extend(m.pop_mark()),                  # ADDITEMS
    b"\x91": lambda m: m.stack.append(Opaque(f"a set of {len(m.pop_mark())}")),
    b"s": lambda m: m.update(m.take(2)), b"u": lambda m: m.update(m.pop_mark()),
    b"c": _global, b"\x93": _Machine.stack_global, b"Q": _Machine.persistent,
    b"R": _Machine.reduce, b"\x81": lambda m: m.new(2), b"\x92": lambda m: m.new(3),
    b"b": _Machine.build,
}.items()}

"""What is asked of a port and what it answers, as arrays; and their form in JSON.

The judge speaks one dialect: weights (out, in), classes from 0.  A port may announce another one
(`layout`, `index_base`), and `to_port` and `from_port` translate, so that its author converts
nothing.
"""
import math
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np

from npadasoft.conformance.wire.strict_json import printable, word_for

PROTOCOL = 1
DTYPES = ("float64", "float32", "float16", "bfloat16")
OPS = ("shapes", "forward", "backward", "log_prob", "log_prob_backward", "predict", "topk",
       "jvp", "log_prob_jvp", "hvp", "embed", "embed_backward")
LINEAR = ("linear", "linear_backward")      # the head alone: cases without cutoffs
ERROR_KINDS = ("target", "shape", "cutoffs", "config", "dtype", "unsupported", "other")

SHIFTED_TENSORS = ("target", "index", "predict", "tail.*.relative_target", "head_column",
                   "topk.index")
INTEGER_TENSORS = (*SHIFTED_TENSORS, "cluster", "k")      # index_base shifts the others, not these
MOST_AXES = 8
WEIGHTS = ("head.weight", "tail.*.0.weight", "tail.*.1.weight")


class BadMessage(ValueError):
    """A message that does not keep to the protocol; the text is for the author of the port."""


@dataclass(frozen=True)
class PortInfo:
    """What a port says of itself when it is started."""

    name: str
    version: str = ""
    language: str = ""
    dtypes: tuple[str, ...] = ("float64",)
    ops: tuple[str, ...] = OPS
    trace: tuple[str, ...] = ()
    layout: Any = "out_in"              # or "in_out", or {pattern: layout}
    index_base: int = 0
    unknown: tuple[str, ...] = ()       # dtypes and operations that are none here

    def traces(self, name):
        """Whether the port shows the intermediate tensor `name`."""
        return any(matches(pattern, name) for pattern in self.trace)


@dataclass(frozen=True)
class Request:
    """One operation on one case in one dtype; arrays are float64 or int64, and exact."""

    id: str
    op: str
    dtype: str
    config: dict
    params: dict = field(default_factory=dict)
    inputs: dict = field(default_factory=dict)
    cotangents: dict = field(default_factory=dict)
    want: tuple[str, ...] = ()
    tangents: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """What came back: results, or the shapes, or an error, or a skip."""

    results: dict = field(default_factory=dict)         # name -> float64 array
    shapes: dict | None = None                          # name -> tuple of int
    error: tuple[str, str] | None = None                # kind, message
    skipped: tuple[str, str | None] | None = None       # reason, address of the issue
    notes: tuple[str, ...] = ()
    unasked: tuple[str, ...] = ()                       # names in the results that nobody wanted


@lru_cache(maxsize=4096)
def matches(pattern, name):
    """Whether `name` fits `pattern`, where * stands for one part between dots.

    Examples
    --------
    >>> matches("tail.*.hidden", "tail.3.hidden"), matches("tail.*", "tail.3.hidden")
    (True, False)
    """
    wanted, parts = pattern.split("."), name.split(".")
    return len(wanted) == len(parts) and all(w in ("*", p) for w, p in zip(wanted, parts))


@lru_cache(maxsize=4096)
def is_integer(name):
    """Whether the tensor `name` holds integers."""
    return any(matches(pattern, name) for pattern in INTEGER_TENSORS)


# ------------------------------------------------------------------ dialects of a port

def to_port(request, info):
    """The request in the dialect of the port: weights transposed, classes shifted."""
    base = info.index_base
    config = dict(request.config)
    for name in ("ignore_index", "padding_index"):
        if config.get(name) is not None:
            config[name] += base
    inputs = {name: a + base if is_shifted(name) else a for name, a in request.inputs.items()}
    params, tangents = ({name: _turned(name, a, info.layout) for name, a in group.items()}
                        for group in (request.params, request.tangents))
    return replace(request, config=config, inputs=inputs, params=params, tangents=tangents)


def from_port(answer, info):
    """The answer in the judge's dialect."""
    results = {}
    for name, array in answer.results.items():
        if is_shifted(name):
            array = array - info.index_base
        results[name] = _turned(weight_of(name), array, info.layout)
    shapes = answer.shapes and {
        name: tuple(reversed(s)) if _layout(name, info.layout) == "in_out" and len(s) == 2 else s
        for name, s in answer.shapes.items()}
    return replace(answer, results=results, shapes=shapes)


@lru_cache(maxsize=4096)
def is_shifted(name):
    """Whether `index_base` counts in the tensor `name`."""
    return any(matches(pattern, name) for pattern in SHIFTED_TENSORS)


def is_turned(name, layout):
    """Whether the port has the weight `name`, or its gradient, as (in, out)."""
    name = weight_of(name)
    return name.endswith(".weight") and _layout(name, layout) == "in_out"


def weight_of(name):
    """The weight whose gradient, or product with the Hessian, the tensor `name` is."""
    return name.removeprefix("grad.").removeprefix("hvp.")


def _layout(name, layout):
    """out_in or in_out for the weight `name`."""
    if isinstance(layout, str):
        return layout
    return next((value for pattern, value in layout.items() if matches(pattern, name)), "out_in")


def _turned(name, array, layout):
    is_weight = name.endswith(".weight") and array.ndim == 2
    return array.T if is_weight and _layout(name, layout) == "in_out" else array


# ------------------------------------------------------------------ JSON

def encode_tensor(name, array):
    """{"shape", "data"}: flat, C order; nan and inf are strings."""
    array = np.asarray(array)
    data: list
    if is_integer(name):
        data = [int(v) for v in array.ravel()]
    else:
        numbers = array.astype(np.float64).ravel().tolist()
        data = [v if math.isfinite(v) else str(v) for v in numbers]
    return {"shape": list(array.shape), "data": data}


def encode_request(request, seq):
    """The message of `Request`, of the kind `run` or `shapes`."""
    if request.op == "shapes":
        return {"cmd": "shapes", "seq": seq, "id": request.id, "dtype": request.dtype,
                "config": request.config}
    groups = {group: {name: encode_tensor(name, a) for name, a in getattr(request, group).items()}
              for group in ("params", "inputs", "cotangents", "tangents")
              if group != "tangents" or request.tangents}
    return {"cmd": "run", "seq": seq, "id": request.id, "op": request.op, "dtype": request.dtype,
            "config": request.config, **groups, "want": list(request.want)}


def decode_answer(message, request):
    """The `Answer` in a message to `request`, whose arrays have the port's dialect.

    Raises
    ------
    BadMessage
        If it is none; the text says what to write.
    """
    if isinstance(message.get("error"), dict):
        error = message["error"]
        kind, text = error.get("kind", "other"), error.get("message", "")
        return Answer(error=(_text(kind, 40), _text(text)))
    if message.get("skipped") is True:
        url = message.get("issue_url")
        return Answer(skipped=(_text(message.get("reason", "no reason given")),
                               None if url is None else _text(url)))
    key = "shapes" if request.op == "shapes" else "results"
    found = message.get(key)
    if not isinstance(found, dict):
        raise BadMessage(f'an answer to {request.op} holds "{key}", "error" or "skipped"; '
                         f"found the keys {_text(', '.join(message))}")
    if key == "shapes":
        return Answer(shapes={name: decode_shape(value, name) for name, value in found.items()})
    return _results(found, request)


def _results(found, request):
    results, notes = {}, []
    for name in request.want:
        if name not in found:
            continue
        value = found[name]
        if value is None and name.startswith(("grad.tail.", "hvp.tail.", "grad.bands.")):
            weight = request.params.get(weight_of(name))
            if weight is not None:
                notes.append(f"{name}: null was read as zeros of full shape")
                results[name] = np.zeros(weight.shape)
                continue
        results[name] = decode_tensor(value, name)
    unasked = tuple(_text(name, 60) for name in found if name not in request.want)
    return Answer(results=results, notes=tuple(notes), unasked=unasked)


def decode_shape(value, name):
    """A shape: a tuple of a few non-negative Python ints."""
    good = isinstance(value, list) and len(value) <= MOST_AXES and all(
        type(n) in (int, float) and 0 <= n < 2**63 and n == int(n) for n in value)
    if not good:
        raise BadMessage(f"{_text(name, 60)}: a shape is a list of at most {MOST_AXES} integers "
                         f">= 0; found {describe(value)}")
    return tuple(int(n) for n in value)


def decode_tensor(value, name):
    """The float64 array of {"shape", "data"}; nothing is allocated before the two agree."""
    if not isinstance(value, dict) or "shape" not in value or "data" not in value:
        raise BadMessage(f'{name}: a tensor is written {{"shape": [...], "data": [...]}}, flat; '
                         f"found {describe(value)}")
    shape, data = decode_shape(value["shape"], name), value["data"]
    if not isinstance(data, list):
        raise BadMessage(f"{name}: data is one flat list of numbers; found {describe(data)}")
    if math.prod(shape) != len(data):
        raise BadMessage(f"{name}: shape {list(shape)} holds {math.prod(shape)} numbers, "
                         f"but data has {len(data)}")
    return np.array([decode_number(v, name, i) for i, v in enumerate(data)],
                    dtype=np.float64).reshape(shape)


def decode_number(value, name, i):
    """A float; nan and infinities are strings."""
    if type(value) in (int, float):
        try:
            return float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf
    if isinstance(value, str) and value.strip().lower() in ("nan", "inf", "-inf", "+inf"):
        return float(value)
    word = word_for(value) if isinstance(value, str) else None
    if word:
        raise BadMessage(f'{name}[{i}]: write the string "{word}" for {describe(value)}')
    raise BadMessage(f'{name}[{i}]: a number must stand here ("nan", "inf" and "-inf" are '
                     f"strings); found {describe(value)}")


def describe(value):
    """What a JSON value is, in a few words."""
    if value is None:
        return "null"
    if isinstance(value, dict):
        keys = _text(", ".join(value), 80)
        return f"an object with the keys {keys}" if value else "an empty object"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return _text(repr(value), 60)


def _text(value, longest=300):
    return printable(value if isinstance(value, str) else describe(value), longest)


def decode_info(message):
    """The `PortInfo` in the answer to `start`."""
    if message.get("protocol") != PROTOCOL:
        raise BadMessage(f"the port speaks protocol {describe(message.get('protocol'))}, "
                         f"this is protocol {PROTOCOL}")
    who = message.get("implementation")
    who = who if isinstance(who, dict) else {}
    dtypes = _names(message, "dtypes", DTYPES)
    layout, base = message.get("layout", "out_in"), message.get("index_base", 0)
    values = layout.values() if isinstance(layout, dict) else [layout]
    if any(v not in ("out_in", "in_out") for v in values):
        raise BadMessage('layout is "out_in", "in_out" or an object {pattern: one of these}; '
                         f"found {describe(layout)}")
    for pattern, value in layout.items() if isinstance(layout, dict) else ():
        if value == "in_out" and not _names_a_weight(pattern):
            raise BadMessage(f"layout: {_text(pattern, 60)} is the name of no weight: they are "
                             f"{', '.join(WEIGHTS)}, where * stands for one part")
    if base not in (0, 1) or isinstance(base, bool):
        raise BadMessage(f"index_base is 0 or 1; found {describe(base)}")
    return PortInfo(name=_text(who.get("name", "a port without a name"), 80),
                    version=_text(who.get("version", ""), 40),
                    language=_text(who.get("language", ""), 40),
                    dtypes=dtypes, ops=_names(message, "ops", OPS + LINEAR),
                    trace=_names(message, "trace", None), layout=layout, index_base=base,
                    unknown=tuple(_text(v, 40) for key, known in (
                        ("dtypes", DTYPES), ("ops", OPS + LINEAR))
                        for v in message[key][:100] if v not in known))


def _names_a_weight(pattern):
    """Whether a name, or a pattern, fits a weight of some layer."""
    tail, _, rest = pattern.partition(".")
    number, _, rest = rest.partition(".")
    first = f"tail.0.{rest}" if tail == "tail" and number.isdigit() else pattern
    return any(matches(first, name.replace("*", "0", 1)) for name in WEIGHTS)


def _names(message, key, known):
    found = message.get(key, [] if known is None else None)
    if not isinstance(found, list) or not all(isinstance(v, str) and len(v) <= 100 for v in found):
        raise BadMessage(f'"{key}" is a list of names; found {describe(found)}')
    if known is not None and not set(found) & set(known):
        raise BadMessage(f'"{key}" names none of {", ".join(known)}; '
                         f"found {_text(str(found), 120)}")
    return tuple(v for v in found[:100] if known is None or v in known)

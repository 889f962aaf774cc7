"""What is asked of a port and what it answers, as arrays (their form in JSON: encoding.py).

The judge speaks one dialect: weights (out, in), classes from 0.  A port may announce another one
(`layout`, `index_base`), and `to_port` and `from_port` translate, so that its author converts
nothing.
"""
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

PROTOCOL = 1
DTYPES = ("float64", "float32", "float16", "bfloat16")
OPS = ("shapes", "forward", "backward", "log_prob", "log_prob_backward", "predict", "topk",
       "jvp", "log_prob_jvp", "hvp", "embed", "embed_backward")
LINEAR = ("linear", "linear_backward")      # the head alone: cases without cutoffs
ERROR_KINDS = ("target", "shape", "cutoffs", "config", "dtype", "unsupported", "other")

SHIFTED_TENSORS = ("target", "index", "predict", "tail.*.relative_target", "head_column",
                   "topk.index")
INTEGER_TENSORS = (*SHIFTED_TENSORS, "cluster", "k")      # index_base shifts the others, not these
WEIGHTS = ("head.weight", "tail.*.0.weight", "tail.*.1.weight")


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

"""Which known mistakes give a port's numbers on a case.

A port's numbers and a mistake's are both wrong, so that no bound is stored for their difference.
Each is what some sane evaluation of the mistake gives; two of them differ by at most twice the
bound of one.  Its size is taken from the right value's bound, and from the mistake's own number
where that is larger: SLACK · u · |number| covers a sum of as many terms as a case has.
"""
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from npadasoft.conformance.judge.compare import Key, blocks, terms
from npadasoft.conformance.judge.numbers import round_to, tiny, unit
from npadasoft.conformance.judge.plan import by_operation, requests_of
from npadasoft.conformance.mistakes.known import MISTAKES, both
from npadasoft.conformance.mistakes.layer import Layer
from npadasoft.conformance.mistakes.planted import Planted, silently

SLACK = 64
NARROW = ("float16", "bfloat16")        # the mistakes are computed in float32 for these

PAIRS = (
    ("columns-descending", "boundary"),
    ("columns-descending", "loss-is-a-sum"),
    ("columns-descending", "output-is-a-loss"),
    ("columns-descending", "output-grouped-by-cluster"),
    ("loss-is-a-sum", "gradient-of-a-sum"),
    ("loss-is-a-sum", "no-head-bias"),
    ("output-is-a-loss", "gradients-negated"),
    ("loss-not-negated", "cotangent-of-loss-negated"),
    ("boundary", "loss-is-a-sum"),
    ("matrices-read-by-columns", "gradients-laid-out-by-columns"),
    ("projections-read-by-columns", "projection-gradients-laid-out-by-columns"),
    ("tanh-in-the-tail", "no-head-bias"),
    ("input-gradient-of-the-head-alone", "tails-do-not-train"),
    ("column-off-by-one", "boundary"),
    ("reduction-ignored", "columns-descending"),
)


def requests(case, dtype):
    """What is asked of a planted layer on a case."""
    return _requests(Key(case), "float32" if dtype in NARROW else dtype)


@lru_cache(maxsize=512)
def _requests(key, dtype):
    return requests_of(key.objects[0], dtype, Planted.info)[0]


def contents(answer):
    """Name -> array of one Answer, shapes among them; None where it is an error."""
    if answer.error:
        return None
    shapes = {name: np.array(shape) for name, shape in (answer.shapes or {}).items()}
    return {**answer.results, **shapes}


@lru_cache(maxsize=None)
def steps(layer_class):
    """Names of the steps that a mistake replaces."""
    replaced: set[str] = set()
    for parent in layer_class.__mro__[:layer_class.__mro__.index(Layer)]:
        replaced |= {name for name in vars(parent) if not name.startswith("__")}
    return frozenset(replaced)


class Candidates:
    """What each known mistake gives on one case, computed once, when it is asked for."""

    def __init__(self, case, dtype):
        self.requests = {request.op: request for request in requests(case, dtype)}
        self.right, self.taken = {}, {}
        self._given: dict = {}
        self._showing: dict = {}
        for op, request in self.requests.items():
            taken = self.taken[op] = {"shapes", "check", "hidden_size"} if op == "shapes" else set()
            answer = Planted(_watched(taken)).run(request)
            self.right[op] = contents(answer)
            self._given[Layer, op] = answer, self.right[op]
            if answer.error:                            # it might have gone further
                taken |= set(dir(Layer))

    def touches(self, layer_class, op):
        """Whether a mistake can be seen in an operation: the right layer takes its step."""
        return not steps(layer_class).isdisjoint(self.taken[op])

    def showing(self, ops):
        """Those of `layers()` that can be seen in all of these operations."""
        ops = tuple(ops)
        if ops not in self._showing:
            self._showing[ops] = [(name, c) for name, c in layers()
                                  if all(self.touches(c, op) for op in ops)]
        return self._showing[ops]

    @silently
    def answers(self, layer_class):
        """Operation -> Answer of a layer with a mistake."""
        return {op: self._run(layer_class, op)[0] for op in self.requests}

    def answer(self, layer_class, op):
        """Name -> array that a layer with a mistake gives in one operation, or None.

        To be called `silently`: a context for each would take a tenth of all time.
        """
        return self._run(layer_class, op)[1]

    def error(self, layer_class, op):
        """(kind, message) of a layer with a mistake that answers an error, or None."""
        return self._run(layer_class, op)[0].error

    def _run(self, layer_class, op):
        if not self.touches(layer_class, op):
            layer_class = Layer
        if (layer_class, op) not in self._given:
            answer = Planted(layer_class).ask(self.requests[op])
            self._given[layer_class, op] = answer, contents(answer)
        return self._given[layer_class, op]


def _watched(taken):
    """The right layer, which notes the steps that it takes."""
    class Watched(Layer):
        def __getattribute__(self, name):
            taken.add(name)
            return super().__getattribute__(name)
    return Watched


@lru_cache(maxsize=1)
def layers():
    """(name, class) of each known mistake that shows on one case alone, then of likely pairs."""
    singles = [(name, m.layer_class) for name, m in MISTAKES.items() if not m.state]
    return singles + [(" + ".join(names), both(*(MISTAKES[n] for n in names))) for names in PAIRS]


def candidates_of(case, dtype):
    """The `Candidates` of a case, kept for the next question."""
    return _candidates(Key(case), dtype)


@lru_cache(maxsize=512)
def _candidates(key, dtype):
    return Candidates(key.objects[0], dtype)


class _Block(NamedTuple):
    """What is stored of a tensor that matters here."""

    at: list | None = None
    limits: Any = None              # err, or err_sharp
    sharp: bool = False


@lru_cache(maxsize=512)
def _scale(key):
    """Name -> _Block of a case, and the terms of its longest sum."""
    case, = key.objects
    if case["result"] == "error":
        return {}, 1
    stored = {name: _Block(block.get("at"), _limits(block), "err_sharp" in block)
              for name, block in blocks(case)[0].items() if "shape" in block}
    return stored, terms(case) if case.get("inputs") else 1


def _limits(block):
    err = block.get("err_sharp") or block.get("err")
    return None if err is None else np.array([float(e) for e in err])


class Given:
    """What a port gave in one operation of a case, ready to be held against many mistakes.

    Parameters
    ----------
    case : mapping
    dtype : str
    op : str
    arrays : mapping, or None
        Name -> array; None where the port refused.
    """

    def __init__(self, case, dtype, op, arrays):
        self.dtype, self.op, self.arrays = dtype, op, arrays
        stored, n_terms = _scale(Key(case))
        self.floor = 2 * n_terms * tiny(dtype)
        self.tensors = sorted((_ready(name, np.asarray(a, float), stored.get(name, _Block()), dtype)
                               for name, a in (arrays or {}).items()), key=lambda t: t.got.size)

    @property
    def names(self):
        """Names of what was answered."""
        return self.arrays or {}

    def agrees(self, mine):
        """Whether another answer (name -> array, or None) is the same to rounding.

        None where the two have no tensor in common.
        """
        if mine is None or self.arrays is None:
            return mine is None and self.arrays is None
        if self.op == "shapes" and self.arrays.keys() - mine.keys():
            return False                                # one weight too many is a difference
        common = [tensor for tensor in self.tensors if tensor.name in mine]
        with np.errstate(invalid="ignore", over="ignore"):
            return all(self._close(t, np.asarray(mine[t.name], float)) for t in common) \
                if common else None

    def _close(self, tensor, mine):
        """Whether one tensor is the same to rounding."""
        if tensor.shape != mine.shape or tensor.got.size and self._far(tensor, mine):
            return False
        mine = mine.ravel() if tensor.at is None else mine.ravel()[tensor.at]
        mine = round_to(mine, self.dtype)
        gap, size = np.abs(tensor.got - mine), np.abs(mine)
        allowed = size * (2 * SLACK * unit(self.dtype))
        allowed += tensor.err * size if tensor.sharp else tensor.err
        allowed += self.floor
        if (gap > allowed).any():
            return False
        close = gap <= allowed
        if close.all() and np.isfinite(allowed).all():
            return True
        got = tensor.got
        close &= np.isfinite(got) & np.isfinite(mine)   # an infinite number's bound is infinite
        return bool((close | (got == mine) | (np.isnan(got) & np.isnan(mine))).all())

    def _far(self, tensor, mine):
        """Whether the first number alone tells: it does for most mistakes, and takes no time."""
        got, mine = float(tensor.got[0]), float(mine.flat[tensor.at[0] if tensor.at else 0])
        err = float(tensor.err[0]) * (abs(mine) if tensor.sharp else 1.0)
        # one SLACK more than below: `mine` is not rounded yet
        return abs(got - mine) > 2 * SLACK * unit(self.dtype) * 2 * abs(mine) + err + self.floor


class _Ready(NamedTuple):
    """A tensor that a port gave, flat, and twice the bound of each number, relative if `sharp`."""

    name: str
    shape: tuple
    at: list | None
    got: np.ndarray
    err: Any
    sharp: bool


def _ready(name, got, block, dtype):
    """`_Ready`; where no bound is stored of a number, that of the tensor is taken."""
    at = None if block.at is None or got.size <= max(block.at, default=-1) else block.at
    flat, err = got.ravel() if at is None else got.ravel()[at], block.limits
    if err is None or len(err) != flat.size:
        err = np.zeros(1)
    elif not block.sharp:
        err = np.where(err > 0, err, err.max(initial=0.0))
    return _Ready(name, got.shape, at, round_to(flat, dtype), 2 * unit(dtype) * err,
                  block.sharp and len(err) == flat.size)


def same(case, dtype, got, mine):
    """Whether two answers to a case are the same to rounding."""
    return bool(Given(case, dtype, "forward", got).agrees(mine))


def given(case, dtype, answers):
    """Operation -> `Given`, of all that a port answered on a case.

    Parameters
    ----------
    case : mapping
    dtype : str
    answers : mapping
        Operation -> name -> array, in the judge's dialect (of `shapes`, name of a weight -> its
        shape as an array), or None where it refused.
    """
    ops = candidates_of(case, dtype).requests
    return {op: Given(case, dtype, op, arrays) for op, arrays in answers.items() if op in ops}


def wrong_ops(case, dtype, found):
    """The operations in which what a port gave is not what the right layer gives."""
    right = candidates_of(case, dtype).right
    return [op for op, got in found.items() if got.agrees(right[op]) is False]


def gives(there, found, wrong, layer_class):
    """Whether a mistake gives the port's answer to every operation that it answered.

    Parameters
    ----------
    there : Candidates
        Of the case.
    found : mapping
        Operation -> Given.
    wrong : sequence of str
        Operations whose answer is not the right one, and in which the mistake can be seen.
    layer_class : type
    """
    return all(found[op].agrees(there.answer(layer_class, op)) is not False for op in wrong) and \
        all(found[op].agrees(there.answer(layer_class, op)) is not False for op in found
            if op not in wrong and there.touches(layer_class, op))


@silently
def diagnose(case, dtype, answers):
    """The known mistakes that give these numbers.

    Parameters
    ----------
    case : mapping
    dtype : str
    answers : mapping
        Tensor name -> array, as the port gave them, in the judge's dialect; of `shapes`, name of a
        weight -> its shape as an array.

    Returns
    -------
    list of str
        Single mistakes; pairs ("a + b") where none is enough.
    """
    found = given(case, dtype, by_operation(case, answers))
    wrong = wrong_ops(case, dtype, found)
    if not wrong:
        return []
    there = candidates_of(case, dtype)
    names: list[str] = []
    for name, layer_class in there.showing(wrong):  # pairs come last
        if " + " in name and names:
            break                                   # one mistake is enough
        if gives(there, found, wrong, layer_class):
            names.append(name)
    return names

"""Which known mistakes give a port's numbers on a case.

A port's numbers and a mistake's are both wrong, so that no bound is stored for their difference.
Each is what some sane evaluation of the mistake gives; two of them differ by at most twice the
bound of one.  Its size is taken from the right value's bound, and from the mistake's own number
where that is larger: SLACK · u · |number| covers a sum of as many terms as a case has.
"""
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from npadasoft.conformance.judge.compare import Key, blocks, stored, terms
from npadasoft.conformance.judge.numbers import round_to, tiny, unit
from npadasoft.conformance.judge.plan import by_operation
from npadasoft.conformance.mistakes.candidates import candidates_of
from npadasoft.conformance.mistakes.planted import silently

SLACK = 64


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
    tensors = {name: _Block(block.get("at"), _limits(block), "err_sharp" in block)
               for name, block in blocks(case)[0].items() if "shape" in block}
    return tensors, terms(case) if case.get("inputs") else 1


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
        self._agreed: dict = {}
        of, n_terms = _scale(Key(case))
        self.floor = 2 * n_terms * tiny(dtype)
        self.tensors = sorted((_ready(name, np.asarray(a, float), of.get(name, _Block()), dtype)
                               for name, a in (arrays or {}).items()), key=lambda t: t.got.size)

    @property
    def names(self):
        """Names of what was answered."""
        return self.arrays or {}

    def agrees(self, mine):
        """Whether another answer (name -> array, or None) is the same to rounding.

        None where the two have no tensor in common.  To be called `silently`.
        """
        if id(mine) not in self._agreed:                # most mistakes share the right answer
            self._agreed[id(mine)] = mine, self._agrees(mine)
        return self._agreed[id(mine)][1]

    def _agrees(self, mine):
        if mine is None or self.arrays is None:
            return mine is None and self.arrays is None
        if self.op == "shapes" and self.arrays.keys() != mine.keys():
            return False                        # one weight too many or too few is a difference
        common = [tensor for tensor in self.tensors if tensor.name in mine]
        for tensor in common:
            if not self._close(tensor, np.asarray(mine[tensor.name], float)):
                return False
        return True if common else None

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

    def is_far(self, dues):
        """Whether stored numbers (name -> Due) tell that it is not the right answer.

        A right layer's numbers are within the bound of these: what is farther from them than twice
        what may be between two layers need not be held against a right layer's.
        """
        return any(t.name in dues and self._far_from(t, dues[t.name]) for t in self.tensors)

    def _far_from(self, tensor, due):
        want = due.want.ravel()
        if tensor.got.shape != want.shape:
            return False
        size = np.abs(want)
        allowed = size * (2 * SLACK * unit(self.dtype)) + self.floor
        allowed += tensor.err * size if tensor.sharp else tensor.err
        far = ~(np.abs(tensor.got - want) <= 2 * allowed)
        return bool((far & np.isfinite(due.target.ravel()) & np.isfinite(allowed)).any())

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


@silently
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
    right, dues = candidates_of(case, dtype).right, _dues(Key(case), dtype)
    return [op for op, got in found.items()
            if got.is_far(dues) or got.agrees(right[op]) is False]


@lru_cache(maxsize=512)
def _dues(key, dtype):
    """Name -> Due of the numbers that are stored of a case; none where several may be right."""
    case, = key.objects
    if case["result"] != "valid":
        return {}
    return {name: stored(block, dtype, terms(case)) for name, block in blocks(case)[0].items()
            if "data" in block}


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

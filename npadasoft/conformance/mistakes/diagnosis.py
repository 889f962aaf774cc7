"""Which known mistakes give a port's numbers on a case.

A port's numbers and a mistake's are both wrong, so that no bound is stored for their difference.
Each is what some sane evaluation of the mistake gives; two of them differ by at most twice the
bound of one.  Its size is taken from the right value's bound, and from the mistake's own number
where that is larger: SLACK · u · |number| covers a sum of as many terms as a case has.
"""
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from npadasoft.conformance.golden.vectors_io import load
from npadasoft.conformance.judge.compare import blocks, terms
from npadasoft.conformance.judge.numbers import round_to, tiny, unit
from npadasoft.conformance.judge.plan import in_order, representable, requests_of
from npadasoft.conformance.mistakes.known import MISTAKES, both
from npadasoft.conformance.mistakes.layer import Layer, Planted

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
    ("head-not-normalised", "tails-not-normalised"),
)


def requests(case, dtype):
    """What is asked of a planted layer on a case."""
    return _requests(_Key(case, "float32" if dtype in NARROW else dtype))


@lru_cache(maxsize=512)
def _requests(key):
    return requests_of(key.case, key.dtype, Planted.info)[0]


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
    return replaced


class Candidates:
    """What each known mistake gives on one case, computed once, when it is asked for."""

    def __init__(self, case, dtype):
        self.requests = {request.op: request for request in requests(case, dtype)}
        self.right, self.taken = {}, {}
        self._given: dict = {}
        for op, request in self.requests.items():
            taken = self.taken[op] = {"shapes", "check", "hidden_size"} if op == "shapes" else set()
            answer = Planted(_watched(taken)).run(request)
            self.right[op] = contents(answer)
            self._given[Layer, op] = answer, self.right[op]
            if answer.error:                            # it might have gone further
                taken |= set(vars(Layer))

    def touches(self, layer_class, op):
        """Whether a mistake can be seen in an operation: the right layer takes its step."""
        return bool(steps(layer_class) & self.taken[op])

    def answers(self, layer_class):
        """Operation -> Answer of a layer with a mistake."""
        return {op: self._run(layer_class, op)[0] for op in self.requests}

    def answer(self, layer_class, op):
        """Name -> array that a layer with a mistake gives in one operation, or None."""
        return self._run(layer_class, op)[1]

    def _run(self, layer_class, op):
        if not self.touches(layer_class, op):
            layer_class = Layer
        if (layer_class, op) not in self._given:
            answer = Planted(layer_class).run(self.requests[op])
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
    """(names, class) of each known mistake that shows on one case alone, and of likely pairs."""
    singles = [((name,), m.layer_class) for name, m in MISTAKES.items() if not m.state]
    pairs = [(names, both(*(MISTAKES[n] for n in names))) for names in PAIRS]
    return singles + pairs


def candidates_of(case, dtype):
    """The `Candidates` of a case, kept for the next question."""
    return _candidates(_Key(case, dtype))


@lru_cache(maxsize=512)
def _candidates(key):
    return Candidates(key.case, key.dtype)


class _Key:
    """A case and a dtype, hashed by which object the case is: cases themselves cannot be."""

    def __init__(self, case, dtype):
        self.case, self.dtype = case, dtype

    def __hash__(self):
        return hash((id(self.case), self.dtype))

    def __eq__(self, other):
        return self.case is other.case and self.dtype == other.dtype


@lru_cache(maxsize=None)
def _in_a_run(dtype):
    """The cases of a dtype as a run puts them, always the same objects."""
    return [case for case in in_order(load()) if representable(case, dtype)]


@lru_cache(maxsize=256)
def _after_others(key):
    """(names, answers) of mistakes of state, after what may have been put before this case."""
    cases = _in_a_run(key.dtype)
    at = next((k for k, c in enumerate(cases) if c["id"] == key.case["id"]), 0)
    found = []
    for before in (*(cases[max(at - n, 0):at] for n in (1, 2, 3)), [key.case]):
        for name, mistake in MISTAKES.items():
            if mistake.state:
                port = Planted(mistake.layer_class)
                for request in (r for c in [*before, key.case] for r in requests(c, key.dtype)):
                    answer = port.run(request)
                    if request.id == key.case["id"]:
                        found.append(((name,), request.op, contents(answer)))
    return found


def same(case, dtype, got, mine):
    """Whether two answers to a case are the same to rounding."""
    stored, n_terms = _scale(_Key(case, dtype))
    names = [name for name in got if name in mine]
    return bool(names) and all(
        _close(np.asarray(got[name], float), np.asarray(mine[name], float),
               stored.get(name, _Block()), dtype, n_terms) for name in names)


class _Block(NamedTuple):
    """What is stored of a tensor that matters here."""

    at: list | None = None
    limits: Any = None              # err, or err_sharp
    sharp: bool = False


@lru_cache(maxsize=512)
def _scale(key):
    """Name -> _Block of a case, and the terms of its longest sum."""
    case = key.case
    if case["result"] == "error":
        return {}, 1
    stored = {name: _Block(block.get("at"), _limits(block), "err_sharp" in block)
              for name, block in blocks(case)[0].items() if "shape" in block}
    return stored, terms(case) if case.get("inputs") else 1


def _limits(block):
    err = block.get("err_sharp") or block.get("err")
    return None if err is None else np.array([float(e) for e in err])


def _close(got, mine, block, dtype, n_terms):
    if got.shape != mine.shape:
        return False
    if block.at is not None:
        got, mine = got.ravel()[block.at], mine.ravel()[block.at]
    got, mine = round_to(got, dtype).ravel(), round_to(mine, dtype).ravel()
    with np.errstate(invalid="ignore", over="ignore"):
        gap = np.abs(got - mine)
        allowed = 2 * unit(dtype) * (_err(block, mine) + SLACK * np.abs(mine))
        allowed += 2 * n_terms * tiny(dtype)
        if (gap > allowed).any():
            return False
        close = gap <= allowed
    close &= np.isfinite(got) & np.isfinite(mine)       # an infinite number's bound is infinite
    return bool((close | (got == mine) | (np.isnan(got) & np.isnan(mine))).all())


def _err(block, mine):
    """The stored bound of each number in units of u; that of the tensor where it has none."""
    err = block.limits
    if err is None or len(err) != mine.size:
        return 0.0
    if block.sharp:
        return err * np.abs(mine)
    return np.where(err > 0, err, err.max(initial=0.0))


def diagnose(case, dtype, answers):
    """The known mistakes that give these numbers.

    Parameters
    ----------
    case : mapping
    dtype : str
    answers : mapping
        Tensor name -> float64 array, as the port gave them, in the judge's dialect; of `shapes`,
        name of a weight -> its shape as an array.

    Returns
    -------
    list of str
        Single mistakes before pairs ("a + b"); a pair is left out where one of it is enough.
    """
    key = _Key(case, dtype)
    there = _candidates(key)
    with np.errstate(all="ignore"):
        right = {op: _agrees(case, dtype, answers, mine, op) for op, mine in there.right.items()}
        wrong = {op for op, agrees in right.items() if agrees is False}
        found = [names for names, layer_class in layers()
                 if wrong and _gives(case, dtype, answers, there, right, layer_class)]
        if wrong and not found:
            found += _of_state(case, dtype, answers, key)
    alone = {names[0] for names in found if len(names) == 1}
    pairs = [names for names in found if len(names) > 1 and not alone & set(names)]
    singles = [names[0] for names in found if len(names) == 1]
    return list(dict.fromkeys(singles + [" + ".join(names) for names in pairs]))


def _gives(case, dtype, answers, there, right, layer_class):
    """Whether a mistake gives the port's answer to every operation that it answered."""
    for op, agrees in right.items():
        if agrees is None:                              # nothing was answered
            continue
        if not there.touches(layer_class, op):
            if not agrees:
                return False
        elif not _agrees(case, dtype, answers, there.answer(layer_class, op), op):
            return False
    return True


def _agrees(case, dtype, answers, mine, op):
    """Whether answers agree with those of one operation; None if there are none of it."""
    if mine is None:
        return False
    if op == "shapes":                                  # one weight too many is a difference
        shapes = {name for name in answers if name.endswith((".weight", ".bias"))
                  and not name.startswith("grad.")}
        if shapes - set(mine):
            return False
    names = [name for name in answers if name in mine]
    return same(case, dtype, answers, mine) if names else None


def _of_state(case, dtype, answers, key):
    """Mistakes of state that give every operation's answer, after one history or another."""
    seen: dict = {}
    for names, op, mine in _after_others(key):
        agrees = mine is not None and _agrees(case, dtype, answers, mine, op)
        seen.setdefault((names, op), []).append(agrees)
    return list(dict.fromkeys(
        names for names, _ in seen
        if all(True in flags or set(flags) == {None} for (n, _), flags in seen.items()
               if n == names)))

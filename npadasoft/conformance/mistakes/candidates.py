"""What each known mistake gives on a case, computed once, when it is asked for."""
from functools import lru_cache

import numpy as np

from npadasoft.conformance.judge.compare import Key
from npadasoft.conformance.judge.plan import requests_of
from npadasoft.conformance.mistakes.known import MISTAKES, both
from npadasoft.conformance.mistakes.planted import Planted, silently
from npadasoft.conformance.mistakes.watched import Watched, steps

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


class Made(dict):
    """What a function makes of a key, made once, when it is asked for."""

    def __init__(self, make):
        super().__init__()
        self._make = make

    def __missing__(self, key):
        self[key] = self._make(key)
        return self[key]


class Candidates:
    """What each known mistake gives on one case, computed once, when it is asked for.

    `right` has the right layer's contents (name -> array) of each operation.
    """

    def __init__(self, case, dtype):
        self.requests = {request.op: request for request in requests(case, dtype)}
        self._watched = Made(lambda op: Watched(self.requests[op]))
        self.right = Made(lambda op: contents(self._watched[op].answer))
        self._given: dict = {}
        self._showing: dict = {}

    def touches(self, layer_class, op):
        """Whether a mistake can be seen in an operation: the right layer takes its step."""
        return not steps(layer_class).isdisjoint(self._watched[op].taken)

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
        if (layer_class, op) not in self._given:
            watched = self._watched[op]
            answer = watched.answer_of(layer_class)
            self._given[layer_class, op] = answer, (
                self.right[op] if answer is watched.answer else contents(answer))
        return self._given[layer_class, op]


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

"""What the right layer does in one operation of a case, and which mistakes change any of it.

Three of four known mistakes do not act on a given case: there is no padding to miscount, no tail of
one class to squeeze.  To plant them all the same costs as much as those that act.  So the right
layer is watched once: the steps that it takes, in their order, with what each is given and gives.
Where the steps that a mistake replaces give the same to the last bit, all that follows is the same,
and the layer with the mistake needs not run.
"""
from functools import lru_cache
from itertools import takewhile
from types import SimpleNamespace

import numpy as np

from npadasoft.conformance.mistakes.dialects import Dialect, alike
from npadasoft.conformance.mistakes.layer import Layer
from npadasoft.conformance.mistakes.planted import Planted
from npadasoft.conformance.wire.messages import OPS

PASSES = ("compute", "everywhere")      # they give all of a forward pass
UNTOLD = frozenset((*OPS, "through", "scatter", "scatter_along"))   # what they give does not tell
FEW = 2         # mistakes that are run whole: to watch costs as much


@lru_cache(maxsize=None)
def steps(layer_class):
    """Names of the steps that a mistake replaces."""
    replaced: set[str] = set()
    for parent in layer_class.__mro__[:layer_class.__mro__.index(Layer)]:
        replaced |= {name for name in vars(parent) if not name.startswith("__")}
    return frozenset(replaced)


class Watched:
    """The right layer's way through one request.

    `answer` is what it answers, `taken` holds the names of the steps that it takes.
    """

    def __init__(self, request):
        self.request = request
        self._passed: set[str] = set()
        self.answer = Planted(_noting(self._passed)).run(request)
        if request.op == "shapes":      # they are steps of the class
            self._passed |= {"shapes", "check", "hidden_size"}
        # after an error: it might have gone further
        self.taken = self._passed | set(dir(Layer) if self.answer.error else ())
        self._calls: list = []          # (step, arguments, result), as each is done
        self._broken: set[str] = set()  # steps that did not come to an end
        self._asked = 0

    def answer_of(self, layer_class):
        """The `Answer` of a layer with a mistake; `answer` itself where it acts in no step."""
        own = steps(layer_class) & self._passed
        if not own:
            return self.answer
        self._asked += 1
        if issubclass(layer_class, Dialect) and not self.answer.error:
            if not layer_class.acts_on(self.request, self.answer.results):
                own -= {n for n in own if getattr(layer_class, n) is getattr(Dialect, n, None)}
        if not own.isdisjoint(UNTOLD) or self._asked <= FEW or self.request.op == "shapes":
            return Planted(layer_class).ask(self.request) if own else self.answer
        if not self._calls:
            self._record()
        acts = not own.isdisjoint(self._broken) or self._acts(layer_class, own)
        return self._resumed(layer_class, own) if acts else self.answer

    def _record(self):
        Planted(_recording(self._calls, self._broken)).run(self.request)
        _freeze(self._calls, set())

    def _acts(self, layer_class, own):
        """Whether a mistake changes what some step gives."""
        copies: dict = {}
        try:
            layer = layer_class(*self._calls[0][1], {})
            return not all(_alike(getattr(layer, name)(*(_copy(a, copies) for a in arguments)), due)
                           for name, arguments, due in self._calls if name in own)
        except Exception:               # it may be one in the layer, too
            return True

    def _resumed(self, layer_class, own):
        """Its answer, with the right forward pass if none of its own steps is taken there."""
        calls = list(takewhile(lambda call: call[0] not in own, self._calls))
        return Resumed(layer_class, calls).ask(self.request)


class Resumed(Planted):
    """A layer with a mistake, which takes the forward pass from the right one: it is the same.

    Parameters
    ----------
    layer_class : type
    calls : sequence of (step, arguments, result)
        Those of the right layer, up to the first that the mistake changes.
    """

    def __init__(self, layer_class, calls):
        super().__init__(layer_class)
        self._passes = [call for call in calls if call[0] in PASSES]

    def build(self, config, params, dtype):
        layer = super().build(config, params, dtype)
        for name, arguments, result in self._passes:
            setattr(layer, name, _lent(getattr(layer, name), arguments, result))
        return layer


def _lent(step, arguments, result):
    """A step that gives a copy of a result where it is asked for that."""
    def lent(*asked):
        return SimpleNamespace(**vars(result)) if _alike(asked, arguments) else step(*asked)
    return lent


def _noting(passed):
    """The right layer, which notes the names of the steps that it takes."""
    class Noting(Layer):
        def __getattribute__(self, name):
            passed.add(name)
            return super().__getattribute__(name)
    return Noting


def _recording(calls, broken):
    """The right layer, which notes what it is made of, and what each step is given and gives."""
    class Recording(Layer):
        def __init__(self, config, params, memory):
            calls.append(("__init__", (config, params), None))
            super().__init__(config, params, memory)

        def __getattribute__(self, name):
            step = super().__getattribute__(name)
            if not callable(step) or name.startswith("__"):
                return step

            def recorded(*arguments):
                try:
                    result = step(*arguments)
                except Exception:
                    broken.add(name)
                    raise
                calls.append((name, arguments, result))
                return result
            return recorded
    return Recording


def _copy(argument, copies):
    """What a step may write into without harm; a forward pass is one in all steps that get it."""
    if isinstance(argument, SimpleNamespace):
        return copies.setdefault(id(argument), SimpleNamespace(**vars(argument)))
    return dict(argument) if isinstance(argument, dict) else argument


def _alike(a, b):
    """Whether two results of a step are the same, bits and order in memory."""
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        return alike(a, b)
    if isinstance(a, np.generic):
        return a.tobytes() == b.tobytes()
    if isinstance(a, SimpleNamespace):
        return _alike(vars(a), vars(b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_alike(a[name], b[name]) for name in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(_alike, a, b))
    return a == b


def _freeze(found, seen):
    """Let nothing be written into arrays that others are to be held against."""
    if id(found) in seen:
        return
    seen.add(id(found))
    if isinstance(found, np.ndarray):
        found.flags.writeable = False
    elif isinstance(found, SimpleNamespace):
        _freeze(vars(found), seen)
    elif isinstance(found, (dict, list, tuple)):
        for part in found.values() if isinstance(found, dict) else found:
            _freeze(part, seen)

"""What the right layer does in one operation of a case, and which mistakes change any of it.

Three of four known mistakes do not act on a given case: there is no padding to miscount, no tail of
one class to squeeze.  To plant them all the same costs as much as those that act.  So the right
layer is watched once: the steps that it takes, in their order, with what each is given and gives.
Where the steps that a mistake replaces give the same to the last bit, all that follows is the same,
and the layer with the mistake needs not run.
"""
from functools import lru_cache
from types import SimpleNamespace

import numpy as np

from npadasoft.conformance.mistakes.layer import Layer
from npadasoft.conformance.mistakes.planted import Planted
from npadasoft.conformance.wire.messages import OPS

PASSES = ("compute", "everywhere")      # they give all of a forward pass
WRITES = frozenset(("through", "scatter", "scatter_along"))     # they give nothing, and write


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
        self._calls: list = []          # (step, arguments, result), as each is done
        self._untold = set(WRITES) | set(OPS)   # steps of which no result tells what they do
        self._made_of: tuple = ()
        self.answer = Planted(_watching(self)).run(request)
        if request.op == "shapes":      # they are steps of the class
            self._passed = {"shapes", "check", "hidden_size"}
            self._untold |= self._passed
        _freeze([self._made_of, self._calls], set())
        # after an error: it might have gone further
        self.taken = self._passed | set(dir(Layer) if self.answer.error else ())

    def answer_of(self, layer_class):
        """The `Answer` of a layer with a mistake; `answer` itself where it acts in no step."""
        own = steps(layer_class) & self._passed
        if not own:
            return self.answer
        if not own.isdisjoint(self._untold):
            return Planted(layer_class).ask(self.request)
        return self._resumed(layer_class, own) if self._acts(layer_class, own) else self.answer

    def _acts(self, layer_class, own):
        """Whether a mistake changes what some step gives."""
        copies: dict = {}
        try:
            layer = layer_class(*self._made_of, {})
            return not all(_alike(getattr(layer, name)(*(_copy(a, copies) for a in arguments)), due)
                           for name, arguments, due in self._calls if name in own)
        except Exception:               # it may be one in the layer, too
            return True

    def _resumed(self, layer_class, own):
        """Its answer, with the right forward pass if none of its own steps is taken there."""
        first = next(at for at, call in enumerate(self._calls) if call[0] in own)
        return Resumed(layer_class, self._calls[:first]).ask(self.request)

    def note(self, name, step):
        """What the right layer has under a name; of a step, each time that it is taken is noted."""
        self._passed.add(name)
        if not callable(step) or name.startswith("__"):
            return step

        def noted(*arguments):
            try:
                result = step(*arguments)
            except Exception:
                self._untold.add(name)
                raise
            self._calls.append((name, arguments, result))
            return result
        return noted

    def made(self, config, params):
        """Note of what the right layer is made."""
        self._made_of = config, params


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


def _watching(watched):
    """The right layer, which notes the steps that it takes."""
    class Watching(Layer):
        def __init__(self, config, params, memory):
            watched.made(config, params)
            super().__init__(config, params, memory)

        def __getattribute__(self, name):
            return watched.note(name, super().__getattribute__(name))
    return Watching


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
        return (a.shape, a.strides, a.dtype) == (b.shape, b.strides, b.dtype) and \
            a.tobytes() == b.tobytes()
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

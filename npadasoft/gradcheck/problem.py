"""The question: f, its point, its gradient.  Every call of f and grads goes through here.

The caller's arrays are never written, not even for a moment: f gets copies, read-only ones.
"""
import inspect
import warnings
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from npadasoft.gradcheck import tree
from npadasoft.gradcheck.answers import (gradient, is_number, number, numpy_end,
                                         refuse_unseen)
from npadasoft.gradcheck.continued import Continued
from npadasoft.gradcheck.errors import GradcheckUsage
from npadasoft.gradcheck.progress import Clock
from npadasoft.gradcheck.sizes import rms, signs, units

LOW = (np.dtype(np.float16), np.dtype(np.float32))


@dataclass(frozen=True)
class Leaf:
    """One parameter tensor: as it came (`own`), and as f gets it (`point`)."""

    path: str
    own: np.ndarray
    point: np.ndarray
    kind: type              # of the caller's leaf: ndarray, float, np.float64, ...

    @cached_property
    def rms(self):
        """Root mean square, 0 if there is no element."""
        return rms(self.point)

    @cached_property
    def units(self):
        """Magnitude of each element: see `sizes.units`."""
        return units(self.point)

    def trial(self, array, continued=False):
        """`array` as the caller's kind of leaf, and read-only if it is an array."""
        if continued or issubclass(self.kind, np.ndarray):
            array = np.asarray(array)           # 0-d + 0-d is no array
            array.flags.writeable = False
            return array.view(Continued) if continued else array
        return array.item() if self.kind is float else array[()]


class Problem:
    """f, params and grads, with counted calls on copies."""

    def __init__(self, f, params, grads, cotangent=None, seed=0, upcast=True, clock=None):
        if not callable(f):
            raise GradcheckUsage(f"f: expected a callable, got {type(f).__name__}")
        self.f, self.params, self.grads, self.seed = f, params, grads, seed
        self.cotangent, self.cotangent_weights = cotangent, None
        self.f_calls = self.grads_calls = 0
        self.clock = clock or Clock()
        self.chosen = False     # wrt was given
        self.undefined = ""     # what was raised first at a displaced point
        self.continued: set[str] = set()        # paths whose complex steps need |x| continued
        self.ends = tree.ends(params)
        self.leaves = {path: self._leaf(path, node, upcast) for path, node in self.ends.items()
                       if tree.is_leaf(path, node)}
        self.before = {path: _bytes(node) for path, node in self.ends.items()}

    @staticmethod
    def _leaf(path, node, upcast):
        own = np.array(node)
        point = own.astype(np.float64) if upcast and own.dtype in LOW else own.copy()
        own.flags.writeable = point.flags.writeable = False
        return Leaf(path, own, point, type(node))

    def rng(self, *key):
        """A generator for each purpose and path: what is checked beside it changes nothing."""
        return np.random.default_rng([self.seed] + [zlib.crc32(str(k).encode()) for k in key])

    # ---------------------------------------------------------------- calls

    def call_f(self, moved=None):
        """The raw value of f, with the arrays in `moved` (by path) in place of the leaves'."""
        arrays = {path: leaf.trial(leaf.point) for path, leaf in self.leaves.items()}
        for path, array in (moved or {}).items():
            arrays[path] = self.leaves[path].trial(array, path in self.continued
                                                   and np.iscomplexobj(array))
        self.f_calls += 1
        trial = tree.rebuild(self.params, arrays)
        return self.clock.timed(lambda: self.f(trial))

    def value(self, moved=None):
        """f as one number, or contracted with the cotangent; nan where f raises anything."""
        try:
            return self.contract(self.call_f(moved))
        except Exception as error:
            self.note_undefined("f", error)
            return float("nan")

    def note_undefined(self, what, error):
        """Keep the first exception of a displaced point for a note."""
        self.undefined = self.undefined or (
            f"{what} raised {type(error).__name__}: {first_line(error)}")

    def contract(self, raw):
        """The number that stands for an output."""
        if self.cotangent_weights is None:
            return number(raw)
        total: complex = 0.0
        for path, end in tree.ends(raw).items():
            weight = self.cotangent_weights.get(path)
            if weight is not None:
                end = np.asarray(end)
                total += float(np.sum(weight * end.real))
                if end.dtype.kind == "c":
                    total += 1j * float(np.sum(weight * end.imag))
        return total

    def call_grads(self, moved=None, cotangent=None):
        """Gradients by path, checked for structure; leaves in their own precision."""
        if not callable(self.grads):
            return self.check_structure(self.grads)
        arrays = {path: leaf.trial(leaf.own) for path, leaf in self.leaves.items()}
        for path, array in (moved or {}).items():
            arrays[path] = self.leaves[path].trial(array)
        self.grads_calls += 1
        cotangent = self.cotangent if cotangent is None else cotangent
        args = () if self.cotangent_weights is None else (cotangent,)
        return self.check_structure(self.grads(tree.rebuild(self.params, arrays), *args))

    def check_structure(self, gradients, paths=None):
        """Gradients by path, after a look at paths, kinds and shapes."""
        found = tree.ends(gradients)
        if list(self.ends) == [tree.ROOT] and list(found) != [tree.ROOT]:
            raise GradcheckUsage(f"grads: expected one array of shape {np.shape(self.params)}, as "
                                 f"params is one, got {type(gradients).__name__} of "
                                 f"{len(found)}")
        for path, end in found.items():
            if path not in self.ends:
                raise GradcheckUsage(f"grads: {path} is no path of params, which has "
                                     f"{', '.join(self.ends) or 'none'}")
            if path not in self.leaves and not self.chosen:
                refuse_unseen("grads", path, end, self.ends[path])
        return {path: gradient(path, found, leaf) for path, leaf in self.leaves.items()
                if path in (paths or self.wrt)}

    def high(self):
        """The same question for float64 leaves, and two answers; None if it has none in float64.

        A formula is judged far more sharply there than by what float32 or float16 leaves of it.
        """
        low = [path for path in self.wrt if self.leaves[path].own.dtype in LOW]
        if not low or not callable(self.grads):
            return None
        params = tree.rebuild(self.params, {path: leaf.trial(leaf.point.copy())
                                            for path, leaf in self.leaves.items()})
        high = Problem(self.f, params, self.grads, _widened(self.cotangent), self.seed)
        high.wrt, high.cotangent_weights = self.wrt, self.cotangent_weights
        try:
            pair = [high.call_grads(), high.call_grads()]
        except Exception:       # locked to its precision
            return None
        self.grads_calls += 2
        right = all(pair[0][path].dtype == np.float64 for path in low)
        return (high, pair) if right and all(np.isfinite(g).all() for g in pair[0].values()) \
            else None

    # ---------------------------------------------------------------- preflight

    def start(self, wrt):
        """First calls: values and gradients, each twice.  Returns both pairs."""
        self.wrt = tree.select(list(self.leaves), wrt)
        self.chosen = wrt is not None
        with _phase("f at the given point" + self._as_given()):
            raw = self.call_f()
            self._prepare_cotangent(raw)
            values = [self.contract(raw), self.contract(self.call_f())]
        if any(isinstance(value, complex) for value in values):
            raise GradcheckUsage("f: expected a real value for real parameters, got a complex one")
        self._refuse_signature(raw)
        with _phase("grads at the given point"):
            gradients = [self.call_grads(), self.call_grads()]
        for path, array in gradients[0].items():
            if array.dtype.kind == "c":
                raise GradcheckUsage(f"grads: {path}: expected a real gradient, got {array.dtype}")
        return values, gradients

    def _as_given(self):
        low = [f"{path} as float64 ({leaf.own.dtype} as given: upcast=False)"
               for path, leaf in self.leaves.items() if leaf.own.dtype != leaf.point.dtype]
        return f", which got {', '.join(low)}" if low else ""

    def _refuse_signature(self, raw):
        """Say why grads is called as it is, if it cannot be called so."""
        args = (self.params,) if self.cotangent_weights is None else (self.params, self.cotangent)
        try:
            inspect.signature(self.grads).bind(*args)
        except ValueError:
            return                          # it does not tell
        except TypeError as error:
            if not callable(self.grads):
                return
            what = f"an array of shape {np.shape(raw)}" if isinstance(raw, np.ndarray) else (
                "a number" if is_number(raw) else f"a {type(raw).__name__}")
            how = ("without a cotangent: return an array for one" if len(args) == 1 else
                   "with a cotangent, grads(params, cotangent): return a float for a loss")
            raise GradcheckUsage(f"f returns {what}, so grads is called {how} ({error})") from None

    def _prepare_cotangent(self, raw):
        if is_number(raw):
            if self.cotangent is not None:
                raise GradcheckUsage("cotangent: f returns a scalar, which has no cotangent")
            return
        outputs = {path: np.asarray(numpy_end(path, end)) for path, end in tree.ends(raw).items()}
        if self.cotangent is None:
            drawn = {path: self._draw(path, end) if end.dtype.kind in "fc" else None
                     for path, end in outputs.items()}
            self.cotangent = tree.rebuild(raw, drawn)
        given = tree.ends(self.cotangent)
        if list(given) != list(outputs):
            raise GradcheckUsage(f"cotangent: expected {list(outputs)}, got {list(given)}")
        self.cotangent_weights = {}
        for path, end in outputs.items():
            if given[path] is not None and end.dtype.kind in "fc":
                if np.shape(given[path]) != end.shape:
                    raise GradcheckUsage(f"cotangent: {path}: expected shape {end.shape}, "
                                         f"got {np.shape(given[path])}")
                self.cotangent_weights[path] = np.asarray(given[path], np.float64)
        if not self.cotangent_weights:
            raise GradcheckUsage("f: none of its outputs is a floating array")

    def _draw(self, path, end):
        """In the precision of the parameters: then grads sees what f is contracted with."""
        floats = [leaf.own.dtype for leaf in self.leaves.values()]
        lowest = min(floats + [end.real.dtype], key=lambda dtype: dtype.itemsize)
        dtype = lowest if lowest in LOW else np.dtype(np.float64)
        return signs(self.rng("cotangent", path), end.shape).astype(dtype)

    def shared(self):
        """Pairs of leaves whose memory overlaps."""
        arrays = [(p, self.ends[p]) for p in self.leaves if isinstance(self.ends[p], np.ndarray)]
        return [(p, q) for i, (p, a) in enumerate(arrays) for q, b in arrays[i + 1:]
                if a.size and b.size and np.may_share_memory(a, b)]

    def check_untouched(self):
        """Refuse to answer for an f or grads that writes to what it is given."""
        for path, leaf in self.leaves.items():
            if not np.array_equal(leaf.point, leaf.own.astype(leaf.point.dtype), equal_nan=True):
                raise GradcheckUsage(f"{path}: f or grads unlocked the array it was given and "
                                     "wrote to it")
        for path, node in self.ends.items():
            if _bytes(node) != self.before[path]:
                raise GradcheckUsage(f"{path}: f or grads wrote to the caller's array; "
                                     "compute on a copy")


def _widened(cotangent):
    ends = {path: np.asarray(end, np.float64) if getattr(end, "dtype", None) in LOW else end
            for path, end in tree.ends(cotangent).items()}
    return tree.rebuild(cotangent, ends)


def first_line(error):
    """Of the message of an exception."""
    return str(error).splitlines()[0] if str(error) else ""


def _bytes(node):
    return (node.tobytes(), node.shape) if isinstance(node, np.ndarray) else None


@contextmanager
def _phase(name):
    try:
        yield
    except Exception as error:
        error.add_note(f"gradcheck: raised while calling {name}")
        raise


@contextmanager
def quiet():
    """Displaced points may overflow silently; an imaginary part must not be dropped silently."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)
        warnings.simplefilter("error", np.exceptions.ComplexWarning)
        yield

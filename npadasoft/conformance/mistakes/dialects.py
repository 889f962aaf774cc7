"""Arrays that change on their way in or out: by columns, turned, counted from another class.

A port does so with all arrays or with one alone, and with any of those that a case has: there are
too many to be listed.  They are made of the names in the cases that fail, and are held against a
run where no known mistake explains a case.
"""
from functools import lru_cache

import numpy as np

from npadasoft.conformance.mistakes.layer import Layer
from npadasoft.conformance.wire.messages import is_shifted, is_turned, matches, weight_of


def alike(a, b):
    """Whether two arrays are the same, bits and order in memory."""
    return a is b or (a.shape, a.strides, a.dtype) == (b.shape, b.strides, b.dtype) and \
        a.tobytes() == b.tobytes()


class Dialect(Layer):
    """A layer that is right between `enter` and `leave`."""

    def enter(self, name, a):
        """An array as it is taken in: a weight, input, target, index, cotangents.*, tangents.*"""
        return a

    def leave(self, name, a):
        """An array as it is answered."""
        return a

    @classmethod
    def acts_on(cls, request, results):
        """Whether anything is changed of what is asked, or of what is rightly answered."""
        layer = cls.__new__(cls)
        groups = {"": {**request.params, **request.inputs}, "cotangents.": request.cotangents,
                  "tangents.": request.tangents}
        asked = [(prefix + n, a) for prefix, group in groups.items() for n, a in group.items()]
        return any(not alike(layer.enter(n, a), a) for n, a in asked) or any(
            not alike(layer.leave(n, a), a) for n, a in results.items())

    def _left(self, found):
        return {name: self.leave(name, np.asarray(a)) for name, a in found.items()}

    def _entered(self, group, arrays):
        return {name: self.enter(f"{group}.{name}", a) for name, a in arrays.items()}

    def read(self, params):
        return {name: self.enter(name, a) for name, a in params.items()}

    read_bands = read

    def read_input(self, x):
        return self.enter("input", x)

    def read_index(self, index):
        return self.enter("index", index)

    def moving(self, tangents, x):
        return super().moving(self._entered("tangents", tangents), x)

    def forward(self, x, y):
        return self._left(super().forward(x, self.enter("target", y)))

    def backward(self, x, y, cotangents):
        return self._left(super().backward(x, self.enter("target", y),
                                           self._entered("cotangents", cotangents)))

    def log_prob(self, x):
        return self.leave("log_prob", super().log_prob(x))

    def log_prob_backward(self, x, grad):
        return self._left(super().log_prob_backward(x, self.enter("cotangents.log_prob", grad)))

    def predict(self, x):
        return self.leave("predict", np.asarray(super().predict(x)))

    def topk(self, x, k):
        return self._left(super().topk(x, k))

    def jvp(self, x, y, tangents):
        return self._left(super().jvp(x, self.enter("target", y), tangents))

    def log_prob_jvp(self, x, tangents):
        return self.leave("jvp.log_prob", super().log_prob_jvp(x, tangents))

    def hvp(self, x, y, cotangents, tangents):
        return self._left(super().hvp(x, self.enter("target", y),
                                      self._entered("cotangents", cotangents), tangents))

    def embed(self, index):
        return self.leave("embed", super().embed(index))

    def embed_backward(self, index, grad):
        return self._left(super().embed_backward(index, self.enter("cotangents.embed", grad)))


# ------------------------------------------------------------------ by columns

def read_by_columns(a):
    """An array whose numbers, given row by row, were read column by column."""
    return a.ravel().reshape(a.shape, order="F")


def written_by_columns(a):
    """An array whose numbers are written column by column under the shape of rows."""
    return a.ravel(order="F").reshape(a.shape)


WEIGHTS = ("head.weight", "tail.*.*.weight")
ALL = ("*", "*.*", "*.*.*", "*.*.*.*", "*.*.*.*.*")
READ = {"all matrices": (*WEIGHTS, "bands.*.*"),
        "all matrices and the input": (*WEIGHTS, "bands.*.*", "input"), "all arrays": ALL}
WRITTEN = {"all gradients": tuple(f"grad.{pattern}" for pattern in ALL[:4]), "all answers": ALL}
TAKEN = ("target", "index")                 # what index_base shifts
GIVEN = ("predict", "topk.index", "head_column", "tail.*.relative_target")
TURNED = {"head.weight": ("head.weight",), "all tails": ("tail.*.*.weight",),
          "tail.*.0.weight": ("tail.*.0.weight",), "tail.*.1.weight": ("tail.*.1.weight",)}


def _among(patterns, name):
    return any(matches(pattern, name) for pattern in patterns)


def by_columns(reads=(), writes=()):
    """A layer that reads and writes arrays of these patterns by columns."""
    class Columns(Dialect):
        def enter(self, name, a):
            return read_by_columns(a) if _among(reads, name) else a

        def leave(self, name, a):
            return written_by_columns(a) if _among(writes, name) else a
    return Columns


# ------------------------------------------------------------------ not as it is announced

def turned(patterns):
    """A layer that has these weights as (in, out) where (out, in) is announced, or the reverse."""
    class Turned(Dialect):
        def enter(self, name, a):
            return a.T if _among(patterns, name.removeprefix("tangents.")) else a

        def leave(self, name, a):
            return a.T if _among(patterns, weight_of(name)) and a.ndim == 2 else a

        @classmethod
        def shapes(cls, config):
            return {name: shape[::-1] if _among(patterns, name) else shape
                    for name, shape in Layer.shapes(config).items()}
    return Turned


def answered_transposed(patterns):
    """A layer that is right, but for the axes of these answers: grad.*, hvp.*, shapes.*"""
    class Transposed(Dialect):
        def leave(self, name, a):
            return a.T if _among(patterns, name) and a.ndim == 2 else a

        @classmethod
        def shapes(cls, config):
            return {name: shape[::-1] if _among(patterns, f"shapes.{name}") else shape
                    for name, shape in Layer.shapes(config).items()}
    return Transposed


def unturned(patterns):
    """The same, of a layer that takes the numbers as they come, whatever their shape says."""
    class Unturned(turned(patterns)):       # type: ignore[misc]
        def enter(self, name, a):
            weight = _among(patterns, name.removeprefix("tangents."))
            return written_by_columns(a) if weight else a
    return Unturned


def counted_from_zero(reads=(), writes=()):
    """A layer that takes, or answers, classes of these patterns from 0 where 1 is announced."""
    class Counted(Dialect):
        def enter(self, name, a):
            return a + 1 if is_shifted(name) and _among(reads, name) else a

        def leave(self, name, a):
            return a - 1 if is_shifted(name) and _among(writes, name) else a

        def kept(self, y):
            ignored = self.config.get("ignore_index")
            return super().kept(y) if ignored is None else y != ignored + _among(reads, "target")

        def is_padding(self, index):
            return super().is_padding(index - _among(reads, "index"))
    return Counted


# ------------------------------------------------------------------ all of them

@lru_cache(maxsize=64)
def dialects(names, layout, index_base):
    """Name -> class of each way to change these arrays, those that change most first.

    Parameters
    ----------
    names : tuple of str
        Matrices that some case has.
    layout : str, or tuple of (pattern, layout)
    index_base : int
        As the port announces them.
    """
    found: dict = {}
    if index_base:
        text = "index_base 1 is announced, 0 used"
        found |= {text: counted_from_zero(ALL, ALL),
                  f"{text} (in what it reads alone)": counted_from_zero(ALL),
                  f"{text} (in what it answers alone)": counted_from_zero((), ALL)}
        found |= {f"{text} (in {name} alone)": counted_from_zero((name,)) for name in TAKEN}
        found |= {f"{text} (in {name} alone)": counted_from_zero((), (name,)) for name in GIVEN}
    layout = layout if isinstance(layout, str) else dict(layout)
    for where, patterns in {"": WEIGHTS, **TURNED, **{n: (n,) for n in names}}.items():
        mine = {is_turned(n, layout) for n in names if _among(patterns, n)}
        if len(mine) == 1:
            has, uses = ("in_out", "out_in") if mine.pop() else ("out_in", "in_out")
            text = f"layout {has} is announced, {uses} used"
        else:
            text = "a layout is used other than is announced"
        text += f" (in {where} alone)" if where else ""
        found[text], found[text + ", whatever the shape"] = turned(patterns), unturned(patterns)
        for kinds in (("grad",), ("hvp",), ("grad", "hvp"), ("shapes",)):
            which = "*.weight" if not where else where.replace("all tails", "tail.*.*.weight")
            text = " and ".join(f"{kind}.{which}" for kind in kinds)
            found[f"answered transposed: {text}"] = answered_transposed(
                [f"{kind}.{pattern}" for kind in kinds for pattern in patterns])
    for what, reads in READ.items():
        for also, writes in WRITTEN.items():
            found[f"read by columns: {what}; written by columns: {also}"] = by_columns(reads,
                                                                                       writes)
    for name in (*names, "input"):
        found[f"read by columns: {name}"] = by_columns((name,))
        for also, writes in WRITTEN.items():
            found[f"read by columns: {name}; written by columns: {also}"] = by_columns((name,),
                                                                                       writes)
    for name in names:
        if name.startswith("tail."):            # `narrow` finds what all tails have, and the others
            found[f"written by columns: grad.{name}"] = by_columns((), (f"grad.{name}",))
    return found

"""What kind of mistake it is: a hypothesis is named only if undoing it makes the tensor pass.

A ratio alone would call one element that is off by 1e-12 "a constant factor 1".
"""
from typing import Callable

import numpy as np

from npadasoft.gradcheck import factors
from npadasoft.gradcheck.nearly import ALL_BUT, CLOSE, agree, digits_first, digits_of

REORDERED = 64      # rows, at most, that are looked for in another order
NOT_ONE = 16.0      # times what a factor is known to, it is off 1


class Failure:
    """Both gradients of a failed tensor, and what passes for equal."""

    def __init__(self, tensor, side, analytic, lengths, x, constant):
        shape, self.lengths, self.x = tensor.shape, lengths, x
        self.constant = constant                # whether f moves with no element
        self.shape, self.path = shape, tensor.path
        self.g = analytic.gradient.reshape(shape)
        self.n = side.value.reshape(shape)
        self.numeric_error = side.error.reshape(shape)
        self.noise = analytic.error.reshape(shape)
        self.wrong = ~self.equal(self.g)

    def equal(self, corrected, scale=1.0):
        """Where a corrected gradient is within its tolerance."""
        return np.abs(corrected - self.n) <= self.numeric_error + abs(scale) * self.noise

    def passes(self, corrected, scale=1.0):
        """Whether it is everywhere."""
        return bool(self.equal(corrected, scale).all())


def from_elements(tensor, side, analytic, problem, constant):
    """The first hypothesis that holds, as {kind, value, text}; else how many elements are wrong."""
    lengths = factors.lengths(problem)
    failure = Failure(tensor, side, analytic, lengths, problem.leaves[tensor.path].point,
                      constant)
    for hypothesis in (_unused, _all_zero, _constant_factor, _transform, _transposed, _symmetric,
                       _rolled, _averaged, _single, _pair, _reordered, _offset, _empty_lines,
                       _missing_term, _lines):
        hint = hypothesis(failure)
        if hint:
            return digits_first(hint, digits_of(failure), ALL_BUT)
    count = int(failure.wrong.sum())
    text = f"{count} of {failure.g.size} elements are wrong{_where(failure)}"
    digits = digits_of(failure)
    if digits >= CLOSE:
        return digits_first(_hint("elements", count, text), digits, CLOSE)
    if count == failure.g.size > 1:
        text += ", by no common factor"
    return _hint("elements", count, text)


def swapped(failed, problem):
    """By path: the other tensor whose derivative the gradient is; `failed` holds (side, analytic).
    """
    found = {}
    for path, (side, analytic) in failed.items():
        for other, (theirs, _) in failed.items():
            if other != path and theirs.value.size == side.value.size and (
                    problem.leaves[path].own.shape == problem.leaves[other].own.shape):
                room = theirs.error + analytic.error.ravel()
                if (np.abs(analytic.gradient.ravel() - theirs.value) <= room).all():
                    found[path] = _hint("swapped", other, f"yours is the derivative by {other}: "
                                                          "are the two swapped?")
    return found


def _where(it):
    """What the wrong elements share: a side of the diagonal, a zero."""
    found = []
    if it.g.ndim == 2 and min(it.shape) > 2:
        sides = {"above": np.triu(it.wrong, 1), "below": np.tril(it.wrong, -1)}
        found = [f"all {side} the diagonal" for side, part in sides.items()
                 if (part == it.wrong).all() and it.wrong.sum() > 2]
    if not it.g[it.wrong].any():
        found.append("where yours is 0")
    return f", {', '.join(found)}" if found else ""


def from_probes(found, problem):
    """A constant factor, if all probes have the same ratio; else None."""
    value = np.array([p.value for p in found])
    analytic = np.array([p.analytic for p in found])
    if not analytic.any():
        return _hint("zero", 0, "yours is zero along all probes: never computed, or never written?")
    c = float(value @ analytic / (value @ value))
    error = np.array([p.error + p.noise / abs(c) for p in found]) if c else np.zeros(len(found))
    if not c or not (np.abs(analytic / c - value) <= error).all():
        return None
    precision = float(np.max(error) / np.max(np.abs(value)))
    if _as_one(c, precision):
        return _hint("digits", agree(c), f"yours is right to {agree(c)} digits along all probes")
    return digits_first(_factor(c, factors.lengths(problem), precision), agree(c), ALL_BUT)


def _hint(kind, value, text):
    return {"kind": kind, "value": value, "text": text}


def _all_zero(it):
    if it.g.any():
        return None
    return _hint("zero", 0, "yours is zero everywhere: never computed, or never written?")


def _unused(it):
    if it.n.any() or not it.constant:
        return None         # a point of rest is no unused tensor
    return _hint("unused", 0, f"f does not change with {it.path} at all: is it used, or a cached "
                              "copy?")


RIGHT_TIMES = "multiply yours by {}, and it is right: the chain rule of the {} is missing"
TRANSFORMS: dict[str, tuple[Callable, str]] = {
    "logarithm": (lambda x: 1 / x, "yours is {0} times the derivative: that with respect to "
                                   "log({0})"),
    "exp": (np.exp, RIGHT_TIMES.format("exp({0})", "exp")),
    "square": (lambda x: 2 * x, RIGHT_TIMES.format("2 {0}", "square")),
    "softplus": (lambda x: 1 / (1 + np.exp(-x)), RIGHT_TIMES.format("sigmoid({0})", "softplus"))}


def _transform(it):
    if it.g.size < 2 or not it.n.any():
        return None
    for kind, (slope, text) in TRANSFORMS.items():
        with np.errstate(all="ignore"):
            scale = slope(it.x.astype(float))
            right = np.isfinite(scale).all() and (np.abs(it.g * scale - it.n) <= it.numeric_error
                                                  + np.abs(scale) * it.noise).all()
        if right:
            return _hint(kind, None, text.format(it.path))
    return None


def _symmetric(it):
    if it.g.ndim != 2 or it.shape[0] != it.shape[1] or it.shape[0] < 2:
        return None
    room = (it.numeric_error + it.noise) / 2
    if (np.abs(it.g + it.g.T - it.n - it.n.T) / 2 <= room + room.T).all():
        return _hint("symmetric", None, "the symmetric parts agree: one triangle of a symmetric "
                                        "argument? f of (x + x.T) / 2 would pass")
    return None


def _constant_factor(it):
    largest = np.abs(it.n).max()
    seen = np.sum(np.abs(it.n) > np.max(it.numeric_error + it.noise))
    if not largest or seen < min(2, it.n.size):
        return None
    n, g = it.n / largest, it.g / largest
    c = float(np.sum(g * n) / np.sum(n * n))
    if not c or not it.passes(it.g / c, 1 / c):
        return None
    precision = float(np.max(it.numeric_error + it.noise)) / largest
    if _as_one(c, precision) or it.n.size == 1 and not factors.name(c, it.lengths, precision):
        return None             # one number is always another one times something
    return _factor(c, it.lengths, precision)


def _as_one(c, precision):
    """Whether a factor cannot be told from rounding."""
    return abs(c - 1) <= NOT_ONE * max(precision, 2.0 ** -46)


def _factor(c, lengths, precision):
    return _hint("factor", c, factors.text(c, lengths, max(precision, 1e-15)))


def _averaged(it):
    """Its mean along an axis in place of each element: of too many, or of the wrong ones."""
    for axis in range(it.g.ndim):
        mean = np.broadcast_to(it.n.mean(axis, keepdims=True), it.shape)
        room = np.broadcast_to(it.numeric_error.mean(axis, keepdims=True), it.shape) + it.noise
        if 1 < it.shape[axis] and (np.abs(mean - it.g) <= room).all():
            return _hint("averaged", axis, "each element of yours is the mean of the derivatives "
                                           f"along axis {axis}: averaged over another axis?")
    return None


def _transposed(it):
    if it.g.ndim != 2 or min(it.shape) < 2:
        return None
    if it.passes(it.g.reshape(it.shape[::-1]).T):
        return _hint("transposed", None, "yours is the derivative, transposed")
    return None


def _rolled(it):
    for axis in range(it.g.ndim):
        for shift in (1, -1):
            if it.shape[axis] > 1 and it.passes(np.roll(it.g, -shift, axis)):
                return _hint("rolled", shift, f"yours is the derivative, shifted by {shift:+d} "
                                              f"along axis {axis}: an index off by one?")
    return None


def _single(it):
    if it.wrong.sum() != 1 or it.g.size == 1 and digits_of(it) >= CLOSE:
        return None
    index = [int(i) for i in np.argwhere(it.wrong)[0]]
    difference = float((it.g - it.n)[tuple(index)])
    value = abs(it.n[tuple(index)])
    if it.g.size == 1:
        return _hint("single", difference, _alone(difference, value))
    share = f" ({100 * difference / value:+.2g} % of it)" if value > abs(difference) / 1e9 else ""
    return _hint("single", difference,
                 f"one element alone, {index}, off by {difference:+.3g}{share}")


def _alone(difference, value):
    if value <= abs(difference) / 1e9:
        return f"yours is {difference:.3g}, and not 0"
    way = "large" if difference > 0 else "small"
    share = abs(100 * difference) / value
    return f"yours is {abs(difference):.3g} too {way} ({share:.2g} % of it)"


def _pair(it):
    if it.wrong.sum() != 2:
        return None
    first, second = np.argwhere(it.wrong)
    d = (it.g - it.n)[tuple(first)], (it.g - it.n)[tuple(second)]
    room = sum(float((it.numeric_error + it.noise)[tuple(i)]) for i in (first, second))
    if abs(d[0] + d[1]) > room:
        return None
    swapped = abs(it.g[tuple(first)] - it.n[tuple(second)]) <= room
    text = f"elements {first.tolist()} and {second.tolist()} "
    off = f"alone are off, by {d[0]:+.3g} and {d[1]:+.3g}: one has what the other lacks?"
    return _hint("pair", float(d[0]), text + ("of yours are swapped" if swapped else off))


def _reordered(it):
    """The right rows, columns or elements in another order."""
    for axis in range(it.g.ndim):
        g, n, room = (np.moveaxis(array, axis, 0).reshape(it.shape[axis], -1)
                      for array in (it.g, it.n, it.numeric_error + it.noise))
        if not 2 < len(g) <= REORDERED:
            continue
        same = (np.abs(g[:, None] - n) <= room[:, None] + room).all(-1)
        if (same.sum(0) == 1).all() and (same.sum(1) == 1).all():
            order = same.argmax(1).tolist()
            what = "elements" if it.g.ndim == 1 else _named(axis, it.g.ndim)
            return _hint("reordered", order, f"the {what} of yours are right, but in another "
                                             f"order: {order[:8]}" + " ..." * (len(order) > 8))
    return None


def _named(axis, ndim):
    return ("rows", "columns")[axis] if ndim == 2 else f"slices along axis {axis}"


def _offset(it):
    d = float(np.mean(it.g - it.n))
    seen = abs(d) > NOT_ONE * np.max(it.numeric_error + it.noise)
    if it.g.size > 2 and seen and it.wrong.all() and it.passes(it.g - d):
        return _hint("offset", d, f"every element off by the same {d:+.6g}")
    return None


def _empty_lines(it):
    hint = _lines(it)
    return hint if hint and "zero in yours" in hint["text"] else None


def _lines(it):
    if it.g.ndim < 2:
        return _positions(it)
    for axis, name in ((0, "rows"), (it.g.ndim - 1, "columns")):
        others = tuple(a for a in range(it.g.ndim) if a != axis)
        bad = np.flatnonzero(it.wrong.any(axis=others))
        if len(bad) <= it.shape[axis] / 2:
            return _line_hint(name, bad, not np.take(it.g, bad, axis).any())
    return None


def _positions(it):
    bad = np.flatnonzero(it.wrong)
    if len(bad) > it.g.size / 2:
        return None
    return _line_hint("elements", bad, not it.g.ravel()[bad].any())


def _line_hint(name, bad, zero):
    shown = ", ".join(str(int(i)) for i in bad[:8]) + (", ..." if len(bad) > 8 else "")
    wrong = f"{name[:-1]} {shown} is" if len(bad) == 1 else f"{name} {shown} are"
    return _hint("lines", [int(i) for i in bad[:8]], f"only {wrong} wrong" + (
        ", and zero in yours: which class or example is left out?" if zero else ""))


def _missing_term(it):
    """Sums that vanish in the numeric gradient alone: shift invariance, as of a softmax."""
    for axis in range(it.g.ndim):
        room = np.sum(it.numeric_error + it.noise, axis)
        numeric, analytic = np.abs(it.n.sum(axis)), np.abs(it.g.sum(axis))
        if it.shape[axis] > 1 and (numeric <= room).all() and (analytic > 4 * room).any():
            what = ("elements" if it.g.ndim == 1 else
                    _named(1 - axis, 2) if it.g.ndim == 2 else f"sums along axis {axis}")
            return _hint("sums", axis, f"the {what} of the derivative add up to 0, those of yours "
                         "do not: a term is missing (the one-hot or mean of a softmax, a mean "
                         "taken off, a force and its reaction)?")
    return None

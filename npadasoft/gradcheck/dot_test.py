"""<J v, u> = <v, J' u>: whether two functions are each other's transpose."""
import math

import numpy as np

from npadasoft.gradcheck import tree
from npadasoft.gradcheck.derivative import EPS
from npadasoft.gradcheck.equations import compare
from npadasoft.gradcheck.forms import leaves
from npadasoft.gradcheck.report import Report
from npadasoft.gradcheck.sizes import norm, signs, units

DRAWS = 4
SAFETY = 16.0


def dot_test(forward, backward, x, seed=0, name=None):
    """Compare <forward(v), u> with <v, backward(u)> for v like `x` and u like forward(v).

    No derivative is taken, so nothing is as sharp; and no f is asked, so a mistake that both share
    is not seen.

    Parameters
    ----------
    forward : callable
        forward(v) -> J v: a linear stage, or `lambda v: jvp(x, v)`.  An array or a tree of them.
    backward : callable
        backward(u) -> J' u, like `x`: `lambda u: vjp(x, u)`.
    x : tree
        Parameters, for their shapes and sizes.
    seed : int
        Of the directions.
    name : str, optional
        For the report.

    Returns
    -------
    Report
        An equation for each leaf of `x` and each output; the elements of a wrong one are named.

    Examples
    --------
    >>> import numpy as np
    >>> A = np.arange(6.0).reshape(2, 3)
    >>> dot_test(lambda v: A @ v, lambda u: A.T @ u, np.ones(3)).verdict
    'PASS'
    >>> dot_test(np.cumsum, lambda u: np.cumsum(u), np.ones(3)).verdict     # it should be reversed
    'FAIL'
    """
    pair = _Pair(forward, backward, x)
    report = Report(name or getattr(forward, "__name__", "forward"), seed=seed)
    rng = np.random.default_rng(seed)
    for k in range(DRAWS):
        for path, v in pair.inputs(rng).items():
            outputs = pair.ahead(path, v)
            for out, u in ((out, signs(rng, end.shape)) for out, end in outputs.items()):
                entry = pair.compare(path, v, outputs[out], out, u)
                if entry["verdict"] != "VACUOUS" and (k == 0 or entry["verdict"] != "PASS"):
                    report.equations.append(entry)          # a block of zeros says nothing
        if not report.ok:
            break
    report.evaluations = {"f": pair.calls["forward"], "grads": pair.calls["backward"]}
    return report


class _Pair:
    """Both functions, for one leaf and one output at a time."""

    def __init__(self, forward, backward, x):
        self.forward, self.backward, self.x = forward, backward, x
        self.own, self.calls = leaves(x), {"forward": 0, "backward": 0}
        self.outputs = None

    def inputs(self, rng):
        """A direction for each leaf that has elements."""
        return {path: (units(leaf) * signs(rng, leaf.shape)).astype(leaf.dtype)
                for path, leaf in self.own.items() if leaf.size}

    def ahead(self, path, v):
        """forward of v in one leaf, zero in the others, by output."""
        self.calls["forward"] += 1
        raw = self.forward(tree.rebuild(self.x, {
            other: v if other == path else np.zeros_like(leaf)
            for other, leaf in self.own.items()}))
        self.outputs = raw
        return {out: np.asarray(end) for out, end in tree.ends(raw).items()
                if np.asarray(end).dtype.kind == "f"}

    def back(self, path, out, u):
        """backward of u in one output, by one leaf."""
        self.calls["backward"] += 1
        ends = tree.ends(self.outputs)
        given = tree.rebuild(self.outputs, {
            other: u.astype(np.asarray(end).dtype) if other == out else 0 * np.asarray(end)
            for other, end in ends.items() if np.asarray(end).dtype.kind == "f"})
        return np.asarray(tree.ends(self.backward(given))[path])

    def compare(self, path, v, jv, out, u):
        """An entry: both products, the rounding of both, and where they differ."""
        ju = self.back(path, out, u)
        eps = max(EPS, float(np.finfo(jv.dtype).eps), float(np.finfo(ju.dtype).eps))
        sizes = norm(jv * u), norm(v * ju)
        rounding = [SAFETY * eps * (size + self._shaken(one, size)) for size, one in zip(
            sizes, (lambda: self.ahead(path, v * (1 + eps))[out] * u - jv * u,
                    lambda: (self.back(path, out, u * (1 + eps)) - ju) * v))]
        sides = [(float(np.sum(a * b, dtype=float)), room, size) for (a, b), room, size in zip(
            ((jv, u), (v, ju)), rounding, sizes)]
        entry = {"name": f"{path} to {out}" if len(self.own) > 1 else "dot",
                 **compare(sides[0], sides[1], "<Jv, u>", "<v, J'u>")}
        if entry["verdict"] == "FAIL":
            entry["where"] = self._where(path, v, out, u)
            entry["text"] += f"; at {entry['where']}"
        return entry

    @staticmethod
    def _shaken(change, size):
        """What a rounding of the argument does, beyond its own size."""
        moved = float(norm(change()))
        return moved if math.isfinite(moved) else size

    def _where(self, path, v, out, u):
        """A wrong number of J: halve v, then u, and keep the half that differs more."""
        def apart(v, u):
            return abs(float(np.sum(self.ahead(path, v)[out] * u, dtype=float))
                       - float(np.sum(v * self.back(path, out, u), dtype=float)))
        v = _halved(v, lambda part: apart(part, u))
        u = _halved(u, lambda part: apart(v, part))
        i, j = int(np.flatnonzero(v)[0]), int(np.flatnonzero(u)[0])
        v, u = (np.where(one != 0, 1, 0).astype(one.dtype) for one in (v, u))
        ahead, back = self.ahead(path, v)[out].flat[j], self.back(path, out, u).flat[i]
        place = [[int(k) for k in np.unravel_index(n, one.shape)] for n, one in ((i, v), (j, u))]
        return (f"{path}{place[0]} and output {out}{place[1]}: forward {float(ahead):.6g}, "
                f"backward {float(back):.6g}")


def _halved(direction, apart):
    """One element of a direction on which `apart` is not small."""
    low, high = 0, direction.size
    while high - low > 1:
        middle = (low + high) // 2
        halves = [(low, middle), (middle, high)]
        low, high = max(halves, key=lambda half: apart(_part(direction, *half)))
    return _part(direction, low, high)


def _part(direction, low, high):
    part = np.zeros(direction.size, direction.dtype)
    part[low:high] = direction.ravel()[low:high]
    return part.reshape(direction.shape)

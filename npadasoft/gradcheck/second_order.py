"""Is `grads` the gradient of anything, and of this f?  And is `hvp` its derivative?

With H v the derivative of grads along v:

    curl        u · H v = v · H u           a gradient's Jacobian is symmetric
    curvature   u · H u = (d/dt)² f         blind to nothing but what is constant
    hvp         hvp(params, v) = H v        element by element

The first is blind to a common factor, and both are blind to a constant offset of the gradient.
"""
import math

import numpy as np

from npadasoft.gradcheck import tree
from npadasoft.gradcheck.analytic import shared
from npadasoft.gradcheck.derivative import AGREEMENT, EPS, LEVELS, ODD, Neville, richardson
from npadasoft.gradcheck.elements import unravel
from npadasoft.gradcheck.equations import compare, verdict
from npadasoft.gradcheck.numeric import TINY_STEP, moved
from npadasoft.gradcheck.sizes import norm, rms, signs
from npadasoft.gradcheck.verdicts import worst

VECTOR_LEVELS = 20


def second_order(problem, numerics, analytics, hvp=None):
    """The three checks, as a dict for the report: per tensor and per pair of them, the worst shown.

    One number over all tensors would see the largest alone.
    """
    side = _Side(problem, analytics)
    paths = list(side.analytics)
    u, v = ({path: side.draw(name, path) for path in paths} for name in ("second u", "second v"))
    hu, hv = ({path: side.times(one[path]) for path in paths} for one in (u, v))
    bends, curls = [], []
    for path in paths:
        bend = curvature(numerics[path], u[path][path])
        bends.append(compare(side.dot(u[path], hu[path]), (*bend, abs(bend[0])), f"u.Hu {path}",
                             "f''"))
    weight = {path: max(map(abs, bends[i]["values"])) for i, path in enumerate(paths)}
    for i, a in enumerate(paths):
        for b in paths[i:]:
            curls.append(compare(side.dot(v[b], hu[a]), side.dot(u[a], hv[b]), f"v.Hu {a}, {b}",
                                 "u.Hv", math.sqrt(weight[a]) * math.sqrt(weight[b])))
    result = {"method": "complex" if side.complex else "richardson", "curl": _worst(curls),
              "curvature": _worst(bends)}
    verdicts = [result["curl"]["verdict"], result["curvature"]["verdict"]]
    if hvp is not None:
        result["hvp"] = side.check_hvp(hvp, {path: u[path][path] for path in paths})
        verdicts += [entry["verdict"] for entry in result["hvp"]]
    result["verdict"] = worst(verdicts)
    return result


def _worst(entries):
    """The entry that decides: of those that are not empty, the worst verdict, the largest ratio."""
    shown = [entry for entry in entries if entry["verdict"] != "VACUOUS"] or entries
    if not shown:
        return compare((0.0, 0.0, 0.0), (0.0, 0.0, 0.0), "u.Hv", "v.Hu")
    decides = worst(entry["verdict"] for entry in shown)
    return max((entry for entry in shown if entry["verdict"] == decides), key=lambda entry: (
        entry["difference"] / entry["tolerance"] if entry["tolerance"] else entry["difference"]))


class _Side:
    """Derivatives of grads along directions."""

    def __init__(self, problem, analytics):
        self.problem = problem
        self.analytics = {path: one for path, one in analytics.items() if one.gradient.size}
        self.complex = True
        self.sigma = self._flat(lambda path, one: one.sigma)
        relative = {path: max(one.relative, one.eps / 4)
                    for path, one in self.analytics.items()}
        self.relative = self._flat(lambda path, one: np.full(one.gradient.size, relative[path]))

    def draw(self, name, path):
        """A direction through one tensor, in the units of its elements."""
        units = self.problem.leaves[path].units
        return {path: units * signs(self.problem.rng(name, path), units.shape)}

    def gradient(self, direction, t=0.0, h=None):
        """grads at point + t·direction (+ i h direction), one vector."""
        arrays = {}
        for path, u in direction.items():
            own = self.problem.leaves[path].own
            dtype = own.dtype if h is None else np.result_type(own, np.complex64)
            arrays[path] = (own + (t * u if h is None else 1j * h * u)).astype(dtype)
        found = self.problem.call_grads(arrays)
        return np.concatenate([found[path].ravel() for path in self.analytics] or [np.zeros(0)])

    def complex_step(self, v):
        """H v by complex step; None if grads takes no complex numbers."""
        try:
            step = self.gradient(v, h=TINY_STEP)
        except Exception:       # whatever it raises
            return None
        return step.imag / TINY_STEP if np.iscomplexobj(step) else None

    def times(self, v):
        """(H v, its error), element by element: by complex step where Richardson agrees."""
        step = self.complex_step(v)
        if step is not None and self._agrees(v, step):
            sizes = self._split(np.abs(step))
            spread = self._flat(lambda path, one: np.full(one.gradient.size, rms(sizes[path])))
            return step, 16 * self.relative * (np.abs(step) + shared(spread, np.abs(step), 16.0))
        self.complex = False
        return vector_richardson(lambda t: self.gradient(v, t).real, 3 * self.sigma)

    def _agrees(self, v, step):
        flat = self._flat(lambda path, one: signs(self.problem.rng("second", path),
                                                  one.gradient.size))

        def along(t):
            try:
                return float(flat @ self.gradient(v, t).real)
            except Exception:
                return math.nan
        real = richardson(along, 1.0, max(3 * norm(flat * self.sigma), 2 * EPS * abs(along(0.0))))
        value = float(flat @ step)
        room = 16 * norm(flat * self.relative * step) + EPS * math.sqrt(flat.size) * norm(
            flat * step)
        return abs(value - real.value) <= real.error + room

    def dot(self, u, product):
        """(u · H v, its error, |u * H v|_2) of a `product` (H v, its error)."""
        (path, own), = u.items()
        value, error = (self._split(part)[path] for part in product)
        own = own.ravel()
        size = norm(own * value)
        return (float(own @ value), norm(own * error) + EPS * math.sqrt(own.size) * size, size)

    def _flat(self, function):
        return np.concatenate([np.ravel(function(path, one))
                               for path, one in self.analytics.items()] or [np.zeros(0)])

    def _split(self, vector):
        sizes = [one.gradient.size for one in self.analytics.values()]
        return dict(zip(self.analytics, np.split(vector, np.cumsum(sizes)[:-1])))

    def check_hvp(self, hvp, v):
        """Entries of the report for hvp(params, v), one per tensor."""
        problem = self.problem
        whole = {path: v[path].astype(leaf.own.dtype) if path in v else np.zeros_like(leaf.own)
                 for path, leaf in problem.leaves.items()}
        arrays = {path: leaf.trial(leaf.own) for path, leaf in problem.leaves.items()}
        found = problem.check_structure(
            hvp(tree.rebuild(problem.params, arrays), tree.rebuild(problem.params, {
                path: problem.leaves[path].trial(array) for path, array in whole.items()})))
        value, error = (self._split(part) for part in self.times(v))
        return [self._hvp_entry(path, found[path], value[path], error[path])
                for path in self.analytics]

    def _hvp_entry(self, path, found, value, error):
        given = np.ravel(found).astype(float)
        tolerance = error + 4 * EPS * (np.abs(value) + rms(value))
        difference = np.abs(given - value)
        ratio = np.divide(difference, tolerance, where=tolerance > 0,
                          out=np.where(difference > 0, np.inf, 0.0))
        i = int(np.argmax(ratio))
        scale = float(max(np.abs(value).max(), np.abs(given).max()))
        return {"path": path, "verdict": verdict(float(difference[i]), float(tolerance[i]), scale,
                                                 not value.any() and not given.any()),
                "worst_index": unravel(i, np.shape(found)), "diff": float(difference[i]),
                "tolerance": float(tolerance[i]), "analytic": float(given[i]),
                "numeric": float(value[i])}


def curvature(numeric, u):
    """(d/dt)² of f along u, and its error: of its complex step, where that is believed.

    A second difference of f sees nothing of a tensor that is small beside others.
    """
    if numeric.method == "complex":
        def slope(t):
            return numeric.complex_along(u, t)
        found = richardson(slope, 1.0, 4 * numeric.eps * norm(u * numeric.gradient))
        return found.value, found.error
    return second_difference(lambda t: moved(numeric.problem, {numeric.path: u}, t), numeric.eps_f)


def second_difference(phi, eps_f):
    """(φ''(0), its error): Richardson on (φ(h) - 2φ(0) + φ(-h)) / h²."""
    center, table = phi(0.0), Neville()
    h = ODD / 8
    for _ in range(LEVELS):
        above, below = phi(h), phi(-h)
        if not (math.isfinite(above) and math.isfinite(below)):
            table.clear()
        else:
            level_noise = max(eps_f, 2 * EPS * max(abs(above), abs(below)))
            bound = 4 * level_noise / h ** 2
            table.add(((above - center) + (below - center)) / h ** 2, bound, h)
            if bound > 8 * table.error:
                break
        h /= 2
    return table.value, table.error


def vector_richardson(function, noise_f):
    """(derivative at 0, error) of a function with values in R^n, each element at its best entry."""
    row: list[tuple] = []
    value, error = np.full(noise_f.shape, np.nan), np.full(noise_f.shape, np.inf)
    for level in range(VECTOR_LEVELS):
        h = ODD / 8 * 2.0 ** -level
        above, below = function(h), function(-h)
        rounding = 2 * EPS * np.maximum(np.abs(above), np.abs(below))
        new = [((above - below) / (2 * h), np.maximum(noise_f, rounding) / h)]
        for j, (upper, upper_bound) in enumerate(row, 1):
            left, bound = new[-1]
            entry = left + (left - upper) / (4.0 ** j - 1)
            bound = (4.0 ** j * bound + upper_bound) / (4.0 ** j - 1)
            same = row[j][0] if j < len(row) else upper
            apart = np.maximum.reduce([np.abs(entry - other) for other in (left, upper, same)])
            estimate = AGREEMENT * apart + bound
            better = estimate < error
            value, error = np.where(better, entry, value), np.where(better, estimate, error)
            new.append((entry, bound))
        row = new
    return value, error

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
from npadasoft.gradcheck.derivative import AGREEMENT, EPS, LEVELS, ODD, Neville, richardson
from npadasoft.gradcheck.elements import FAIL_RATIO, unravel
from npadasoft.gradcheck.numeric import BLUNT, TINY_STEP, moved
from npadasoft.gradcheck.report import worst
from npadasoft.gradcheck.sizes import rms, signs

VECTOR_LEVELS = 20


def second_order(problem, numerics, analytics, hvp=None):
    """The three checks, as a dict for the report."""
    side = _Side(problem, analytics)
    eps_f = max([numeric.eps_f for numeric in numerics.values()], default=0.0)
    u, v = side.draw("second u"), side.draw("second v")
    uhv, vhu, uhu = side.product(u, v), side.product(v, u), side.product(u, u)
    bend = second_difference(lambda t: moved(problem, u, t), eps_f)
    result = {"method": "complex" if side.complex else "richardson",
              "curl": _compare(uhv, vhu, "u.Hv", "v.Hu"),
              "curvature": _compare(uhu, (bend[0], bend[1], abs(bend[0])), "u.Hu", "f''")}
    verdicts = [result["curl"]["verdict"], result["curvature"]["verdict"]]
    if hvp is not None:
        result["hvp"] = side.check_hvp(hvp, v)
        verdicts += [entry["verdict"] for entry in result["hvp"]]
    result["verdict"] = worst(verdicts)
    return result


def _compare(first, second, name, other):
    difference, tolerance = abs(first[0] - second[0]), first[1] + second[1]
    verdict = _verdict(difference, tolerance, max(first[2], second[2]),
                       first[0] == second[0] == 0)
    return {"verdict": verdict, "values": [first[0], second[0]], "difference": difference,
            "tolerance": tolerance,
            "text": f"{name} = {first[0]:.9g}, {other} = {second[0]:.9g}, difference "
                    f"{difference:.2g}, tolerance {tolerance:.2g}"}


def _verdict(difference, tolerance, scale, zero):
    if not math.isfinite(difference):
        return "NONFINITE"
    if difference > FAIL_RATIO * tolerance:
        return "FAIL"
    if difference > tolerance or (tolerance > BLUNT * scale and not zero):
        return "INCONCLUSIVE"
    return "VACUOUS" if zero else "PASS"


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

    def draw(self, name):
        """A direction through all tensors, as long as each tensor's scale."""
        leaves = self.problem.leaves
        return {path: (leaves[path].rms or 1.0)
                * signs(self.problem.rng(name, path), leaves[path].own.shape)
                for path in self.analytics}

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

    def product(self, u, v):
        """(u · H v, its error, |u * H v|_2): by complex step where Richardson agrees."""
        flat, step = self._flat(lambda path, one: u[path]), self.complex_step(v)

        def along(t):
            try:
                return float(flat @ self.gradient(v, t).real)
            except Exception:
                return math.nan

        noise_f = 3 * float(np.sqrt(np.sum((flat * self.sigma) ** 2)))
        real = richardson(along, 1.0, max(noise_f, 2 * EPS * abs(along(0.0))))
        if step is not None:
            value, size = float(flat @ step), float(np.sqrt(np.sum((flat * step) ** 2)))
            room = (16 * float(np.sqrt(np.sum((flat * self.relative * step) ** 2)))
                    + EPS * math.sqrt(flat.size) * size)
            if abs(value - real.value) <= real.error + room:
                return value, room, size
        self.complex = False
        return real.value, real.error, abs(real.value)

    def hessian_times(self, v):
        """(H v, its error), element by element; by complex step if `product` could use it."""
        step = self.complex_step(v) if self.complex else None
        if step is None:
            return vector_richardson(lambda t: self.gradient(v, t).real, 3 * self.sigma)
        sizes = self._split(np.abs(step))
        spread = self._flat(lambda path, one: np.full(one.gradient.size, rms(sizes[path])))
        return step, 16 * self.relative * (np.abs(step) + spread)

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
        value, error = (self._split(part) for part in self.hessian_times(v))
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
        return {"path": path, "verdict": _verdict(float(difference[i]), float(tolerance[i]), scale,
                                                  not value.any() and not given.any()),
                "worst_index": unravel(i, np.shape(found)), "diff": float(difference[i]),
                "tolerance": float(tolerance[i]), "analytic": float(given[i]),
                "numeric": float(value[i])}


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

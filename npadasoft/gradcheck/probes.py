"""Tensors too large for one derivative per element: random directions, bisection to the culprit.

A direction's entries are sign * U[1/2, 3/2].  With entries of one size (Rademacher) a pair of
errors (+d, -d) vanishes in half of all draws; with Gaussian or U[0, 1) entries a lone error hides
where the entry is small.  The tolerance of a projection is its own error estimate and does not know
its size.
"""
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from npadasoft.gradcheck.bisection import bisect, name_element, one_element
from npadasoft.gradcheck.circles import contradicted
from npadasoft.gradcheck.derivative import EPS, richardson
from npadasoft.gradcheck.elements import (FAIL_RATIO, SHARP, SWAMPED, between, judge, shift,
                                          unravel)
from npadasoft.gradcheck.numeric import complex_slope, moved
from npadasoft.gradcheck.sides import by_weight
from npadasoft.gradcheck.sizes import norm, signs

COARSE_BRANCH = "the complex step is less accurate than double precision: Richardson is used"
WOULD_CATCH = 8.0       # tolerances of a probe


@dataclass
class Probe:
    """One direction: u · g, the numeric derivative along u, and their tolerance."""

    u: Any
    analytic: float
    value: float
    error: float            # of value
    noise: float            # of analytic
    scale: float            # |u * g|_2
    real: Any = None        # the Richardson behind `value`, if it was one

    @property
    def tolerance(self):
        return self.error + self.noise

    @property
    def difference(self):
        return self.value - self.analytic

    @property
    def ratio(self):
        if self.difference == 0:
            return 0.0
        return abs(self.difference) / self.tolerance if self.tolerance else math.inf


def projection(u, analytic):
    """(u · g, bound of its error, |u * g|_2)."""
    products = u * analytic.gradient
    size = norm(products)
    noise = analytic.error_along(u) + EPS * math.sqrt(u.size) * size
    return float(np.sum(products)), noise, size


def probe(numeric, analytic, u):
    """Both sides along u."""
    value_g, noise, size = projection(u, analytic)
    if numeric.method == "complex":
        value = numeric.complex_along(u)
        error = 4 * numeric.eps * (abs(value) if numeric.eps == numeric.own_eps else size)
        return Probe(u, value_g, value, error, noise, size)
    real = numeric.along(u)
    return Probe(u, value_g, real.value, real.error, noise, size, real)


def check_probes(report, numeric, analytic, deterministic, count, extra=(), proven=False):
    """Fill in `report` for one tensor from `count` directions (and those in `extra`)."""
    shape = numeric.leaf.point.shape
    directions = [numeric.scale * signs(numeric.problem.rng("probe", numeric.path, k), shape)
                  for k in range(count)] + list(extra) + list(strata(numeric, analytic))
    found = [probe(numeric, analytic, u) for u in directions]
    widen(numeric, found)
    if coarse(numeric, analytic, found):
        numeric.method, numeric.note = "richardson", COARSE_BRANCH
        found = [probe(numeric, analytic, u) for u in directions]
        widen(numeric, found)
    report.checked, report.probed, report.method = len(found), True, numeric.method
    report.noise_source = analytic.source
    top = max(found, key=lambda p: p.ratio if math.isfinite(p.value) else math.inf)
    report.analytic, report.numeric = top.analytic, top.value
    report.numeric_error, report.analytic_noise = top.error, top.noise
    report.tolerance, report.ratio = top.tolerance, top.ratio
    report.would_catch = WOULD_CATCH * max(p.tolerance for p in found[:count]) / numeric.scale
    if not all(math.isfinite(p.value) for p in found):
        report.verdict, report.reason = "NONFINITE", "f is nan or inf at all displaced values"
        report.ratio = None
    elif top.ratio > FAIL_RATIO:
        _pursue(report, numeric, analytic, top)
    else:
        report.verdict, report.reason = _verdict(numeric, analytic, found, top, deterministic,
                                                 proven)
        if report.verdict == "INCONCLUSIVE":
            _kink(report, numeric, top)
    return found


def widen(numeric, found):
    """Add to a probe beyond its tolerance what changes where nothing but rounding does.

    Of Richardson only where it would be undecided: a FAIL is looked at a second time anyway.
    """
    for p in found:
        if p.ratio > 1 and p.real is None:
            p.error += 2 * numeric.spread(p.u, p.value)
        elif 1 < p.ratio <= FAIL_RATIO and not p.real.kink:
            p.error += shift(p.value, numeric.along(p.u, second=True))


def coarse(numeric, analytic, found):
    """Whether a complex step is less accurate than it looks, where it contradicts the gradient.

    If Richardson has the gradient within its error, circles are asked: along the probe, and at the
    one element that is off most, where no singularity of another is near.
    """
    top = max(found, key=lambda p: p.ratio)
    if numeric.method != "complex" or not 1 < top.ratio < math.inf:
        return False
    numeric.exact &= numeric.unreal <= 4 * numeric.eps_f
    for u, value, g, noise, real in _suspects(numeric, analytic, top):
        if real.kink or not abs(real.value - g) <= real.error + noise:
            return False
        sharp = real.error <= SHARP * max(abs(value), abs(g))
        if sharp and not (numeric.exact and not contradicted(numeric, u, value, real)):
            return True
    return False


def _suspects(numeric, analytic, top):
    """(direction, complex step, gradient, its noise, Richardson): the probe, then one element."""
    yield top.u, top.value, top.analytic, top.noise, numeric.along(top.u)
    i = bisect(numeric, analytic, top, to_the_end=True)[0]
    yield (numeric.only(i), float(one_element(numeric, analytic, i).value[0]),
           float(analytic.gradient.flat[i]), float(analytic.error.flat[i]), numeric.at(i))


def strata(numeric, analytic):
    """One more direction for each size of gradient but the largest, and for zeros.

    Along all elements together small ones do not show; along their like they do.
    """
    weight = np.abs(analytic.gradient.ravel())
    for k, members in enumerate(by_weight(weight)[1:]):
        u = signs(numeric.problem.rng("stratum", numeric.path, k), weight.shape)
        yield (numeric.scale * np.where(members, u, 0)).reshape(numeric.leaf.point.shape)


def _verdict(numeric, analytic, found, top, deterministic, proven):
    if top.ratio > 1:
        return "INCONCLUSIVE", between(top.ratio)
    if not analytic.gradient.any() and all(p.value == 0 for p in found):
        if numeric.swamped():
            return "INCONCLUSIVE", SWAMPED
        return "VACUOUS", "gradient and derivative are zero: nothing was tested"
    if numeric.blunt and not all(p.value and p.analytic for p in found):
        return "INCONCLUSIVE", numeric.note
    if not deterministic:
        return "NONDETERMINISTIC", "repeated calls of f or grads differ"
    for p in found:
        size = max(p.scale, abs(p.value))
        if not p.tolerance <= SHARP * size and p.scale and not proven:
            return "INCONCLUSIVE", (f"blunt: tolerance {p.tolerance:.1g} is above {SHARP:g} of "
                                    f"the scale {size:.2g}, along {np.count_nonzero(p.u)} elements")
    return "PASS", ""


def _kink(report, numeric, top):
    real = top.real or numeric.along(top.u)
    if real.kink:
        report.verdict, report.left, report.right = "KINK", real.left, real.right
        report.reason = "f has two slopes along this probe"


def _pursue(report, numeric, analytic, top):
    """A probe failed: name a wrong element, or at least the smallest block that fails."""
    real = top.real or numeric.along(top.u)
    if real.kink:
        _kink(report, numeric, top)
        return
    again = numeric.along(top.u, second=True) if top.real else real
    report.curve = {"of": "along a probe", "levels": real.levels, "analytic": top.analytic,
                    "numeric": top.value}
    report.verdict, report.reason = judge(numeric, again, top.value, top.error, top.analytic,
                                          top.noise, top.u)
    block = bisect(numeric, analytic, top)
    report.worst_index = unravel(block[0], report.shape)
    if report.verdict != "FAIL" or len(block) > 1:
        report.reason += f"; the smallest failing block is {len(block)} elements from there"
        return
    name_element(report, numeric, analytic, block[0])


# -------------------------------------------------------------------- all tensors at once

def joint_probe(problem, numerics, analytics):
    """One direction through all tensors together: (Probe, directions by path)."""
    directions = {path: numeric.scale * signs(problem.rng("joint", path), numeric.leaf.own.shape)
                  for path, numeric in numerics.items()}
    sides = [projection(u, analytics[path]) for path, u in directions.items()]
    analytic, noise = sum(s[0] for s in sides), sum(s[1] for s in sides)
    size = norm([s[2] for s in sides])
    if all(numeric.method == "complex" for numeric in numerics.values()):
        value = complex_slope(problem, directions, 2.0 ** -66)
        eps = max(numeric.eps for numeric in numerics.values())
        error = 4 * eps * max(abs(value), size)
        return Probe(None, analytic, value, error, noise, size), directions
    real = richardson(lambda t: moved(problem, directions, t), 1.0,
                      max(numeric.eps_f for numeric in numerics.values()),
                      eps=max(numeric.own_eps for numeric in numerics.values()))
    return Probe(None, analytic, real.value, real.error, noise, size, real), directions

"""Tensors too large for one derivative per element: random directions, bisection to the culprit.

A direction's entries are sign * U[1/2, 3/2], in the scale of each element (`strata.scales`).  With
entries of one size (Rademacher) a pair of errors (+d, -d) vanishes in half of all draws; with
Gaussian or U[0, 1) entries a lone error hides where the entry is small.  The tolerance of a
projection is its own error estimate and does not know its size.

Along all elements together small ones do not show; so each stratum of like weight has directions of
its own, and all of it passes only if 1 % of the least of its elements would show there.
"""
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from npadasoft.gradcheck.analytic import SAFETY
from npadasoft.gradcheck.bisection import bisect, one_element
from npadasoft.gradcheck.cancelled import flat, lost, rounding_along
from npadasoft.gradcheck.circles import contradicted
from npadasoft.gradcheck.derivative import EPS
from npadasoft.gradcheck.elements import FAIL_RATIO, SHARP, SWAMPED, between, shift
from npadasoft.gradcheck.numeric import BLUNT, SEEN
from npadasoft.gradcheck.pursuit import kink, pursue
from npadasoft.gradcheck.sizes import norm, signs
from npadasoft.gradcheck.strata import scales, split

SWAMPED_HERE = ("the tensor is swamped: f is too coarse to tell whether the complex step is right "
                "along some of its elements; leave its constant part out?")
COARSE_BRANCH = "the complex step is less accurate than double precision: Richardson is used"
WOULD_CATCH = 8.0       # tolerances of a probe
SHOWS = SHARP / 4       # of an element: where a probe's tolerance is less, SHARP of it shows
DRAWS = 2               # directions of a stratum: errors that cancel in one do not in the other
LARGE, FEW = 2 ** 16, 2 ** -10      # so many elements have some that are small by chance


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
    members: Any = None     # the stratum it runs along, if it is not all elements
    finer: bool = False     # in the elements' own units

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


def probe(numeric, analytic, u, members=None):
    """Both sides along u."""
    value_g, noise, size = projection(u, analytic)
    if numeric.method == "complex":
        value = numeric.truncated_along(u, numeric.complex_along(u))
        error = 4 * numeric.eps * (abs(value) if numeric.eps == numeric.own_eps else size)
        return Probe(u, value_g, value, error, noise, size, None, members)
    real = numeric.along(u)
    return Probe(u, value_g, real.value, real.error, noise, size, real, members)


def check_probes(report, numeric, analytic, deterministic, count, extra=(), proven=False):
    """Fill in `report` for one tensor from `count` directions (and those in `extra`)."""
    strata = Strata(numeric, analytic)
    directions = list(strata.directions(count)) + [(u / strata.scale, None) for u in extra]

    def measured():
        found = [strata.probe(u, members) for u, members in directions]
        widen(numeric, found)
        return found
    found = measured()
    if strata.refute() or coarse(numeric, analytic, found):
        if numeric.method == "complex":
            numeric.method, numeric.note = "richardson", COARSE_BRANCH
        found = measured()
    report.checked, report.probed, report.method = len(found), True, numeric.method
    report.noise_source = analytic.source
    top = max(found, key=lambda p: p.ratio if math.isfinite(p.value) else math.inf)
    report.analytic, report.numeric = top.analytic, top.value
    report.numeric_error, report.analytic_noise = top.error, top.noise
    report.tolerance, report.ratio = top.tolerance, top.ratio
    if not all(math.isfinite(p.value) for p in found):
        report.verdict, report.reason = "NONFINITE", "f is nan or inf at all displaced values"
        report.ratio = None
        return found
    strata.sharpen(found[:len(directions) - len(extra)])
    report.would_catch, report.would_catch_relative = strata.would_catch()
    if top.ratio > FAIL_RATIO:
        pursue(report, strata, found)
    else:
        blunt = "" if proven else strata.blunt()
        report.verdict, report.reason = _verdict(strata, found, top, deterministic, blunt)
        if report.verdict == "INCONCLUSIVE":
            kinked = [p for p in found if p.real and p.real.kink] + [top] * (top.ratio > 1)
            kink(report, numeric, *kinked[:1])
    return found


class Strata:
    """The strata of a tensor, and what a probe along each can tell of its elements.

    Directions are in the scale of the elements.
    """

    def __init__(self, numeric, analytic):
        self.numeric, self.analytic = numeric, analytic
        self.scale = scales(numeric.leaf.point)
        weight = (self.scale * np.abs(analytic.gradient)).ravel()
        gone = lost(weight, (self.scale * analytic.error).ravel())
        self.weight = np.where(gone, 0.0, weight)
        self.noise = (SAFETY * self.scale * analytic.along).ravel() + EPS * self.weight * math.sqrt(
            weight.size)
        self.masks = split(self.weight, self.noise, SHOWS / 2)
        self.tolerance = np.full(weight.size, math.inf)     # of the best probe along each element
        self.unseen = False

    def directions(self, count):
        """(direction, its stratum): `count` along all, then along each stratum that needs it."""
        rng, path, shape = self.numeric.problem.rng, self.numeric.path, self.scale.shape
        for k in range(count):
            yield signs(rng("probe", path, k), shape), None
        first = self.weight[self.masks[0]].min(initial=math.inf)
        served = norm(self.noise) <= SHOWS / 2 * first
        for k, members in enumerate(self.masks):
            for draw in range(0 if k == 0 and served else DRAWS):
                u = signs(rng("stratum", path, k, draw), shape)
                yield np.where(members.reshape(shape), u, 0.0), members

    def probe(self, u, members):
        """Both sides along u; in the elements' own units where that crosses no kink and this does.
        """
        found = probe(self.numeric, self.analytic, self.scale * u, members)
        if found.real and found.real.kink:
            finer = self.finer(found)
            return found if finer.real.kink else finer
        return found

    def finer(self, p):
        """The same probe in the elements' own units, with its Richardson."""
        found = probe(self.numeric, self.analytic, p.u / self.scale * self.numeric.units, p.members)
        found.finer = True
        return found

    def refute(self):
        """Whether Richardson along a stratum refutes the complex step: then it is not used.

        In the units of the elements themselves, where it crosses no kink of a small one.
        """
        numeric, seen = self.numeric, not self.numeric.blunt
        if numeric.method != "complex":
            return False
        for k, members in enumerate(self.masks):
            if members.all():
                continue                # as in the comparison that chose the complex step
            u = np.where(members.reshape(self.scale.shape), numeric.draw("trust", k), 0.0)
            real = numeric.along(u)
            if real.kink:
                continue
            if not numeric.agrees(numeric.complex_along(u), real):
                return True
            zero = not self.weight[members].any()
            blind = not real.error <= (BLUNT * self.weight.max() if zero else SEEN * norm(
                u * self.analytic.gradient))
            seen |= not (zero or blind)
            self.unseen |= blind and not (real.constant or numeric.elsewhere if zero else seen)
        return False

    def sharpen(self, found):
        """Take over the tolerances of probes along all elements and along strata."""
        worst: dict = {}
        wider = (self.scale / self.numeric.units).ravel()
        for p in found:
            key = slice(None) if p.members is None else p.members
            tolerance = (p.tolerance * (wider if p.finer else np.ones(wider.shape)))[key]
            known = worst.get(id(p.members), (key, tolerance))[1]
            worst[id(p.members)] = key, np.maximum(known, tolerance)
        for key, tolerance in worst.values():
            self.tolerance[key] = np.minimum(self.tolerance[key], tolerance)

    def would_catch(self):
        """The smallest error that would have been a FAIL in any element; as a part of it."""
        part = self.tolerance / np.where(self.weight > 0, self.weight, math.inf)
        return (WOULD_CATCH * float((self.tolerance / self.scale.ravel()).max()),
                WOULD_CATCH * float(part.max()))

    def blunt(self):
        """Why a gross error in an element might not show; nothing if it would."""
        shown = self.weight > 0
        if self.unseen and shown.any():
            return SWAMPED_HERE
        limit = np.where(shown, SHOWS * self.weight, SHARP * (
            np.median(self.weight[shown]) if shown.any() else math.inf))
        blunt = ~(self.tolerance <= limit)
        count, size = int(blunt.sum()), blunt.size
        if count <= (FEW * size if size >= LARGE else 0):
            return ""
        i = int(np.argmax(np.where(blunt, self.tolerance / limit, 0)))
        return (f"blunt at {count} of {size} elements: what changes f by {self.weight[i]:.1g} is "
                f"probed with a tolerance of {self.tolerance[i]:.1g}; max_elements=None looks at "
                "each alone")


def widen(numeric, found):
    """Add to a probe beyond its tolerance what changes where nothing but rounding does.

    Of Richardson only where it would be undecided: a FAIL is looked at a second time anyway.
    """
    for p in found:
        if p.ratio > 1 and p.real is None:
            p.error += 2 * max(numeric.spread(p.u, p.value), rounding_along(numeric, p.u, p.value))
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


def _verdict(strata, found, top, deterministic, blunt):
    numeric, analytic = strata.numeric, strata.analytic
    if top.ratio > 1:
        return "INCONCLUSIVE", between(top.ratio)
    if not analytic.gradient.any() and all(p.value == 0 for p in found):
        if numeric.swamped():
            return "INCONCLUSIVE", SWAMPED
        return "VACUOUS", "gradient and derivative are zero: nothing was tested"
    gone = not strata.weight.any() and flat(numeric, max(max(p.scale, abs(p.value))
                                                         for p in found))
    if not gone and numeric.blunt and not all(p.value and p.analytic for p in found):
        return "INCONCLUSIVE", numeric.note
    if not deterministic:
        return "NONDETERMINISTIC", "repeated calls of f or grads differ"
    if not gone and not strata.weight.any():
        return "INCONCLUSIVE", SWAMPED_HERE
    return ("INCONCLUSIVE", blunt) if blunt else ("PASS", "")

"""One tensor, element by element: both gradients, the tolerance, the verdict."""
import math
from dataclasses import dataclass

import numpy as np

from npadasoft.gradcheck.numeric import BLUNT
from npadasoft.gradcheck.problem import rms

FAIL_RATIO = 4.0
CANDIDATES = 64         # elements looked at again, at most
WOULD_CATCH = 4.0       # tolerances


@dataclass
class Side:
    """The numeric gradient of a tensor: values, errors, kinks, and slopes at those."""

    value: np.ndarray
    error: np.ndarray
    kink: np.ndarray
    slopes: dict


def numeric_gradient(numeric):
    """Every element, by the tensor's method."""
    n = numeric.leaf.point.size
    value, error = np.zeros(n), np.zeros(n)
    kink, slopes = np.zeros(n, bool), {}
    for i in range(n):
        if numeric.method == "complex":
            value[i] = numeric.complex_at(i)
            continue
        d = numeric.at(i)
        value[i], error[i], kink[i] = d.value, d.error, d.kink
        slopes[i] = (d.left, d.right)
    if numeric.method == "complex":
        error = complex_error(value, numeric.eps)
    return Side(value, error, kink, slopes)


def complex_error(value, eps):
    """4 eps |n_i| + 2 eps rms n: rounding, relative to the tensor's largest elements as well."""
    return 4 * eps * np.abs(value) + 2 * eps * rms(value) + 4 * 2.0 ** -1074


def check_elements(report, numeric, analytic, deterministic):
    """Fill in `report` for one tensor; returns the numeric side (for the hints)."""
    g = analytic.gradient.ravel()
    side = numeric_gradient(numeric)
    tolerance = side.error + analytic.error.ravel()
    difference = np.abs(g - side.value)
    report.checked, report.method = g.size, numeric.method
    report.noise_source = analytic.source
    if not np.isfinite(side.value).all():
        first = int(np.flatnonzero(~np.isfinite(side.value))[0])
        describe(report, first, g, side, analytic, tolerance)
        report.verdict, report.reason = "NONFINITE", "f is nan or inf at all displaced values"
        report.ratio = None
        return side
    ratio = np.divide(difference, tolerance, out=np.where(difference > 0, np.inf, 0.0),
                      where=tolerance > 0)
    report.nonzero = int(np.sum(np.abs(side.value) > (
        0 if numeric.method == "complex" else side.error)))
    order = np.argsort(-ratio, kind="stable")
    report.verdict, report.reason, chosen = _verdict(
        numeric, analytic, side, g, ratio, order, tolerance, deterministic, report)
    describe(report, chosen, g, side, analytic, tolerance)
    report.ratio = float(ratio[chosen])
    return side


def describe(report, index, g, side, analytic, tolerance):
    """The numbers of one element."""
    report.worst_index = unravel(index, report.shape)
    report.analytic, report.numeric = float(g[index]), float(side.value[index])
    report.numeric_error = float(side.error[index])
    report.analytic_noise = float(analytic.error.ravel()[index])
    report.tolerance = float(tolerance[index])
    report.would_catch = WOULD_CATCH * float(tolerance.max())


def unravel(index, shape):
    """Flat index to a tuple of ints."""
    return tuple(int(i) for i in np.unravel_index(index, shape)) if shape else ()


def _verdict(numeric, analytic, side, g, ratio, order, tolerance, deterministic, report):
    """(verdict, reason, index of the element that decided)."""
    top = int(order[0])
    failing = [int(i) for i in order[:CANDIDATES] if ratio[i] > FAIL_RATIO]
    kinks = []
    for i in failing:
        state, reason = confirm(numeric, i, g[i], side, analytic.error.ravel()[i], report)
        if state == "FAIL":
            return "FAIL", reason, i
        if state == "KINK":
            kinks.append((i, reason))
    if kinks:
        return "KINK", kinks[0][1], kinks[0][0]
    if failing:
        return "INCONCLUSIVE", reason, failing[-1]
    if ratio[top] > 1:
        return _or_kink(numeric, top, g, side, report,
                        f"{ratio[top]:.2g} tolerances: not a pass, not enough for a fail")
    if not g.any() and not side.value.any():
        if numeric.blunt:
            return "INCONCLUSIVE", f"zero, but {numeric.note}", top
        return "VACUOUS", "gradient and derivative are identically zero: nothing was tested", top
    if numeric.blunt and not (side.value.any() and g.any()):
        return "INCONCLUSIVE", numeric.note, top
    return _sharpness(numeric, analytic, side, g, tolerance, top, deterministic, report)


def _sharpness(numeric, analytic, side, g, tolerance, top, deterministic, report):
    scale = max(float(np.abs(g).max()), float(np.abs(side.value).max()))
    limit = blunt_limit(analytic.eps)
    dullest = int(np.argmax(tolerance))
    if tolerance[dullest] > limit * scale:
        if not deterministic:
            return "NONDETERMINISTIC", "repeated calls differ: tolerance is their spread", top
        return _or_kink(numeric, dullest, g, side, report,
                        f"blunt: tolerance {tolerance[dullest]:.1g} is above {limit:.1g} of the "
                        f"largest element {scale:.2g}")
    if not deterministic:
        return "NONDETERMINISTIC", "repeated calls of f or grads differ", top
    return "PASS", "", top


def blunt_limit(eps):
    """The largest tolerance, relative to the scale, that is worth a PASS."""
    return max(BLUNT, 32 * eps)


def _or_kink(numeric, i, g, side, report, reason):
    if not side.kink[i] and numeric.method == "complex":
        found = numeric.at(i)
        side.kink[i], side.slopes[i] = found.kink, (found.left, found.right)
    if side.kink[i]:
        return "KINK", _slopes(report, g[i], *side.slopes[i]), i
    return "INCONCLUSIVE", reason, i


def _slopes(report, g, left, right):
    report.left, report.right = left, right
    between = min(left, right) <= g <= max(left, right)
    return ("f has two slopes here; the analytic one lies between" if between else
            "f has two slopes here; the analytic one lies outside both")


def confirm(numeric, i, g, side, noise, report):
    """A second opinion on a difference: (FAIL, KINK or INCONCLUSIVE, reason)."""
    if side.kink[i]:
        return "KINK", _slopes(report, g, *side.slopes[i])
    real = numeric.at(i, second=numeric.method == "richardson")
    if real.kink:
        return "KINK", _slopes(report, g, real.left, real.right)
    return judge(numeric, real, side.value[i], side.error[i], g, noise)


def judge(numeric, real, value, error, g, noise):
    """Whether Richardson `real` supports the numeric `value` against the analytic `g`."""
    if not abs(real.value - value) <= real.error + error:
        numeric.refuted = numeric.method == "complex"
        return "INCONCLUSIVE", (f"not confirmed: numeric {value:.9g}, but Richardson "
                                f"{real.value:.9g} +/- {real.error:.1g}")
    agrees = f"confirmed: Richardson {real.value:.9g} +/- {_tiny(real.error)} agrees"
    if numeric.blunt and not abs(real.value - g) > FAIL_RATIO * (real.error + noise):
        return "INCONCLUSIVE", f"not confirmed: {numeric.note}"
    return "FAIL", agrees


def _tiny(error):
    return f"{error:.1g}" if math.isfinite(error) else "?"

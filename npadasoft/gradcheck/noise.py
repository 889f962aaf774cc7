"""How far the values of a function are off: measured from their differences, on a ladder.

A smooth function on equally spaced points has tiny differences of high order; what is left there
is noise.  [Moré, Wild 2011, Estimating computational noise, SIAM J. Sci. Comput. 33(3), 1292-1314]
"""
import math
from functools import cache
from math import comb
from typing import NamedTuple

import numpy as np

from npadasoft.gradcheck.errors import GradcheckUsage
from npadasoft.gradcheck.sizes import rms
from npadasoft.gradcheck.stairs import WIDE_SLOPE, jump, stairs

# One spacing is not enough: a float32 cast inside f is constant on the finest and seen on a
# coarser one, while a coarse one takes curvature and kinks for noise.  The factor keeps off the
# binary grid.
LADDER = tuple(2.0 ** -k * 0.7368 for k in (46, 40, 33, 26, 19, 13, 9, 5))
POINTS = 17
# Where a lower precision may show: on the finest a flat direction has no trend above the noise, on
# the coarsest a curved one is taken for a bend; the one between serves both.
LOUDER = tuple(2.0 ** -k * 0.7368 for k in (18, 13, 8))
FEW_POINTS = 9          # of a coarser rung: a first look
DISTINCT, FEW_DISTINCT = 8, 4       # values, of all points or of the first look
RESONANCE = (1.0, 0.618)    # a quantum that divides one spacing hardly divides the others
LONE = 16.0     # one half of the points this much quieter than all of them: a kink, not noise
STANDS_OUT = 4.0        # times the noise of finer rungs: a coarser one has more
TREND = 16.0            # times its noise, at least, a coarser rung must range over: no oscillation
WIDER = 4.0             # times as wide, noise stays what it is; kinks and curvature grow
NOISY = 2.0 ** -40      # of φ: with more noise its slopes on such steps would show no stairs


class Noise(NamedTuple):
    """Noise of one function: its standard deviation, and the spacing it was seen on."""

    sigma: float
    spacing: float
    plateau: bool           # constant on finer spacings

    @property
    def none(self):
        """Whether nothing was measured: constant on all spacings, or exact."""
        return self.sigma == 0.0 and not self.plateau

    def stairs(self, value):
        """Whether it is of stairs about as wide as steps, of a function of this `value`.

        Other ways to differentiate see none of them.
        """
        return (self.plateau and self.spacing >= LOUDER[-1]
                and self.sigma > NOISY * abs(value))


def noise(phi, scale=1.0, quiet=None, wide=True):
    """Measure the noise of `phi` around 0.

    Parameters
    ----------
    phi : callable
        Takes a float, returns a float.
    scale : float
        A distance over which `phi` may be sampled, more or less.
    quiet : list of float, optional
        `louder_lines` of a function that moves wherever `phi` does: where it is quiet, so is `phi`.
    wide : bool
        Whether to look for stairs about as wide as `scale`.

    Returns
    -------
    Noise
        `sigma`, in units of `phi`; `spacing`, in units of its argument; `plateau`, True if `phi` is
        constant on finer spacings: a staircase, or less precision inside than outside.

    Notes
    -----
    The finest spacing on which `phi` moves is taken; and a coarser one if there is more noise on
    it that rides on a trend: one term of single precision beside one of double is constant on the
    finest, where the other moves.  Stairs of half precision or of rounding may be as wide as the
    whole line: they are looked for by halving.

    Examples
    --------
    >>> import numpy as np
    >>> exact = noise(np.sin)
    >>> cast = noise(lambda t: float(np.float32(np.sin(1 + t))))
    >>> exact.sigma < 1e-15, exact.plateau, 1e-9 < cast.sigma < 1e-7, cast.plateau
    (True, False, True, True)
    """
    check_scale(scale)
    phi = cache(phi)
    for rung, spacing in enumerate(LADDER):
        step = spacing * scale
        values = _line(phi, 2 * step, FEW_POINTS)
        if len(set(values.tolist())) < FEW_DISTINCT:
            continue
        values = _filled(phi, step, values)
        if np.isfinite(values).all() and len(set(values.tolist())) >= DISTINCT:
            lines = [values] + (_coarser(phi, scale, rung) if rung else [])
            found = Noise(max(_sigma(line) for line in lines), step, rung > 0)
            found = _louder(phi, scale, found, quiet)
            return _of_stairs(phi, scale, found, quiet) if wide else found
    return Noise(0.0, LADDER[-1] * scale, False)


def _coarser(phi, scale, rung):
    """More lines on a plateau: at its edge noise is correlated, and small."""
    steps = [scale * factor * spacing for spacing in LADDER[rung:rung + 2] for factor in RESONANCE]
    lines = [_line(phi, step, FEW_POINTS) for step in steps[1:]]
    return [line for line in lines if np.isfinite(line).all()]


def louder_lines(phi, scale=1.0):
    """σ on the coarser rungs, by a first look, and the height of stairs."""
    return [_sigma(_line(phi, spacing * scale, FEW_POINTS)) for spacing in LOUDER] + [
        stairs(phi, scale)]


def _louder(phi, scale, found, quiet):
    """`found`, or what a coarser rung shows beyond it."""
    floor = STANDS_OUT * max(found.sigma, 2.0 ** -52 * abs(phi(0.0)))
    for k, spacing in enumerate(LOUDER):
        step, sigma = spacing * scale, math.inf
        if step <= found.spacing or quiet and quiet[k] <= floor:
            continue
        for points, wide in ((FEW_POINTS, 1.0), (POINTS, 1.0), (POINTS, WIDER)):
            values = _line(phi, step * wide, points)
            if not np.isfinite(values).all():
                return found
            narrow, sigma = sigma, _sigma(values)
            least = STANDS_OUT * max(found.sigma, 2.0 ** -52 * np.abs(values).max())
            if not least < sigma < np.ptp(values) / TREND:
                break
        else:
            if sigma <= STANDS_OUT * narrow and any(
                    jump(phi, width, found.sigma, WIDE_SLOPE) for width in (8 * step, -8 * step)):
                found = Noise(narrow, step, True)
    return found


def _of_stairs(phi, scale, found, quiet):
    """`found`, or what stairs amount to whose steps are too coarse to look like noise."""
    if quiet and not quiet[-1] or found.sigma > NOISY * abs(phi(0.0)):
        return found
    height = stairs(phi, scale, found.sigma)
    if not height > STANDS_OUT * found.sigma:
        return found
    lines = [_line(phi, spacing * scale) for spacing in (*LOUDER[1:], LADDER[-1])]
    sigma = max([height / 3] + [difference_noise(line) for line in lines
                                if np.isfinite(line).all()])
    return Noise(max(sigma, found.sigma), LADDER[-1] * scale, True)


def _filled(phi, step, coarse):
    """The line of twice as many steps of which `coarse` has every other point."""
    middle = len(coarse) // 2
    values = np.empty(2 * len(coarse) - 1)
    values[::2] = coarse
    values[1::2] = [phi((2 * j + 1) * step) for j in range(-middle, middle)]
    return values


def _line(phi, step, points=POINTS):
    return np.array([phi(j * step) for j in range(-(points // 2), points // 2 + 1)])


def check_scale(scale):
    """Refuse what is no distance."""
    if not (np.isfinite(scale) and scale > 0):
        raise GradcheckUsage(f"scale: expected a positive finite number, got {scale!r}")


def _sigma(values):
    """Noise of equally spaced values; of their quieter half if a kink spoils the other."""
    whole = difference_noise(values)
    middle = len(values) // 2
    if middle < FEW_POINTS - 1:
        return whole
    half = min(difference_noise(values[:middle + 1]), difference_noise(values[middle:]))
    return half if half < whole / LONE else whole


def difference_noise(values):
    """σ_k = √(k!²/(2k)! mean(Δ^k)²), of the first k that is credible.

    Credible: σ_k, σ_{k+1}, σ_{k+2} agree within a factor 4, and Δ^k changes sign.  Otherwise the
    smallest σ_k, which then still holds some trend and errs on the safe side.
    """
    sigmas, changes, difference = [], [], np.asarray(values, float)
    for k in range(1, min(11, len(values) - 3)):
        difference = np.diff(difference)
        sigmas.append(rms(difference) / comb(2 * k, k) ** 0.5)
        changes.append(bool(difference.min() < 0 < difference.max()))
    for k in range(len(sigmas) - 2):
        window = sigmas[k:k + 3]
        if changes[k] and max(window) <= 4 * min(window):
            return sigmas[k]
    return min(sigmas)

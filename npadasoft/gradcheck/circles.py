"""Cauchy's integral around a point: whether the complex branch of f is as good as it looks."""
import math

import numpy as np

from npadasoft.gradcheck.numeric import moved

RADII = tuple(2.0 ** -k for k in range(1, 10))     # of a direction in the units of the elements
CORNERS = 32
ALIKE = 2.0 ** 16   # a circle twice as wide has the term r^32 2^32 times: that much is none of it


def contradicted(numeric, u, value, real):
    """Whether circles refute the complex step `value` along u, below Richardson's error.

    f'(x) = mean of f(x + r w) / (r w) over the roots w of unity, but for the term r^32 of f's
    series and for rounding: nothing cancels, so it is sharper than Richardson `real`.  Circle and
    step read the same branch of f, and differ only where that branch is less accurate than double
    precision: a series for complex numbers that is stopped early.  A circle twice as wide shows how
    large the term r^32 is, and whether a singularity lies within.

    Source: Lyness, Moler 1967, Numerical differentiation of analytic functions, SIAM J. Numer.
    Anal. 4(2), 202-210.
    """
    size = float((np.abs(u) / numeric.units).max())
    wide = math.nan
    for radius in RADII:
        narrow, rounding = _circle(numeric, u, radius / size)
        off = abs(narrow - value)
        if off <= rounding:             # so it is on all narrower ones
            return False
        if abs(narrow - real.value) <= real.error and abs(wide - narrow) <= ALIKE * off:
            return True
        wide = narrow
    return False


def _circle(numeric, u, radius):
    """(derivative along u, four standard deviations of its rounding)."""
    turns = np.exp(2j * np.pi * (np.arange(CORNERS) + 0.5) / CORNERS)
    values = np.array([moved(numeric.problem, {numeric.path: u}, r.real, r.imag)
                       for r in radius * turns])
    noise = max(numeric.eps_f / 2, numeric.own_eps * float(np.abs(values).max()))
    return float(np.mean(values / turns).real) / radius, 4 * noise / CORNERS ** 0.5 / radius

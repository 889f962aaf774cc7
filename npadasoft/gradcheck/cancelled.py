"""A derivative that is zero because its terms cancel: of a softmax's sum, of a mean taken off.

What is left of such a sum is the rounding of its terms, in f, in its complex step and in the
gradient.  It differs from a tensor that is swamped, where f is large and its slope is not: there
the slope is small, and yet has all its digits.
"""
import numpy as np

from npadasoft.gradcheck.derivative import EPS
from npadasoft.gradcheck.noise import LADDER, Noise, difference_noise

PARTS = (0.7368, 0.618, 1.37, 0.9, 1.12, 0.83)      # of a step: other roundings, the same slope
FEW = 4.0           # a rounding that takes few values is as large as this many times its spread
TERMS = 8 * EPS     # what is left of a sum that cancels, as a part of its terms; a little less
SHARE = 1e-2        # of the terms, at most, a slope may be that Richardson does not see
CHANCE = 0.05       # of the elements have far less noise than their like, as far as was measured


def rounding(numeric, index, value):
    """How far the complex step at an element changes with the step: by nothing but rounding."""
    return FEW * max(abs(numeric.complex_at(index, part) - value) for part in PARTS)


def rounding_along(numeric, u, value):
    """The same along a direction."""
    return FEW * max(abs(numeric.complex_along(part * u) / part - value) for part in PARTS)


def lost(weight, room):
    """Elements with a weight that is within its `room` for rounding.

    And the few that are not by chance, where one is too small by measurement: of what most have.
    """
    found = weight <= room
    if found.any():
        near = found | (weight <= FEW * np.median(room[found]))
        if near.sum() <= (1 + CHANCE) * found.sum():
            return near
    return found


def flat(numeric, left):
    """Whether f has no slope along the tensor, as far as the terms go of which `left` is left."""
    real = numeric.whole or numeric.along(numeric.draw("trust"))
    return bool(abs(real.value) <= 2 * real.error <= SHARE * left / TERMS)


def restless(phi):
    """Noise of an f that takes a few values at random, all of which are rounding."""
    lines = [np.array([phi(j * spacing) for j in range(-8, 9)]) for spacing in LADDER[:3]]
    return Noise(max([0.0] + [min(difference_noise(line[:9]), difference_noise(line[8:]))
                              for line in lines if np.isfinite(line).all()]), LADDER[0], False)

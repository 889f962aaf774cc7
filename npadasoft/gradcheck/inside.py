"""The noise of f near the edge of its domain, or a pole: measured inside, where lines are whole.

Lines around the point leave the domain there, and those that do not are so short that a rounding of
f's value is constant on them.
"""
import math

from npadasoft.gradcheck.noise import noise
from npadasoft.gradcheck.numeric import moved
from npadasoft.gradcheck.stairs import REACH

INSIDE = 0.25       # of each element nearer to 0: the widest line is a fifth of it


def noise_inside(found, phi, problem, path, u):
    """`found`, or the noise of f around (1 - INSIDE) x if φ, f along u, is not defined both ways.

    As large as it is for f's value at the point: where f is less, so is its rounding.
    """
    if math.isfinite(phi(REACH)) and math.isfinite(phi(-REACH)):
        return found
    x = problem.leaves[path].point

    def inner(t):
        return moved(problem, {path: t * u - INSIDE * x}, 1.0)
    size = max(abs(inner(t)) for t in (-INSIDE / 2, 0.0, INSIDE / 2))   # one may be 0 by chance
    if not 0 < size < math.inf:
        return found
    other = noise(inner)
    sigma = other.sigma * max(1.0, abs(phi(0.0)) / size)
    return other._replace(sigma=sigma) if sigma > found.sigma else found

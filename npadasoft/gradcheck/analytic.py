"""The noise of the gradient under test: measured from its fourth differences along a line.

The cotangent moves along, in which a gradient is linear: else the rounding of a sum over it, as of
a bias, is the same at every point.  And because the first rounding in a backward pass is as good
as one of its input, the gradient is asked for at two points one rounding away: where it is
ill-conditioned (a saturated softmax of large logits) that is more than all other noise.
"""
from dataclasses import dataclass

import numpy as np

from npadasoft.gradcheck import tree
from npadasoft.gradcheck.problem import UNDEFINED, quiet, rms, signs

SPACING = {2: 2.0 ** -6, 4: 2.0 ** -14}     # by item size of the parameter; else 2^-30
COARSE = 2.0 ** -14                         # at least, if the gradient is constant but for jumps
JUMPY = 1 / 8                               # of the elements of a tensor
HALF_LINE = 4                               # 9 points
SAFETY = 16.0       # the worst true error seen was 6.6 sigma
ROUNDING = 0.5      # of eps, at least: a sum that never changes along the line is still rounded
ASSUMED = 4.0       # of eps, if gradients are given as arrays and nothing can be measured
ROUNDINGS = 2       # points one rounding away
CONDITION = 0.25    # of the change there, as sigma
FAR_NOISIER = 2.0 ** 16


@dataclass
class Analytic:
    """One gradient tensor (float64), and how far each element may be off by rounding."""

    gradient: np.ndarray
    eps: float
    sigma: np.ndarray           # per element
    common: float               # rms of sigma, without elements that crossed a kink
    source: str                 # measured or assumed
    tiny: float                 # smallest number of its dtype

    @property
    def error(self):
        """Bound of the error of each element."""
        return SAFETY * (self.sigma + self.common) + 4 * self.tiny

    def error_along(self, u):
        """Bound of the error of u · gradient."""
        return (SAFETY * float(np.sqrt(np.sum((u * self.sigma) ** 2)))
                + 4 * self.tiny * float(np.sqrt(u.size)))

    @property
    def far_noisier(self):
        """Whether it looks like the result of a lower precision than its dtype."""
        return self.source == "measured" and self.common > FAR_NOISIER * self.eps * rms(
            self.gradient)


def line_sigma(values):
    """σ of each column of `values` (9, n) and which columns make one lone jump (a kink crossed)."""
    values = np.asarray(values, float)
    fourth = np.diff(values, 4, axis=0)
    sigma = np.sqrt(np.mean(fourth ** 2, axis=0) / 70)
    steps = np.sort(np.abs(np.diff(values, axis=0)), axis=0)
    floor = 64 * 2.0 ** -52 * np.abs(values).max(initial=0.0)
    return sigma, (steps[-1] > 32 * steps[-3]) & (steps[-1] > floor)


def analyse(problem, pair):
    """`Analytic` by path; `pair` holds the gradients of two calls at the point."""
    lines = _lines(problem)
    lines = [lines] if lines else []
    if lines and any(line_sigma(line)[1].mean() > JUMPY for line in lines[0].values() if line.size):
        lines += [_lines(problem, COARSE)]
    rounded = _rounded(problem) if lines else []
    return {path: _analytic(first, pair[1][path], [line[path] for line in lines if line],
                            [point[path] for point in rounded])
            for path, first in pair[0].items()}


def _analytic(first, second, lines, rounded):
    info = np.finfo(first.dtype)
    eps = max(float(info.eps), 2.0 ** -52)
    gradient = np.array(first, float)
    size = rms(gradient)
    if not lines:
        sigma, common = ASSUMED * eps * np.abs(gradient), ASSUMED * eps * size
    else:
        found = [line_sigma(line) for line in lines]
        sigma = np.maximum.reduce([np.where(jump, 0, one) for one, jump in found])
        jumps = np.logical_and.reduce([jump for _, jump in found]).reshape(first.shape)
        sigma = sigma.reshape(first.shape)
        common = max(rms(sigma[~jumps]), ROUNDING * eps * size)
        sigma = np.maximum(np.where(jumps, common, sigma), ROUNDING * eps * np.abs(gradient))
    spread = np.abs(gradient - np.asarray(second, float))
    for point in rounded:
        change = np.abs(np.asarray(point, float) - gradient)
        sigma = np.maximum(sigma, CONDITION * np.where(np.isfinite(change), change, 0))
    return Analytic(gradient, eps, sigma + spread, common,
                    "measured" if lines else "assumed", float(info.smallest_subnormal))


def _lines(problem, least=0.0):
    """Gradients at 9 points of a line, per path (9, n); None if they cannot be had."""
    if not callable(problem.grads):
        return None
    for relative_to_element in (False, True):       # the second never crosses 0
        try:
            with quiet():
                points = [problem.call_grads(_displaced(problem, j, least, relative_to_element),
                                             _moved_cotangent(problem, j, least))
                          for j in range(-HALF_LINE, HALF_LINE + 1)]
        except UNDEFINED:
            continue
        lines = {path: np.array([point[path].ravel() for point in points], float)
                 for path in problem.wrt}
        if all(np.isfinite(line).all() for line in lines.values()):
            return lines
    return None


def _displaced(problem, j, least, relative_to_element):
    moved = {}
    for path, leaf in problem.leaves.items():       # all: what is checked beside it changes nothing
        own = leaf.own.astype(np.result_type(leaf.own, np.float64))
        size = np.abs(own) if relative_to_element else leaf.rms or 2.0 ** -10
        step = j * max(SPACING.get(leaf.own.dtype.itemsize, 2.0 ** -30), least) * size
        moved[path] = (own + step * signs(problem.rng("line", path), own.shape)).astype(
            leaf.own.dtype)
    return moved


def _moved_cotangent(problem, j, least):
    """The cotangent along its own line; None for a scalar f."""
    if problem.cotangent_weights is None:
        return None
    ends = dict(tree.ends(problem.cotangent))
    for path in problem.cotangent_weights:
        own = np.asarray(ends[path])
        step = j * max(SPACING.get(own.dtype.itemsize, 2.0 ** -30), least)
        u = signs(problem.rng("cotangent line", path), own.shape)
        ends[path] = np.asarray(own * (1 + step * u)).astype(own.dtype)
    return tree.rebuild(problem.cotangent, ends)


def _rounded(problem):
    """Gradients where each parameter is a rounding away."""
    points = []
    for k in range(ROUNDINGS):
        moved = {}
        for path, leaf in problem.leaves.items():
            eps = float(np.finfo(leaf.own.dtype).eps)
            sign = problem.rng("rounding", k, path).choice([-eps, eps], leaf.own.shape)
            moved[path] = (leaf.own * (1 + sign)).astype(leaf.own.dtype)
        try:
            with quiet():
                points.append(problem.call_grads(moved))
        except UNDEFINED:
            continue
    return points

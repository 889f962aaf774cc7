"""The noise of the gradient under test, element by element, in units of its own last digits.

It is measured along lines: 9 points, some roundings of each parameter apart.  A line of fine steps
sees no curvature; on a coarser one a lower precision inside shows.  The cotangent moves along, in
which a gradient is linear: else the rounding of a sum over it, as of a bias, is the same at every
point.  And because the first rounding in a backward pass is as good as one of its input, the
gradient is asked for at points one rounding away: where it is ill-conditioned (a saturated softmax
of large logits) that is more than all other noise.
"""
from dataclasses import dataclass

import numpy as np

from npadasoft.gradcheck import tree
from npadasoft.gradcheck.problem import quiet
from npadasoft.gradcheck.sizes import norm, rms, signs

# spacings of the lines, 2^-k of each element, by item size of the parameter; else those of 8
RUNGS = {2: (9, 7, 6), 4: (19, 17, 14), 8: (44, 37, 30, 20)}
FIRST, LAST = 0, -1         # rungs that are always looked at
HALF_LINE = 4               # 9 points
DISTINCT = 5                # values on a line, or it tells nothing
STANDS_OUT, TREND = 4.0, 16.0   # as in `noise`
LOUDEST = 2.0 ** -6     # of the element: what is louder on a coarse line alone is curvature
CLOSER = 4              # times as close, noise stays what it is; curvature and oscillations change
SAFETY = 16.0       # the worst true error seen was 6.6 sigma
ROUNDING = 0.5      # of eps, at least: a sum that never changes along the line is still rounded
HALF_ROUNDING = 0.25    # if it is of float16, which NumPy adds up in float32
ASSUMED = 4.0       # of eps, if gradients are given as arrays and nothing can be measured
ROUNDINGS = 3       # points one rounding away
CONDITION = 0.25    # of the change there, as sigma
FAR_NOISIER = 2.0 ** 16
SHARE = 1e-3        # of an element, at most, its neighbours' noise may blur


@dataclass
class Analytic:
    """One gradient tensor (float64), and how far each element may be off by rounding."""

    gradient: np.ndarray
    eps: float
    sigma: np.ndarray           # per element
    source: str                 # measured or assumed
    tiny: float                 # smallest number of its dtype
    relative: float = 0.0       # median along the lines, as a part of the element
    alone: np.ndarray | None = None     # sigma without what is shared
    blurred: bool = False       # the last digits of the parameters change it by as much

    @property
    def error(self):
        """Bound of the error of each element."""
        return SAFETY * self.sigma + 4 * self.tiny

    def widen(self, formula):
        """Where the formula loses digits in float64 it loses as many in a lower precision."""
        times = self.eps / formula.eps
        self.sigma = np.maximum(self.sigma, times * formula.sigma)
        self.alone = np.maximum(self.along, times * formula.along) / 2

    def error_along(self, u):
        """Bound of the error of u · gradient."""
        return SAFETY * norm(u * self.along) + 4 * self.tiny * float(np.sqrt(u.size))

    @property
    def along(self):
        """σ of each element as one of many: neighbours of another size lend it nothing."""
        return self.sigma if self.alone is None else 2 * self.alone

    @property
    def far_noisier(self):
        """Whether it looks like the result of a lower precision than its dtype."""
        return self.source == "measured" and self.relative > FAR_NOISIER * self.eps


def shared(common, size, safety=SAFETY):
    """What a tensor's common noise adds to an element: a thousandth of its size at most.

    Noise measured on one element alone is too small by chance now and then; that of its larger
    neighbours helps, but must not hide it.
    """
    return np.minimum(common, SHARE / safety * size)


def line_sigma(values):
    """(σ, whether it is one lone jump (a kink crossed), distinct values, range) of each column.

    `values` is (9, n).  Of noise all orders of differences tell the same σ; where the sixth tells
    less than the fourth, the fourth holds curvature.
    """
    values = np.asarray(values, float)
    fourth = np.diff(values, 4, axis=0)
    sigma = np.minimum(rms(fourth, 0) / 70 ** 0.5,
                       2 * rms(np.diff(fourth, 2, axis=0), 0) / 924 ** 0.5)
    steps = np.sort(np.abs(np.diff(values, axis=0)), axis=0)
    floor = 64 * 2.0 ** -52 * np.abs(values).max(0, initial=0.0)
    ordered = np.sort(values, axis=0)
    distinct = 1 + np.sum(ordered[1:] != ordered[:-1], axis=0)
    return (sigma, (steps[-1] > 32 * steps[-3]) & (steps[-1] > floor), distinct,
            ordered[-1] - ordered[0])


def settle(lines, closer=None):
    """σ of each element from its lines, finest first: the finest that moves, or a louder one.

    `closer` is a line as the last one, of points `CLOSER` to each other.
    """
    looked = [line_sigma(line) for line in lines]
    sigma = np.zeros(lines[0].shape[1])
    done = np.zeros(sigma.shape, bool)
    for line, (found, jump, distinct, span) in zip(lines, looked):
        valid = (distinct >= DISTINCT) & ~jump
        louder = (span > TREND * found) | (found <= STANDS_OUT * sigma)     # no oscillation
        if line is lines[-1] and closer is not None:
            found = np.where(done, _on_both(found, line_sigma(closer)[0]), found)
        found = np.where(done, np.minimum(found, LOUDEST * np.abs(line[len(line) // 2])), found)
        sigma = np.where(valid & (~done | louder), np.maximum(found, sigma), sigma)
        done |= valid
    few = np.maximum.reduce([np.where(jump, 0, found) for found, jump, _, _ in looked])
    return np.where(done, sigma, few), done


def _on_both(wide, close):
    """What is noise on both of two lines: the less.

    Nothing if there is more on the closer, as of an oscillation, or less by far: what is of fourth
    order is 4^4 times less there.
    """
    alike = (close <= STANDS_OUT * wide) & (wide <= STANDS_OUT ** 2 * close)
    return np.where(alike, np.minimum(wide, close), 0.0)


def analyse(problem, pair):
    """`Analytic` by path; `pair` holds the gradients of two calls at the point."""
    lines, closer = _lines(problem)
    rounded = _rounded(problem) if lines else {}
    coarsest = max([float(np.finfo(leaf.own.dtype).eps) for leaf in problem.leaves.values()],
                   default=0.0)
    return {path: _analytic(first, pair[1][path], [line[path] for line in lines],
                            closer and closer[path],
                            [point[path] for point in rounded.get(problem.leaves[path].own.dtype,
                                                                  [])], coarsest)
            for path, first in pair[0].items()}


def _analytic(first, second, lines, closer, rounded, coarsest):
    info = np.finfo(first.dtype)
    eps = max(float(info.eps), coarsest, 2.0 ** -52)
    gradient = np.array(first, float)
    size = np.abs(gradient)
    if not lines:
        sigma = ASSUMED * eps * size
    else:
        sigma = settle(lines, closer)[0].reshape(first.shape)
    relative, blur = _relative(sigma, size), 0.0
    for point in rounded:
        change = np.abs(np.asarray(point, float) - gradient)
        blur = max(blur, _relative(np.where(np.isfinite(change), change, 0), size))
        sigma = np.maximum(sigma, CONDITION * np.where(np.isfinite(change), change, 0))
    rounding = (HALF_ROUNDING if eps > 2.0 ** -16 else ROUNDING) * eps
    sigma = np.maximum(sigma, max(rounding, relative, _relative(sigma, size)) * size)
    spread = np.abs(gradient - np.asarray(second, float))
    return Analytic(gradient, eps, sigma + shared(rms(sigma), size) + spread,
                    "measured" if lines else "assumed", float(info.smallest_subnormal), relative,
                    sigma + spread, STANDS_OUT * blur >= relative)


def _relative(sigma, size):
    """Median of σ as a part of the element, but for what is nothing but noise."""
    shown = size > SAFETY * sigma
    return float(np.median(sigma[shown] / size[shown])) if shown.any() else 0.0


def _lines(problem):
    """(lines of gradients, per path (9, n), finest first; one that is `closer` than the last).

    None if they cannot be had, or if the last is not louder than the others.
    """
    if not callable(problem.grads):
        return [], None
    depth = max((len(_rungs(problem.leaves[path])) for path in problem.wrt), default=0)
    found = {rung: _line(problem, rung) for rung in sorted({FIRST, depth + LAST})[:depth]}
    for rung in range(1, depth - 1):
        finer = [line for _, line in sorted(found.items())[:-1] if line]
        if finer and not _settled(finer, problem.wrt):
            found[rung] = _line(problem, rung)
    lines = [found[rung] for rung in sorted(found) if found[rung]]
    louder = found.get(depth + LAST) and len(lines) > 1 and any(
        (settle([line[path] for line in lines])[0]
         > STANDS_OUT * settle([line[path] for line in lines[:-1]])[0]).any()
        for path in problem.wrt)
    return lines, _line(problem, depth + LAST, CLOSER) if louder else None


def _settled(lines, paths):
    """Whether each element moves on one of the lines."""
    return all(settle([line[path] for line in lines])[1].all() for path in paths)


def _rungs(leaf):
    return RUNGS.get(leaf.own.dtype.itemsize, RUNGS[8])


def _line(problem, rung, closer=1):
    steps = {path: _steps(problem, path, rung, closer) for path in problem.wrt}
    points = []
    for j in range(-HALF_LINE, HALF_LINE + 1):
        moved = {path: (problem.leaves[path].own + j * step).astype(problem.leaves[path].own.dtype)
                 for path, step in steps.items()}
        try:
            with quiet():
                points.append(problem.call_grads(moved, _moved_cotangent(problem, j, rung)))
        except Exception as error:
            problem.note_undefined("grads", error)
            return None
    line = {path: np.array([point[path].ravel() for point in points], float)
            for path in problem.wrt}
    return line if all(np.isfinite(one).all() for one in line.values()) else None


def _steps(problem, path, rung, closer):
    """A step of each element that its dtype can make again and again: an even number of ulps."""
    leaf = problem.leaves[path]
    rungs = _rungs(leaf)
    u = signs(problem.rng("line", path), leaf.own.shape)
    step = 2.0 ** -rungs[min(rung, len(rungs) - 1)] * leaf.units * np.abs(u) / closer
    ulp = np.where(leaf.own == 0, 2.0 ** np.rint(np.log2(step)), 2 * np.spacing(np.abs(leaf.own)))
    return np.maximum(np.rint(step / ulp), 1) * ulp * np.sign(u)


def _moved_cotangent(problem, j, rung):
    """The cotangent along its own line; None for a scalar f."""
    if problem.cotangent_weights is None:
        return None
    ends = dict(tree.ends(problem.cotangent))
    for path in problem.cotangent_weights:
        own = np.asarray(ends[path])
        rungs = RUNGS.get(own.dtype.itemsize, RUNGS[8])
        step = j * 2.0 ** -rungs[min(rung, len(rungs) - 1)]
        u = signs(problem.rng("cotangent line", path), own.shape)
        ends[path] = np.asarray(own * (1 + step * u)).astype(own.dtype)
    return tree.rebuild(problem.cotangent, ends)


def _rounded(problem):
    """Gradients where parameters are a rounding away, by dtype: only those that are as fine."""
    dtypes = {problem.leaves[path].own.dtype for path in problem.wrt}
    return {dtype: list(_roundings(problem, float(np.finfo(dtype).eps))) for dtype in dtypes}


def _roundings(problem, coarsest):
    for k in range(ROUNDINGS):
        moved = {}
        for path in problem.wrt:
            own = problem.leaves[path].own
            eps = float(np.finfo(own.dtype).eps)
            if eps <= coarsest:
                sign = problem.rng("rounding", k, path).choice([-eps, eps], own.shape)
                moved[path] = (own * (1 + sign)).astype(own.dtype)
        try:
            with quiet():
                yield problem.call_grads(moved)
        except Exception as error:
            problem.note_undefined("grads", error)

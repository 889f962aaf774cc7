"""The numeric side for one tensor: derivatives of f along an element or a direction."""
from dataclasses import dataclass

import numpy as np

from npadasoft.gradcheck.analytic import CLOSER, settle
from npadasoft.gradcheck.derivative import EPS, SIGNAL, Derivative, richardson
from npadasoft.gradcheck.errors import GradcheckUsage
from npadasoft.gradcheck.noise import LONE
from npadasoft.gradcheck.problem import Problem, first_line
from npadasoft.gradcheck.sizes import norm, signs

TINY_STEP = 2.0 ** -66      # of the unit of an element: an absolute step overflows at x ~ 1e-30
TINY_VALUE = 2.0 ** -850    # of f: below it a tiny step would leave no digits
DENORMAL = 2.0 ** -1020     # of a step: it has lost digits
SEEN = 0.25                 # of a slope: a comparison that is coarser has not seen it
BLUNT = 1e-3                # a comparison coarser than this part of the scale proves little
SMALL = 2.0 ** -6           # rms of a tensor that may be scaled up to be seen
NOISY = 64.0                # eps; a complex step noisier than this is not double inside
FINE, COARSE = 2.0 ** -44, 2.0 ** -20   # spacings on which the noise of complex steps is measured
FAR, JUMPS = 17, 4          # how far away to look: 16^16 units; what is more than a step function
FARTHER, STEEPEST = 16.0, 4     # from one step to the next; the power of what grows with it
STEEP = 32.0        # times f: a slope that would change it by so much in a unit is looked at
NARROWEST = 2.0 ** -30  # of a unit, steps begin: below there are roundings of x
BLURRED = ("the last digit of its elements changes {0} by {1:.0e} of itself: numbers with an "
           "offset, as of time? from a nearer origin more would be seen")
NEIGHBOURS = 3              # points one rounding away


def moved(problem, directions, t=0.0, imaginary=None, strict=False):
    """f at point + t·direction (+ i·imaginary·direction), for directions by path."""
    arrays = {}
    for path, u in directions.items():
        x = problem.leaves[path].point
        shift = t * u if imaginary is None else t * u + 1j * (imaginary * u)
        arrays[path] = x + np.asarray(shift, np.result_type(x, np.complex64)
                                      if imaginary is not None else x.dtype)
    return problem.contract(problem.call_f(arrays)) if strict else problem.value(arrays)


def complex_slope(problem, directions, h, t=0.0):
    """Im f(x + i h u) / h."""
    return float(np.imag(moved(problem, directions, t, h))) / h


def precision(leaf):
    """The eps f computes with, as far as its input tells."""
    return max(EPS, float(np.finfo(leaf.point.dtype).eps))


@dataclass
class Numeric:
    """Derivatives of f with respect to one tensor.

    `gradient` is the one to be checked, `center` the value of f at the point, `eps_f` its noise
    along the tensor; `method` is what the tensor is checked by, and `eps` the relative
    error of the complex step.
    """

    problem: Problem
    path: str
    gradient: np.ndarray
    center: float
    eps_f: float
    method: str = "richardson"
    note: str = ""
    seen: float = 0.0           # error of the comparison with Richardson
    blunt: bool = False         # it saw next to nothing
    elsewhere: bool = False     # but where small tensors are of size 1 it saw that all is well
    exact: bool = False         # nothing speaks against a complex step that is right to rounding
    unreal: float = 0.0         # the most by which Re f(x + ih) was off f(x)
    constant: bool = False      # f does not depend on the tensor at all, as far as was seen
    sparsity: np.ndarray | None = None      # where the derivative may not be zero, if declared
    whole: Derivative | None = None     # Richardson along one direction through all elements

    def __post_init__(self):
        self.leaf = self.problem.leaves[self.path]
        self.units = self.leaf.units
        self.scale = self.leaf.rms or 1.0
        self.h = TINY_STEP
        self.own_eps = self.eps = precision(self.leaf)

    def draw(self, *key):
        """A direction in the units of the elements."""
        return self.units * signs(self.problem.rng(*key, self.path), self.units.shape)

    def only(self, index):
        """The direction that moves one element by 1."""
        u = np.zeros(self.units.shape)
        u.flat[index] = 1.0
        return u

    def shaken(self, of=slice(None)):
        """Noise of f, or what rounding of x does to it: more where x is far from what f sees."""
        shake = norm((self.leaf.point * self.gradient).ravel()[of])
        return max(self.eps_f, self.own_eps / 2 * shake)

    def along(self, u, second=False):
        """Richardson along u, whose entries are steps at t = 1."""
        return richardson(lambda t: moved(self.problem, {self.path: u}, t), 1.0,
                          self.shaken((u != 0).ravel()), eps=self.own_eps, second=second)

    def at(self, index, second=False):
        """Richardson at one element (a flat index), with steps that are exact."""
        x = self.leaf.point
        value = x.flat[index]

        def phi(t):
            trial = x.copy()
            trial.flat[index] = value + x.dtype.type(t)
            return self.problem.value({self.path: trial})

        unit = float(self.units.flat[index])
        scale = self._scale(phi, unit, float(self.gradient.flat[index]))
        return richardson(phi, scale, self.shaken(index),
                          lambda t: float((value + x.dtype.type(t)) - value), self.own_eps, second)

    def _scale(self, phi, unit, slope):
        """`unit`, or so far as φ changes by no more than it ever does if it has a `slope`.

        Of seconds since 1970 a unit is many periods of a day, and a step that is a number of them
        would see another slope.
        """
        if not STEEP * abs(self.center) < abs(slope) * unit < np.inf:
            return unit
        change = max(abs(phi(sign * unit / 8) - self.center) for sign in (-1, 1))
        part = max(8 * change / (abs(slope) * unit), NARROWEST)
        return unit * min(part, 1.0) if SIGNAL * self.eps_f < change < np.inf else unit

    def complex_along(self, u, t=0.0):
        """Complex step along u, at x + t·u."""
        value = moved(self.problem, {self.path: u}, t, self.h)
        if t == 0:
            self._see(value)
        return float(np.imag(value)) / self.h

    def _see(self, value):
        self.unreal = max(self.unreal, abs(float(np.real(value)) - self.center))

    def complex_at(self, index, part=1.0):
        """Complex step at one element."""
        trial = np.array(self.leaf.point, np.result_type(self.leaf.point, np.complex64))
        h = part * self.h * float(self.units.flat[index])
        trial.flat[index] += 1j * h
        value = self.problem.value({self.path: trial})
        self._see(value)
        return float(np.imag(value)) / h

    def truncated(self, value):
        """`value` without what a complex step of x³ at 0 gives: h², which falls with the step."""
        units = self.units.ravel()
        size = max(abs(self.center), float(np.abs(value * units).max(initial=0.0)))
        for i in np.flatnonzero((value != 0) & (np.abs(value) <= 16 * self.h ** 2 * size / units)):
            if _falls(value[i], self.complex_at(i, part=0.5)):
                value[i] = 0.0
        return value

    def truncated_along(self, u, value):
        """The same of a complex step along u: a sum of many, which may be large beside one."""
        size = max(abs(self.center), norm(self.units * self.gradient))
        small = 0 < abs(value) <= self.h * size
        return 0.0 if small and _falls(value, self.complex_along(u / 2) * 2) else value

    def spread(self, u, value):
        """How far the complex step along u changes at points one rounding away."""
        worst, x = 0.0, self.leaf.point
        for k in range(NEIGHBOURS):
            sign = self.problem.rng("beside", k, self.path).choice([-1.0, 1.0], x.shape)
            beside = (x * (1 + self.own_eps * sign)).astype(x.dtype)
            trial = beside + np.asarray(1j * (self.h * u), np.result_type(x, np.complex64))
            found = float(np.imag(self.problem.value({self.path: trial}))) / self.h
            worst = max(worst, abs(found - value))
        return worst

    def spread_at(self, index, value):
        """The same at one element."""
        unit = float(self.units.flat[index])
        return self.spread(unit * self.only(index), unit * value) / unit

    def swamped(self):
        """Whether f stands still around the point and moves by and by further away.

        By and by: a jump or two, as of a step function, is no slope that might hide.  Nor is what
        is far more than f's rounding where it first shows: a slope that was hidden one step before
        is no more by now than a power makes of it.
        """
        u = self.draw("far")
        if not self.along(u).still:
            return False
        far = [[float(np.real(moved(self.problem, {self.path: u}, sign * FARTHER ** k)))
                for sign in (-1, 1)] for k in range(1, FAR)]
        seen = sorted(value for pair in far for value in pair if np.isfinite(value))
        room = max(4 * self.eps_f, 8 * self.own_eps * max(map(abs, seen), default=0.0))
        if sum(b - a > room for a, b in zip(seen, seen[1:])) < JUMPS:
            return False
        for pair in far:
            least = max(4 * self.eps_f, 8 * self.own_eps * max(map(abs, pair)))
            change = max(abs(value - self.center) for value in pair)
            if change > least:
                return bool(change <= FARTHER ** STEEPEST * least)
        return True

    # ---------------------------------------------------------------- trust in the complex step

    def choose(self, wanted, deterministic):
        """Set `method`: the complex step only where a probe of it agrees with Richardson.

        Where plain complex numbers do not, those on which |x| is continued may: see `Continued`.
        """
        if wanted == "richardson" or not self.leaf.point.size:
            return
        if not deterministic:
            self.note = "f is not deterministic: no complex step"
            return
        u = self.draw("trust")
        if abs(self.center) < TINY_VALUE:
            self.h = TINY_STEP ** 0.5
        if self.h * float(self.units.min()) < DENORMAL:
            self.note = "an element is too small for a complex step: Richardson is used"
            return
        refusals = []
        for use in (self.problem.continued.discard, self.problem.continued.add):
            use(self.path)
            try:
                value = float(np.imag(moved(self.problem, {self.path: u}, 0.0, self.h,
                                            True))) / self.h
            except Exception as error:  # whatever f raises at complex input, it does not take it
                refusals.append(error)
                continue
            if self._compare(value, u):
                return
        self.problem.continued.discard(self.path)
        if len(refusals) == 2:
            said = f"{type(refusals[0]).__name__}: {first_line(refusals[0])}"
            if wanted == "complex":
                raise GradcheckUsage(f"method: f takes no complex {self.path}: {said}"
                                     ) from refusals[0]
            self.note = f"no complex step: {said}"

    def _compare(self, value, u):
        """Whether the complex step may be used, as far as one probe tells."""
        real = self.whole = self.whole or self.along(u)     # one for both kinds
        self.constant = real.constant
        if real.kink:
            self.note = ("f has two slopes along a probe, where a complex step sees neither: "
                         "Richardson is used")
            return True
        if not self.agrees(value, real):
            return False
        self.method, self.seen, self.note = "complex", real.error, ""
        size = max(norm(u * self.gradient), abs(value))
        self.blunt = real.error > SEEN * size > 0
        if self.blunt and not self.seen_elsewhere():
            self.note = (f"the tensor is swamped: the comparison with Richardson could see only "
                         f"{real.error:.1g} along a probe of {value:.2g}")
        self._measure(u, size, value)
        return True

    def seen_elsewhere(self):
        """Whether the complex step is right where all small tensors are of size 1.

        A layer with weights of 1e-6 hides most of its tensors in the rounding of f.
        """
        far = {path: leaf.point / leaf.rms for path, leaf in self.problem.leaves.items()
               if path in self.problem.wrt and 0 < leaf.rms < SMALL}
        if self.path not in far:
            return False
        u = signs(self.problem.rng("elsewhere", self.path), self.units.shape)

        def phi(t):
            return self.problem.value({**far, self.path: far[self.path] + t * u})
        real = richardson(phi, 1.0, 8 * self.own_eps * abs(phi(0.0)), eps=self.own_eps)
        value = float(np.imag(phi(1j * TINY_STEP))) / TINY_STEP
        self.elsewhere = (real.error <= BLUNT * abs(value)
                          and abs(value - real.value) <= 2 * real.error)
        self.blunt = not self.elsewhere
        return self.elsewhere

    def agrees(self, value, real):
        """Whether Richardson `real` has a complex step of `value` within its error."""
        if abs(value - real.value) <= real.error + 4 * self.eps * abs(value):
            return True
        self.method = "richardson"
        self.note = (f"complex step {value:.6g} and Richardson {real.value:.6g} +/- "
                     f"{real.error:.1g} disagree along a probe: Richardson is used")
        return False

    def _measure(self, u, size, value):
        """Noise of the complex step itself: single precision inside f is not seen otherwise."""
        room = NOISY * self.eps * size
        lines = [self._line(u, COARSE)]
        if settle(lines)[0][0] > room:          # or is that curvature, or a knot?
            lines = [self._line(u, FINE), *lines]
        lines = [line for line in lines if np.isfinite(line).all()] or [np.zeros((9, 1))]
        sigma = float(settle(lines)[0][0])
        if sigma > room:
            sides = [self._line(u, sign * COARSE, range(9)) for sign in (-1, 1)]
            quieter = min(float(settle([side])[0][0]) for side in sides)
            sigma = quieter if quieter < sigma / LONE else sigma
        if sigma > room:
            closer = self._line(u, COARSE / CLOSER)
            if np.isfinite(closer).all():
                sigma = min(sigma, float(settle(lines, closer)[0][0]))
        self.exact = self.eps_f <= 16 * EPS * abs(self.center)
        if size > 0 and sigma > room:
            self.eps, self.exact = 4 * sigma / size, False
            self.note = self.note or (
                BLURRED.format("the complex step", sigma / size)
                if 4 * self.spread(u, value) >= sigma else
                "the complex step is far noisier than double precision")

    def _line(self, u, step, points=range(-4, 5)):
        return np.array([[self.complex_along(u, j * step)] for j in points])


def _falls(value, half):
    """Whether a complex step depends on its size: `half` is that of half the size."""
    return abs(half - value) > abs(value) / 4

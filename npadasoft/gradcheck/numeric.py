"""The numeric side for one tensor: derivatives of f along an element or a direction."""
from dataclasses import dataclass

import numpy as np

from npadasoft.gradcheck.analytic import line_sigma
from npadasoft.gradcheck.derivative import EPS, richardson
from npadasoft.gradcheck.errors import GradcheckUsage
from npadasoft.gradcheck.problem import Problem, signs

TINY_STEP = 2.0 ** -66      # of the rms of the tensor: an absolute step overflows at x ~ 1e-30
SMALLEST_SCALE = 2.0 ** -10
BLUNT = 1e-3                # a comparison coarser than this part of the scale proves little
NOISY = 64.0                # eps; a complex step noisier than this is not double inside
SECOND_LOOK = 0.59          # scale of a confirming Richardson: it shares no step with the first


def moved(problem, directions, t=0.0, imaginary=None):
    """f at point + t·direction (+ i·imaginary·direction), for directions by path."""
    arrays = {}
    for path, u in directions.items():
        x = problem.leaves[path].point
        shift = t * u if imaginary is None else t * u + 1j * (imaginary * u)
        arrays[path] = x + np.asarray(shift, np.result_type(x, np.complex64)
                                      if imaginary is not None else x.dtype)
    return problem.value(arrays)


def complex_slope(problem, directions, h, t=0.0):
    """Im f(x + i h u) / h."""
    return float(np.imag(moved(problem, directions, t, h))) / h


def precision(leaf):
    """The eps f computes with, as far as its input tells."""
    return max(EPS, float(np.finfo(leaf.point.dtype).eps))


@dataclass
class Numeric:
    """Derivatives of f with respect to one tensor.

    `eps_f` is the noise of f; `method` is what the tensor is checked by, and `eps` the relative
    error of the complex step.
    """

    problem: Problem
    path: str
    eps_f: float
    method: str = "richardson"
    note: str = ""
    blunt: bool = False         # it agrees with a Richardson that sees next to nothing
    seen: float = 0.0           # error of that comparison
    refuted: bool = False       # Richardson contradicted the complex step at an element
    constant: bool = False      # f does not depend on the tensor at all

    def __post_init__(self):
        self.leaf = self.problem.leaves[self.path]
        self.scale = max(self.leaf.rms, SMALLEST_SCALE)
        self.h = TINY_STEP * (self.leaf.rms or 1.0)
        self.own_eps = self.eps = precision(self.leaf)

    def along(self, u, second=False):
        """Richardson along u."""
        scale = self.scale * (SECOND_LOOK if second else 1.0)
        return richardson(lambda t: moved(self.problem, {self.path: u}, t), scale, self.eps_f,
                          eps=self.own_eps)

    def at(self, index, second=False):
        """Richardson at one element (a flat index), with steps that are exact."""
        x = self.leaf.point
        value = x.flat[index]

        def phi(t):
            trial = x.copy()
            trial.flat[index] = value + x.dtype.type(t)
            return self.problem.value({self.path: trial})

        scale = max(self.scale, abs(float(value))) * (SECOND_LOOK if second else 1.0)
        return richardson(phi, scale, self.eps_f,
                          lambda t: float((value + x.dtype.type(t)) - value), self.own_eps)

    def complex_along(self, u, t=0.0):
        """Complex step along u, at x + t·u."""
        return complex_slope(self.problem, {self.path: u}, self.h, t)

    def complex_at(self, index):
        """Complex step at one element."""
        trial = self.leaf.point.astype(np.result_type(self.leaf.point, np.complex64))
        trial.flat[index] += 1j * self.h
        return float(np.imag(self.problem.value({self.path: trial}))) / self.h

    # ---------------------------------------------------------------- trust in the complex step

    def choose(self, wanted, gradient, deterministic):
        """Set `method`: the complex step only where a probe of it agrees with Richardson."""
        if wanted == "richardson" or not self.leaf.point.size:
            return
        if not deterministic:
            self.note = "f is not deterministic: no complex step"
            return
        u = signs(self.problem.rng("trust", self.path), self.leaf.point.shape)
        try:
            value = self.complex_along(u)
        except Exception as error:      # whatever f raises at complex input, it does not take it
            if wanted == "complex":
                raise GradcheckUsage(f"method: f takes no complex {self.path}: "
                                     f"{type(error).__name__}: {error}") from error
            self.note = f"no complex step: {type(error).__name__}: {_first_line(error)}"
            return
        self._compare(value, u, gradient)

    def _compare(self, value, u, gradient):
        real = self.along(u)
        self.constant = real.constant
        if real.kink:
            self.note = ("f has two slopes along a probe, where a complex step sees neither: "
                         "Richardson is used")
            return
        if not abs(value - real.value) <= real.error + 4 * EPS * abs(value):
            self.note = (f"complex step {value:.6g} and Richardson {real.value:.6g} +/- "
                         f"{real.error:.1g} disagree along a probe: Richardson is used")
            return
        self.method, self.seen = "complex", real.error
        size = float(np.sqrt(np.sum((u * gradient) ** 2)))
        self.blunt = real.error > BLUNT * max(abs(value), size) and not real.constant
        if self.blunt:
            self.note = (f"the tensor is swamped: the comparison with Richardson could see only "
                         f"{real.error:.1g} along a probe of {value:.2g}")
        self._measure(u, max(abs(value), size))

    def _measure(self, u, size):
        """Noise of the complex step itself: single precision inside f is not seen otherwise."""
        step = 2.0 ** -30 * self.scale
        values = np.array([[self.complex_along(u, j * step)] for j in range(-4, 5)])
        if not np.isfinite(values).all():
            return
        sigma, jump = line_sigma(values)
        if not jump[0] and size > 0 and sigma[0] > NOISY * self.eps * size:
            self.eps = 4 * float(sigma[0]) / size
            self.note = self.note or "the complex step is far noisier than double precision"


def _first_line(error):
    return str(error).splitlines()[0] if str(error) else ""

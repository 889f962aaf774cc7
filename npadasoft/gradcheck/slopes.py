"""Taylor rates: the proof of a gradient that a person can see.

    R1(t) = |f(x + t v) - f(x)|                         falls as t, if f is smooth
    R2(t) = |f(x + t v) - f(x) - t g·v|                 as t², if g is the gradient
    R3(t) = |f(x + t v) - f(x) - t g·v - t²/2 v·H v|    as t³, if H is the derivative of g
"""
import math
from dataclasses import dataclass

import numpy as np

from npadasoft.gradcheck import tree
from npadasoft.gradcheck.derivative import EPS, derivative
from npadasoft.gradcheck.errors import GradcheckUsage
from npadasoft.gradcheck.forms import leaves
from npadasoft.gradcheck.noise import noise
from npadasoft.gradcheck.sizes import signs, units

LEVELS = 16
CLOSE = 0.2         # of a rate to the expected one
CLEAR = 64.0        # times the noise of f: a remainder worth a rate
LAST = 3            # levels a rate is the median of


@dataclass(frozen=True)
class Slopes:
    """`rates` of R1, R2 and R3, nan where the remainder is below rounding; `ok`."""

    steps: list
    remainders: list        # one list for each of R1, R2, R3
    rates: tuple
    noise: list             # by step: the rounding of f, and of the gradient times the step

    @property
    def ok(self):
        """Whether each rate is at least what it should be, or its remainder vanishes."""
        return all(math.isnan(rate) or rate > order - CLOSE
                   for order, rate in enumerate(self.rates, 1))

    def __bool__(self):
        return self.ok

    def __str__(self):
        names = [f"R{order}" for order in range(1, len(self.rates) + 1)]
        lines = ["t" + " " * 9 + "".join(f"{name:>10} {'rate':>6}" for name in names)]
        for k, t in enumerate(self.steps):
            cells = []
            for row in self.remainders:
                rate = _rate(row, k, self.noise)
                cells.append(f"{row[k]:10.2e} {rate:6.2f}" if math.isfinite(rate)
                             else f"{row[k]:10.2e}       ")
            lines.append(f"{t:<10.1e}" + "".join(cells).rstrip())
        return "\n".join(lines + [self._said()])

    def _said(self):
        parts = []
        for order, rate in enumerate(self.rates, 1):
            if math.isnan(rate):
                parts.append(f"R{order} is below the rounding of f")
            else:
                right = rate > order - CLOSE
                parts.append(f"R{order} falls as t^{rate:.2f}" + ("" if right else
                                                                  f", not as t^{order}"))
        wrong = [order for order, rate in enumerate(self.rates, 1) if rate <= order - CLOSE]
        why = {1: "f is not smooth here", 2: "the gradient is wrong", 3: "its derivative is wrong"}
        return "; ".join(parts) + (f": {why[wrong[0]]}" if wrong else ": as it should")


def slopes(f, grads, x, v=None, hvp=None, seed=0):
    """How fast the remainders of Taylor's formula fall along `v`.

    Parameters
    ----------
    f : callable
        f(x) -> a number.
    grads : callable or tree
        The gradient; of a callable the second derivative along v is taken for R3.
    x, v : trees
        The point, and a direction; default: seeded, in the units of the elements.
    hvp : callable, optional
        hvp(x, v) -> H v for R3.
    seed : int
        Of the default direction.

    Returns
    -------
    Slopes

    Notes
    -----
    One direction and no tolerance per element: `check` sees what this cannot.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([0.3, -1.2])
    >>> good = slopes(lambda x: np.sum(np.sin(x)), np.cos, x)
    >>> good.ok, [round(rate) for rate in good.rates]
    (True, [1, 2, 3])
    >>> str(slopes(lambda x: np.sum(np.sin(x)), lambda x: 1.01 * np.cos(x), x)).split(": ")[-1]
    'the gradient is wrong'
    """
    own = leaves(x)
    rng = np.random.default_rng([seed, 0x736c])
    v = x if v is None else v
    given = tree.ends(v)
    direction = {path: units(leaf) * signs(rng, leaf.shape) if v is x
                 else np.asarray(given[path], float) for path, leaf in own.items()}
    if any(direction[path].shape != leaf.shape for path, leaf in own.items()):
        raise GradcheckUsage("v: expected the shapes of x")

    def at(t):
        return tree.rebuild(x, {path: leaf + t * direction[path] for path, leaf in own.items()})

    def dot(answer):
        ends = tree.ends(answer)
        return sum(float(np.sum(np.asarray(ends[path], float) * direction[path])) for path in own)

    def rounding(answer):
        ends = {path: np.asarray(end) for path, end in tree.ends(answer).items() if path in own}
        return sum(float(np.abs(end * direction[path]).sum() * np.finfo(end.dtype).eps)
                   for path, end in ends.items() if end.dtype.kind == "f")

    def phi(t):
        return float(f(at(t)))

    gradient = grads(x) if callable(grads) else grads
    terms = [phi(0.0), dot(gradient)]
    if hvp is not None:
        terms.append(dot(hvp(x, tree.rebuild(x, direction))) / 2)
    elif callable(grads):
        terms.append(derivative(lambda t: dot(grads(at(t)))).value / 2)
    return _measured(phi, terms, rounding(gradient))


def _measured(phi, terms, lost):
    steps = [2.0 ** -(k + 2) for k in range(LEVELS)]
    values = [phi(t) for t in steps]
    sigma = max(3 * noise(phi).sigma, EPS * abs(terms[0]))
    floors = [sigma + t * lost for t in steps]
    remainders = [[abs(value - sum(term * t ** k for k, term in enumerate(terms[:order])))
                   for t, value in zip(steps, values)] for order in range(1, len(terms) + 1)]
    return Slopes(steps, remainders, tuple(_last(row, floors) for row in remainders), floors)


def _rate(row, k, floors):
    """log2 of the fall from the level before, where both are well above noise."""
    if k == 0 or not (row[k - 1] > CLEAR * floors[k - 1] and row[k] > CLEAR * floors[k]):
        return math.nan
    return math.log2(row[k - 1] / row[k])


def _last(row, floors):
    """The median of the finest rates."""
    rates = [rate for rate in (_rate(row, k, floors) for k in range(len(row)))
             if math.isfinite(rate)]
    return float(np.median(rates[-LAST:])) if rates else math.nan

"""The numeric gradient of a tensor, element by element, and how far it can be trusted."""
from dataclasses import dataclass, field

import numpy as np

from npadasoft.gradcheck.analytic import shared
from npadasoft.gradcheck.numeric import BLUNT, SEEN
from npadasoft.gradcheck.sizes import norm, rms
from npadasoft.gradcheck.strata import by_weight

COMPLEX = 4.0           # eps, the error of a complex step


@dataclass
class Side:
    """The numeric gradient of a tensor: values, errors, kinks, and slopes at those."""

    value: np.ndarray
    error: np.ndarray
    kink: np.ndarray
    slopes: dict
    constant: np.ndarray        # f did not change at all
    unseen: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))   # the comparison was
    # too coarse to tell whether the complex step is right

    def at(self, i, real):
        """Take over what Richardson found at an element."""
        self.value[i], self.error[i], self.kink[i] = real.value, real.error, real.kink
        self.constant[i], self.slopes[i] = real.constant, (real.left, real.right)


def numeric_gradient(numeric, analytic):
    """Every element, by the tensor's method; by Richardson if that refutes the complex step."""
    n = numeric.leaf.point.size
    inside = _inside(numeric, n)
    side = Side(np.zeros(n), np.zeros(n), np.zeros(n, bool), {}, np.zeros(n, bool),
                np.zeros(n, bool))
    if numeric.method == "complex":
        value = np.zeros(n)
        value[inside] = [numeric.complex_at(i) for i in inside]
        side.value = numeric.truncated(value)
        side.error = complex_error(side.value, numeric.eps)
        numeric.exact &= numeric.unreal <= 4 * numeric.eps_f
        trust(numeric, analytic, side)
    if numeric.method == "richardson":
        side.constant[:] = True
        for i in inside:
            side.at(i, numeric.at(i))
    return side


def _inside(numeric, n):
    """The elements to ask for: all, or those of a declared sparsity that holds.

    It holds if f does not move along all others together.
    """
    if numeric.sparsity is None or numeric.sparsity.all():
        return np.arange(n)
    u = np.where(numeric.sparsity, 0.0, numeric.draw("outside"))
    if numeric.method == "complex":
        moves = numeric.complex_along(u) != 0
    else:
        real = numeric.along(u)
        moves = abs(real.value) > real.error
    if moves:
        numeric.note = ("f moves along elements outside of the declared sparsity: all are looked "
                        "at")
    return np.arange(n) if moves else np.flatnonzero(numeric.sparsity)


def complex_error(value, eps):
    """Rounding, of the element itself and of sums with its neighbours."""
    size = np.abs(value)
    return COMPLEX * eps * size + shared(2 * eps * rms(value), size, 1.0) + 4 * 2.0 ** -1074


def trust(numeric, analytic, side):
    """Compare the complex step with Richardson along all elements of like weight together.

    A weight is how much f changes with an element's own size.  Where nothing of a tensor is seen,
    f being coarser than its largest weights, it is marked `unseen`: complex step and gradient may
    lack the same term.  Where its larger elements are seen to be right the smaller ones, which the
    same code computes, are believed, but for zeros.
    """
    g, noise = analytic.gradient.ravel(), analytic.error.ravel()
    size = np.maximum(np.abs(g), np.abs(side.value))
    weight = np.where(size > noise, size, 0.0) * numeric.units.ravel()
    largest, any_seen = weight.max(initial=0.0), numeric.elsewhere
    for k, members in enumerate(by_weight(weight)):
        if members.all():               # as in the comparison that chose the complex step
            u = numeric.draw("trust").ravel()
            real = numeric.whole or numeric.along(u.reshape(numeric.units.shape))
        else:
            u = np.where(members, numeric.draw("trust", k).ravel(), 0.0)
            real = numeric.along(u.reshape(numeric.units.shape))
        if real.kink:
            any_seen = True
            continue
        if not numeric.agrees(float(u @ side.value), real):
            return
        zero = not weight[members].any()
        blind = not real.error <= (BLUNT * largest if zero else SEEN * norm(weight[members]))
        any_seen |= not (zero or blind)
        if blind and not (real.constant or numeric.elsewhere if zero else any_seen):
            side.unseen |= members
    if side.unseen.any() and numeric.seen_elsewhere():
        side.unseen[:] = False

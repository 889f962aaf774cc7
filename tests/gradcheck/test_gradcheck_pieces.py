"""Pieces of polynomials that do not meet at their knots: between two f has its derivative."""
import numpy as np
import pytest

from npadasoft import gradcheck
from npadasoft.gradcheck.stairs import recurring

KNOTS = 10


def pieces(seed, degree):
    """(f, its derivative) on 0 to 10, with a jump at each whole number."""
    c = np.random.default_rng(seed).normal(size=(KNOTS, degree + 1))

    def curve(x, order):
        k = np.clip(np.floor(x).astype(int), 0, KNOTS - 1)
        return np.array([np.polynomial.Polynomial(c[i]).deriv(order)(z) if order else
                         np.polynomial.Polynomial(c[i])(z) for i, z in zip(k, x - k)])
    return (lambda x: float(np.sum(curve(x, 0) + x ** 2 / 10)), lambda x: curve(x, 1) + x / 5)


@pytest.mark.parametrize("n", [1, 5])
@pytest.mark.parametrize("degree", [1, 3])
@pytest.mark.parametrize("seed", range(3))
def test_a_curve_that_jumps_at_its_knots_has_a_derivative_between_them(seed, degree, n):
    f, g = pieces(seed, degree)
    x = np.random.default_rng(seed).uniform(0.1, 9.9, n)
    right = gradcheck.check(f, x, g, seed=seed)
    assert right.verdict == "PASS", str(right)
    assert gradcheck.check(f, x, lambda x: 1.05 * g(x), seed=seed).verdict == "FAIL"


@pytest.mark.parametrize("step", [2.0 ** -k for k in range(1, 9)])
def test_a_rounding_is_stairs_however_wide(step):
    for offset in (0.3, 0.7):
        found = recurring(lambda t: np.floor((1 + t) / step + offset) * step + (1 + t) ** 2)
        assert found == pytest.approx(step, rel=1e-3)

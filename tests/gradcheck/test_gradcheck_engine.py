"""The scalar engine: value, error estimate, noise, kinks."""
import math

import numpy as np
import pytest

from npadasoft import gradcheck
from npadasoft.gradcheck.noise import difference_noise

SMOOTH = {
    "exp": (lambda t: math.exp(1 + t), math.e), "square": (lambda t: (3 + t) ** 2, 6.0),
    "linear": (lambda t: 3 * t + 1, 3.0), "constant": (lambda t: 3.0, 0.0),
    "zero": (lambda t: 0.0, 0.0),
    "logarithm near 0": (lambda t: math.log(1e-3 + t) if t > -1e-3 else math.nan, 1e3),
    "root near 0": (lambda t: math.sqrt(1e-6 + t) if t > -1e-6 else math.nan, 500.0),
    "fast sine": (lambda t: math.sin(1000 * (0.3 + t)), 1000 * math.cos(300)),
    "a period of the steps": (lambda t: math.sin(2 * math.pi * 64 * t), 128 * math.pi),
    "large constant": (lambda t: 1e6 + (1 + t) ** 2, 2.0),
    "tiny argument": (lambda t: math.exp(1e-8 * t), 1e-8),
    "tanh far out": (lambda t: math.tanh(5 + t), 1 / math.cosh(5) ** 2),
    "pole nearby": (lambda t: 1 / (0.01 + t) if t != -0.01 else math.inf, -1e4),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_the_estimate_covers_the_error(name):
    phi, true = SMOOTH[name]
    found = gradcheck.derivative(phi)
    assert abs(found.value - true) <= found.error + 4e-16 * abs(true)
    assert found.error <= 1e-5 * max(abs(true), 1e-8) and found.verdict == "PASS"


@pytest.mark.parametrize("distance", [1e-10, 1e-8, 1e-6, 1e-4, 1e-2, 0.3])
def test_a_kink_nearby_is_stepped_under(distance):
    found = gradcheck.derivative(lambda t: 2 * max(distance + t, 0.0))
    assert found.verdict == "PASS"
    assert abs(found.value - 2) <= 3e-14 and abs(found.value - 2) <= found.error + 1e-15


@pytest.mark.parametrize("far", [1.0, 1e-3])
def test_a_kink_at_the_point_has_two_slopes(far):
    found = gradcheck.derivative(lambda t: 5 * abs(t) + t + math.sin(t / far))
    assert found.verdict == "KINK"
    assert found.left == pytest.approx(-4 + 1 / far, abs=1e-6 / far)
    assert found.right == pytest.approx(6 + 1 / far, abs=1e-6 / far)


@pytest.mark.parametrize("size", [1e-10, 1e-6, 1e-3])
def test_noise_is_measured_and_covered(size):
    rng = np.random.default_rng(1)
    for _ in range(10):
        found = gradcheck.derivative(lambda t: (1 + t) ** 2 + size * rng.normal())
        assert size / 2 < found.noise / 3 < 2 * size
        assert abs(found.value - 2) <= found.error


def test_a_cast_to_single_precision_is_seen_on_a_plateau():
    phi = lambda t: float(np.float32(np.exp(1 + t)))
    noise = gradcheck.noise(phi)
    assert noise.plateau and 1e-8 < noise.sigma < 3e-7
    found = gradcheck.derivative(phi)
    assert abs(found.value - math.e) <= found.error < 1e-3


def test_a_staircase_shows_its_trend():
    found = gradcheck.derivative(lambda t: round(1000 * (0.3217 + t)) / 1000)
    assert abs(found.value - 1) <= found.error + 1e-4
    assert gradcheck.noise(lambda t: round(1000 * (0.3217 + t)) / 1000).plateau


def test_a_lone_kink_is_no_noise():
    assert gradcheck.noise(lambda t: 1 + 2 * max(t, 0.0)).sigma < 1e-15


def test_noise_of_a_polynomial_is_rounding_and_of_a_constant_nothing():
    assert gradcheck.noise(lambda t: (1 + t) ** 3).sigma < 1e-15
    assert gradcheck.noise(lambda t: 1.0) == (0.0, pytest.approx(0.023025), False)


def test_difference_noise_finds_the_sigma_of_gaussian_noise():
    rng = np.random.default_rng(0)
    found = [difference_noise(np.linspace(0, 1, 17) ** 2 + 1e-3 * rng.normal(size=17))
             for _ in range(200)]
    assert np.median(found) == pytest.approx(1e-3, rel=0.2)


def test_undefined_everywhere_is_nonfinite_and_a_blunt_result_inconclusive():
    assert gradcheck.derivative(lambda t: math.nan).verdict == "NONFINITE"
    assert gradcheck.derivative(lambda t: 1.0 if t == 0 else math.nan).verdict == "NONFINITE"
    rng = np.random.default_rng(0)
    assert gradcheck.derivative(lambda t: math.sin(t) + rng.normal()).verdict != "PASS"


@pytest.mark.parametrize("scale", [0.0, -1.0, math.inf, math.nan])
def test_a_scale_that_is_no_distance_is_refused(scale):
    with pytest.raises(gradcheck.GradcheckUsage, match="scale"):
        gradcheck.derivative(math.sin, scale)
    with pytest.raises(gradcheck.GradcheckUsage, match="scale"):
        gradcheck.noise(math.sin, scale)


def test_evaluations_are_counted():
    calls = []
    found = gradcheck.derivative(lambda t: calls.append(t) or math.exp(t))
    assert found.evaluations == len(calls) <= 90


def test_a_period_of_powers_of_two_does_not_hide_the_slope():
    """With steps that are powers of two every difference would be 0 here."""
    found = gradcheck.derivative(lambda t: math.sin(2 * math.pi * 4096 * t), 8.0)
    assert found.value == pytest.approx(2 * math.pi * 4096, rel=1e-6)

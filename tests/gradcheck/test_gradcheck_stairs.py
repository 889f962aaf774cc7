"""Parts of f that go by stairs as wide as steps: half precision, rounding, quantisation.

Between two stairs f has the slope of its other terms.  A right gradient is not accused there, and
one that lacks the part does not pass.
"""
import numpy as np
import pytest

from npadasoft import gradcheck
from npadasoft.gradcheck.noise import noise


def bfloat16(a):
    bits = np.asarray(a, np.float32).view(np.uint32)
    return ((bits + 0x7fff + ((bits >> 16) & 1)) & 0xffff0000).view(np.float32).astype(float)


ROUNDED = {"float16": lambda a: a.astype(np.float16).astype(float), "bfloat16": bfloat16,
           "2 decimals": lambda a: np.round(a, 2), "4 decimals": lambda a: np.round(a, 4),
           "256ths": lambda a: np.rint(a * 256) / 256,
           "4096ths": lambda a: np.floor(a * 4096) / 4096}


def network(seed, rounded):
    """(f, its weights, the gradient with so much of the network's part)."""
    rng = np.random.default_rng(seed)
    X, W = rng.normal(size=(8, 4)), rng.normal(size=(4, 3))

    def f(W):
        return rounded(np.tanh(X @ rounded(W))).sum() + 0.05 * (W ** 2).sum()
    return f, W, lambda W, part: part * X.T @ (1 - np.tanh(X @ W) ** 2) + 0.1 * W


def verdicts(f, x, grads, seed, **options):
    """Of the right gradient, and of the one without the coarse part."""
    return [gradcheck.check(f, x, lambda x: grads(x, part), seed=seed, **options).verdict
            for part in (1, 0)]


@pytest.mark.parametrize("limit", [4096, 4], ids=["elements", "probes"])
@pytest.mark.parametrize("name", ROUNDED)
def test_a_coarse_network_beside_a_fine_term_is_seen(name, limit):
    for seed in range(8):
        f, W, grads = network(seed, ROUNDED[name])
        right, lost = verdicts(lambda W: float(f(np.asarray(W, float))), W, grads, seed,
                               max_elements=limit)
        assert right != "FAIL" and lost != "PASS", (seed, right, lost)


@pytest.mark.parametrize("name", ROUNDED)
def test_a_coarse_term_of_a_few_numbers_is_seen(name):
    for seed in range(8):
        x = np.random.default_rng(seed).normal(size=5)
        right, lost = verdicts(
            lambda x: float(ROUNDED[name](np.exp(np.asarray(x, float))).sum() / 4 + (x ** 2).sum()),
            x, lambda x, part: part * np.exp(x) / 4 + 2 * x, seed)
        assert right != "FAIL" and lost != "PASS", (seed, right, lost)


@pytest.mark.parametrize("decimals", [2, 4])
@pytest.mark.parametrize("share", [1.0, 0.1])
def test_a_complex_step_that_sees_no_stairs_is_not_asked(decimals, share):
    """np.round takes complex numbers, and rounds a tiny imaginary part to nothing."""
    for seed in range(6):
        rng = np.random.default_rng(seed)
        X, W = rng.normal(size=(8, 4)), rng.normal(size=(4, 3))
        right, lost = verdicts(
            lambda W: share * np.round(np.tanh(X @ W), decimals).sum() + 0.5 * (W ** 2).sum(), W,
            lambda W, part: part * share * X.T @ (1 - np.tanh(X @ W) ** 2) + W, seed)
        assert right != "FAIL" and lost != "PASS", (seed, right, lost)


def test_many_fine_stairs_are_seen_along_probes():
    for seed in range(8):
        rng = np.random.default_rng(seed)
        X, W = rng.normal(size=(20, 12)), rng.normal(size=(12, 10))
        right, lost = verdicts(
            lambda W: float(np.round(np.tanh(X @ np.asarray(W, float)), 4).sum()
                            + 0.05 * (W ** 2).sum()), W,
            lambda W, part: part * X.T @ (1 - np.tanh(X @ W) ** 2) + 0.1 * W, seed, max_elements=20)
        assert right != "FAIL" and lost != "PASS", (seed, right, lost)


@pytest.mark.parametrize("stair", [2.0 ** -k for k in range(4, 14)])
def test_the_noise_of_stairs_is_about_as_large_as_they_are_high(stair):
    for offset in (0.0, 0.3, 0.7):
        found = noise(lambda t: np.floor((t + offset * stair) / stair) * stair + np.sin(1 + t))
        assert stair / 8 < found.sigma < 2 * stair and found.plateau, (offset, found)


def test_a_kink_a_cusp_a_threshold_and_a_steep_slope_are_no_stairs():
    for phi in (lambda t: abs(t - 0.1) + abs(t + 0.2), lambda t: abs(t - 0.1) ** 0.5 + abs(t + 0.2),
                lambda t: float(t > 0.1), lambda t: np.sin(1e4 * t),
                lambda t: np.tanh(1e4 * (t - 0.1)) + np.tanh(1e4 * (t + 0.2))):
        assert noise(lambda t: phi(t) + (1 + t) ** 2).sigma < 1e-9


# ---------------------------------------------------------------- what only looks so, from far

EVENTS = {"tanh": (np.tanh, lambda z: 1 / np.cosh(z) ** 2), "sin": (np.sin, np.cos),
          "bell": (lambda z: np.exp(-z * z), lambda z: -2 * z * np.exp(-z * z)),
          "peak": (lambda z: 1 / (1 + z * z), lambda z: -2 * z / (1 + z * z) ** 2)}


@pytest.mark.parametrize("name", EVENTS)
@pytest.mark.parametrize("seconds", [1.0, 60.0, 3600.0])
def test_what_happens_in_seconds_beside_a_trend_of_timestamps_is_no_noise(name, seconds):
    """Along steps of hours an event of minutes looks like noise upon the trend; it has no jump."""
    event, slope = EVENTS[name]
    for seed in range(4):
        rng = np.random.default_rng(seed)
        start = 1.7e9 + rng.integers(0, 10 ** 6)
        t = start + seconds * rng.uniform(-1.5, 1.5, 3)

        def f(t):
            z = (np.asarray(t, float) - start) / seconds
            return float(np.sum(event(z) + z / 5))

        def grads(t):
            return (slope((t - start) / seconds) + 1 / 5) / seconds
        assert gradcheck.check(f, t, grads, seed=seed).verdict != "FAIL", seed
        assert gradcheck.check(f, t, lambda t: 0 * t + 1 / 5 / seconds, seed=seed).verdict != "PASS"


def clipped(p):
    return -np.sum(np.log(np.clip(p, 1e-12, 1)) + np.log(np.clip(1 - p, 1e-12, 1)))


def pieces(p):
    return np.sum(np.where(p < 0.3, p ** 2, np.where(p < 0.6, p ** 2 + 0.1, p ** 2 - 0.2)))


def window(p):
    return np.sum(np.where((p > 0) & (p < 1), p ** 2, 0.0))


def wrapped(p):
    return np.sum((p + 0.1 + np.pi) % (2 * np.pi) - np.pi)


@pytest.mark.parametrize("f, g, x", [
    (clipped, lambda p: 1 / (1 - p) - 1 / p, np.linspace(0.07, 0.93, 9)),
    (pieces, lambda p: 2 * p, np.array([0.2, 0.5, 0.7])),
    (window, lambda p: 2 * p, np.linspace(0.07, 0.93, 9)),
    (lambda p: np.sum(p % 0.7), np.ones_like, np.array([0.2, -0.9, 20.0])),
    (wrapped, np.ones_like, np.array([0.2, -0.9, 2.9, 100.0])),
    (lambda p: np.sum(p - 7 * np.round(p / 7)), np.ones_like, np.array([1.5, -3.3, 40.0])),
    (lambda p: np.sum(np.tan(p)), lambda p: 1 + np.tan(p) ** 2, np.array([0.2, -1.4, 8.0]))],
    ids=["edges", "thresholds", "window", "remainder", "angle", "box", "poles"])
def test_thresholds_edges_of_a_domain_wraps_and_poles_are_no_stairs(f, g, x):
    """A remainder and an angle jump again and again, but to where they came from."""
    assert gradcheck.check(f, x, g).verdict == "PASS"
    assert gradcheck.check(f, x, lambda x: 1.05 * g(x)).verdict == "FAIL"


def test_where_f_jumps_again_and_again_it_is_said_so():
    report = gradcheck.check(lambda x: np.sum(np.floor(np.real(x) * 8) / 8 + np.sin(x)),
                             np.linspace(0.07, 0.93, 9), lambda x: 1 + np.cos(x))
    assert report.verdict == "INCONCLUSIVE"
    assert report.notes[0].startswith("f jumps on both sides, again and again")


@pytest.mark.parametrize("block", range(4))
def test_a_network_rounded_to_tenths_is_not_taken_for_a_polynomial_in_pieces(block):
    """Its jumps may be few, far apart and of unlike heights, as those of one are."""
    for seed in range(1000 + 10 * block, 1010 + 10 * block):
        rng = np.random.default_rng(seed)
        W, v, x = rng.normal(size=(6, 5)), rng.normal(size=6), rng.normal(size=5)
        found = verdicts(lambda x: v @ np.round(np.tanh(W @ x), 1) + 0.3 * (x ** 2).sum(), x,
                         lambda x, part: part * W.T @ (v * (1 - np.tanh(W @ x) ** 2)) + 0.6 * x,
                         seed, method="richardson")
        assert found[0] != "FAIL" and found[1] != "PASS", (seed, found)

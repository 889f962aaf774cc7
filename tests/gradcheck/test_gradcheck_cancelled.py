"""Derivatives whose terms cancel are zero: of the sum of a softmax, a layer norm, x - mean(x)."""
import numpy as np
import pytest

from npadasoft import gradcheck


def mean(x):
    return x.mean(-1, keepdims=True)


def norm(x):
    centred = x - mean(x)
    return centred / np.sqrt(mean(centred ** 2) + 1e-5)


def norm_back(x, c, lost=False):
    centred = x - mean(x)
    deviation = np.sqrt(mean(centred ** 2) + 1e-5)
    h = centred / deviation
    return (c - (0 if lost else mean(c)) - h * mean(c * h)) / deviation


def softmax(x):
    e = np.exp(x - x.real.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def softmax_back(x, c, lost=False):
    p = softmax(x)
    return p * (c - (0 if lost else (p * c).sum(-1, keepdims=True)))


def centre_back(x, c, lost=False):
    return c - (0 if lost else mean(c))


LAYERS = {"layer norm": (norm, norm_back), "softmax": (softmax, softmax_back),
          "mean taken off": (lambda x: x - mean(x), centre_back),
          "real only": (lambda x: norm(x.real), norm_back)}
SHAPES = [(4, 6), (3, 40), (100, 60)]       # the last one is probed


@pytest.mark.parametrize("dtype", ["f8", "f4"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", LAYERS)
def test_a_sum_that_cancels_is_zero_and_passes(name, shape, dtype):
    layer, back = LAYERS[name]
    for seed in range(3):
        for weight in (1.0, 3.0, 0.25):
            x = np.random.default_rng(seed).normal(size=shape).astype(dtype)
            ones = np.full(shape, weight, dtype)
            report = gradcheck.check(lambda x: np.sum(weight * layer(x)), x,
                                     lambda x: back(x, ones.astype(x.dtype)), seed=seed)
            exact = name == "mean taken off" and report.verdict == "VACUOUS"    # 0 and 0
            assert report.verdict == "PASS" or exact, str(report)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", LAYERS)
def test_without_the_term_that_cancels_the_gradient_fails(name, shape):
    layer, back = LAYERS[name]
    x = np.random.default_rng(0).normal(size=shape)
    report = gradcheck.check(lambda x: np.sum(layer(x)), x,
                             lambda x: back(x, np.ones(shape), lost=True))
    assert report.verdict == "FAIL"


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ["layer norm", "softmax"])
def test_rows_that_cancel_are_zeros_beside_others(name, shape):
    layer, back = LAYERS[name]
    x = np.random.default_rng(0).normal(size=shape)
    w = np.where(np.arange(shape[0])[:, None] == 1, np.random.default_rng(1).normal(size=shape), 1)
    f = lambda x: np.sum(w * layer(x))
    assert gradcheck.check(f, x, lambda x: back(x, w)).verdict == "PASS"
    for row in (0, 1):
        slip = np.zeros(shape)
        slip[row, 2] = 1e-6
        assert gradcheck.check(f, x, lambda x: back(x, w) + slip).verdict == "FAIL"


def test_a_small_gradient_beside_a_large_constant_is_not_taken_for_rounding():
    x = np.full((5, 6), 1e-6) * np.random.default_rng(0).uniform(1, 2, (5, 6))
    for f, g in ((lambda x: 1e15 + np.sum(x.real ** 2), lambda x: 2 * x),
                 (lambda x: 1e15 + np.sum(x.real ** 2),
                  lambda x: 1e-6 * softmax_back(1e6 * x, np.ones(x.shape)))):
        for most in (4096, 4):
            assert gradcheck.check(f, x, g, max_elements=most).verdict == "INCONCLUSIVE"


def turned(q, v):
    """v turned by the quaternion q, which need not be of length 1."""
    a, b, c, d = q / np.sqrt(np.sum(q * q))
    return v @ np.array([
        [1 - 2 * (c * c + d * d), 2 * (b * c - a * d), 2 * (b * d + a * c)],
        [2 * (b * c + a * d), 1 - 2 * (b * b + d * d), 2 * (c * d - a * b)],
        [2 * (b * d - a * c), 2 * (c * d + a * b), 1 - 2 * (b * b + c * c)]]).T


def lengths(p):
    return np.sqrt(np.sum(turned(p["q"], p["v"]) ** 2, 1))


@pytest.mark.parametrize("wrt", ["q", None])
@pytest.mark.parametrize("seed", range(6))
def test_a_slope_that_cancels_in_a_function_of_real_numbers_passes_within_its_noise(seed, wrt):
    """Turning all changes no length; and differences have the noise of f, not of the gradient."""
    rng = np.random.default_rng(seed)
    p = {"q": rng.normal(size=4), "v": rng.normal(size=(5, 3))}
    w = rng.uniform(0.5, 2, 5)

    def grads(p, off=0.0):
        of_q = [w @ lengths({**p, "q": p["q"] + 1e-30j * e}).imag / 1e-30 for e in np.eye(4)]
        return {"q": np.array(of_q) + off, "v": (w / lengths(p))[:, None] * p["v"]}

    def f(p):
        return float(w @ lengths({k: np.asarray(x, float) for k, x in p.items()}))

    def verdict(off=0.0):
        return gradcheck.check(f, p, lambda p: grads(p, off), wrt=wrt, seed=seed)["q"]
    right = verdict()
    assert right.verdict == "PASS" and 1e-15 < right.would_catch < 1e-8
    assert verdict(2 * right.would_catch).verdict != "PASS" and verdict(1e-6).verdict == "FAIL"

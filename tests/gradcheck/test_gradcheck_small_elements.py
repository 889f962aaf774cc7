"""An error is judged by the element it is in, in its own unit: none hides behind a larger one."""
from collections import Counter

import numpy as np
import pytest

from npadasoft import gradcheck


def verdict(f, x, g, **options):
    return gradcheck.check(f, x, g, **options).verdict


# ---------------------------------------------------------------- small elements beside large ones

@pytest.mark.parametrize("small", [1e-7, 1e-9, 1e-15])
@pytest.mark.parametrize("sign", [1, -1, 0])
def test_the_sign_of_a_small_element_decides(small, sign):
    y = np.array([0.5, -0.8, small])

    def slope(x):
        return -1 / (3 * np.cbrt(x) ** 4)
    assert verdict(lambda x: (1 / np.cbrt(x)).sum(), y, lambda x: slope(x) * [1, 1, sign]) == (
        "PASS" if sign == 1 else "FAIL")


@pytest.mark.parametrize("seed", range(20))
def test_ten_percent_of_an_element_show_beside_a_thousandfold_one_in_single_precision(seed):
    x = np.array([1, 0.5, 0.001], "f4")
    assert verdict(lambda x: np.log(x).sum(), x, lambda x: np.float32([1.1, 1, 1]) / x,
                   seed=seed) == "FAIL"
    assert verdict(lambda x: np.log(x).sum(), x, lambda x: 1 / x, seed=seed) == "PASS"


SHARES = {"f4": (1e-7, 1e-4), "f8": (1e-9, 1e-6), "f2": (1e-3, 0.1)}


@pytest.mark.parametrize("dtype", SHARES)
@pytest.mark.parametrize("method", ["auto", "richardson"])
def test_a_row_that_is_small_everywhere_is_judged_by_itself(dtype, method):
    x = np.random.default_rng(0).normal(size=(6, 4)).astype(dtype)
    least, less = SHARES[dtype]
    c = np.array([[1], [1], [1], [least], [less], [1]])

    def g(x, row):
        return (row * c * np.cos(x)).astype(x.dtype)
    for k, expected in ((1, ("PASS",)), (0, ("FAIL",)), (-1, ("FAIL",)), (1.05, ("FAIL",))):
        row = np.array([[1], [1], [1], [k], [1], [1]])
        report = gradcheck.check(lambda x: (c * np.sin(x)).sum(), x, lambda x: g(x, row),
                                 method=method)
        assert report.verdict in expected, (k, str(report))


def test_a_right_row_below_the_rounding_of_f_passes_beside_others_that_are_seen():
    x = np.random.default_rng(0).normal(size=(6, 4))
    c = np.array([[1], [1], [1], [1e-14], [1e-4], [1]])
    report = gradcheck.check(lambda x: (c * np.sin(x)).sum(), x, lambda x: c * np.cos(x))
    assert report.verdict == "PASS" and report["x"].sharp == 24
    assert report["x"].would_catch_relative < 1e-2


def test_a_row_below_all_rounding_is_never_a_pass_if_it_is_wrong():
    x = np.random.default_rng(0).normal(size=(6, 4))
    c = np.array([[1], [1], [1], [1e-16], [1e-4], [1]])
    for k in (0, -1):
        row = np.array([[1], [1], [1], [k], [1], [1]])
        assert verdict(lambda x: (c * np.sin(x)).sum(), x, lambda x: row * c * np.cos(x)) != "PASS"


def test_zeros_beside_a_large_element_are_moved_by_their_own_scale():
    x = np.array([300.0, 0.0, 0.3])                 # an amplitude and two centred positions

    def f(x):
        return x[0] + (x[1:] * np.exp(-x[1:] ** 2)).sum()

    def g(x):
        return np.append(1.0, (1 - 2 * x[1:] ** 2) * np.exp(-x[1:] ** 2))
    assert verdict(f, x, lambda x: g(x) * [1, 0, 1]) == "FAIL"
    for method in ("auto", "richardson"):
        assert verdict(f, x, g, method=method) == "PASS"


@pytest.mark.parametrize("far", [1e12, 1e9])
def test_a_saturated_element_beside_a_sensitive_one_is_no_fail(far):
    x = np.array([far, 1.0])
    assert verdict(lambda x: np.arctan(x).sum(), x, lambda x: 1 / (1 + x ** 2)) in (
        "PASS", "INCONCLUSIVE")
    scale = np.array([far, 1.0])
    assert verdict(lambda x: np.tanh(x / scale).sum(), x,
                   lambda x: 1 / np.cosh(x / scale) ** 2 / scale) == "PASS"
    for wrong in ([1, 0], [1, -1]):
        assert verdict(lambda x: np.arctan(x).sum(), x, lambda x: wrong / (1 + x ** 2)) == "FAIL"


# ---------------------------------------------------------------- units of people

@pytest.mark.parametrize("s", [1e-9, 1e-13, 1e-15, 1e-30])
def test_tensors_in_tiny_units_are_judged_as_others(s):
    x = s * np.array([1.0, 2.2, 4.7])               # farads, say
    assert verdict(lambda x: np.maximum(np.sin(x / s), 0).sum(), x,
                   lambda x: np.cos(x / s) / s * (np.sin(x / s) > 0)) == "PASS"
    for k in (1, 2):
        assert verdict(lambda x: np.log(x).sum(), x, lambda x: k / x) == ("PASS", "FAIL")[k - 1]


@pytest.mark.parametrize("offset", [1.7e9, 1e8])
def test_timestamps_are_judged_at_the_scale_on_which_f_varies(offset):
    c, t = offset + np.array([0.3, 1.5, 2.2]), offset + np.arange(3.0)

    def g(t):
        return -2 * (t - c) * np.exp(-(t - c) ** 2)
    for m, expected in ((1, "PASS"), (0, "FAIL"), (-1, "FAIL")):
        assert verdict(lambda t: np.exp(-(t - c) ** 2).sum(), t, lambda t: m * g(t)) == expected


def test_another_tensor_in_seconds_since_1970_blinds_nobody():
    p = {"w": np.array([0.7, -1.2, 2.0]), "t": 1.7e9 + np.arange(3.0)}

    def f(p):
        return (p["w"] ** 2 + np.abs(np.tanh(p["w"]))).sum() + np.sin(10 * p["t"]).sum()

    def lost(p):                                    # d|tanh w| is missing
        return {"w": 2 * p["w"], "t": 10 * np.cos(10 * p["t"])}

    def right(p):
        return {**lost(p), "w": 2 * p["w"] + np.sign(p["w"]) / np.cosh(p["w"]) ** 2}
    for wrt in (None, "w"):
        assert gradcheck.check(f, p, lost, wrt=wrt)["w"].verdict == "FAIL"
        assert gradcheck.check(f, p, right, wrt=wrt)["w"].verdict == "PASS"


def test_a_coarse_neighbour_lends_a_tensor_none_of_its_curvature():
    for dtype, k in (("f2", 9), ("f4", 1000)):
        p = {"h": np.array([0.3, 1.1, -0.7], dtype), "w": np.array([1.0, 1e-3, 2.0])}

        def f(p):
            return (np.sin(k * p["h"].astype(complex if np.iscomplexobj(p["h"]) else float))
                    * p["w"] ** 2).sum()

        def g(p):
            h = p["h"].astype(float)
            return {"h": (k * np.cos(k * h) * p["w"] ** 2).astype(dtype),
                    "w": 2 * np.sin(k * h) * p["w"]}
        assert gradcheck.check(f, p, g)["w"].verdict == "PASS"
        wrong = gradcheck.check(f, p, lambda p: {**g(p), "w": g(p)["w"] * [1, -1, 1]})["w"]
        assert wrong.verdict == "FAIL"


def test_a_gaussian_tail_of_1e_218_has_a_sign():
    """Its curvature is no rounding, however far its gradient bends along a coarse line."""
    x = np.array([0.3, -1.2, 22.4, 0.7])
    f, g = lambda x: np.sum(np.exp(-x * x)), lambda x: -2 * x * np.exp(-x * x)
    for sign in (1, -1, 0, 1.05):
        found = verdict(f, x, lambda x: g(x) * [1, 1, sign, 1])
        assert found != "PASS" if sign != 1 else found != "FAIL", sign


# ---------------------------------------------------------------- numbers near both ends

@pytest.mark.parametrize("k", [1e155, 1e200])
def test_large_values_do_not_blind_a_probe(k):
    x = np.random.default_rng(0).normal(size=5000)
    assert verdict(lambda x: k * (x ** 3).sum(), x, lambda x: -7 * k * x ** 2) == "FAIL"
    assert verdict(lambda x: k * (x ** 3).sum(), x, lambda x: 3 * k * x ** 2) == "PASS"
    assert verdict(lambda x: k * (x ** 2).sum(), x[:7], lambda x: 2 * k * x) == "PASS"


@pytest.mark.parametrize("k", [1e-200, 1e-280])
def test_tiny_values_are_values(k):
    x = np.random.default_rng(0).normal(size=5000)
    assert verdict(lambda x: k * np.tanh(x).sum(), x, lambda x: k * (1 - np.tanh(x) ** 2)) == "PASS"
    k, x = k * 1e-10, x[:5]
    for slip, expected in ((1, "PASS"), (1.01, "FAIL")):
        assert verdict(lambda x: k * np.tanh(x).sum(), x,
                       lambda x: slip * k * (1 - np.tanh(x) ** 2)) == expected


def test_a_likelihood_of_many_factors_is_judged():
    q = np.random.default_rng(0).uniform(0.2, 0.6, 500)         # f = 1.4e-202
    wrong = np.where(np.arange(500) == 3, 1.5, 1)
    assert verdict(np.prod, q, lambda q: np.prod(q) / q * wrong) == "FAIL"
    assert verdict(np.prod, q, lambda q: np.prod(q) / q) == "PASS"


@pytest.mark.parametrize("k, least", [(3, 8), (6, 9)])
def test_a_gradient_of_half_precision_that_is_right_to_a_hundredth_passes(k, least):
    """Though the rounding of its argument would excuse more: what was computed is what counts."""
    def half(x):
        return (k * np.cos(k * x.astype("f2"))).astype("f2")
    found = Counter()
    for seed in range(12):
        x = np.random.default_rng(seed).normal(size=5).astype("f2")
        truth = k * np.cos(k * x.astype(float))
        gross = bool((np.abs(half(x) - truth) > 0.01 * np.abs(truth)).any())
        right = gradcheck.check(lambda x: np.sin(k * x).sum(), x, half, seed=seed)
        assert right.verdict == ("INCONCLUSIVE" if gross else "PASS"), str(right)
        for slip in (1.015, 0.985):
            one = np.where(np.arange(5) == seed % 5, slip, 1)
            got = verdict(lambda x: np.sin(k * x).sum(), x,
                          lambda x: (one * half(x).astype(float)).astype("f2"), seed=seed)
            assert got != "PASS" or abs(one * half(x) / truth - 1).max() < 0.01, seed
        found[right.verdict] += 1
    assert found["PASS"] >= least and not found["FAIL"]


# ---------------------------------------------------------------- steps that are too long

@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("limit", [4096, 10], ids=["elements", "probes"])
@pytest.mark.parametrize("n", [12, 60, 400])
def test_what_a_complex_step_leaves_of_a_cube_at_zero_is_no_slope(n, limit, seed):
    """Im (x + ih)³ / h at 0 is -h², and 0 - h² is no difference."""
    report = gradcheck.check(lambda x: 1 + (x ** 3).sum(), np.zeros(n), lambda x: 3 * x ** 2,
                             max_elements=limit, seed=seed)
    assert report.verdict == "VACUOUS" and report["x"].method == "complex", str(report)
    assert report["x"].numeric == 0

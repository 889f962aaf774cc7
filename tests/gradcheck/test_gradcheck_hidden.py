"""Zeros f tells nothing of: a unit that is off passes, a slope too small to be seen does not.

All by differences alone: a complex step sees slopes of any size.
"""
import numpy as np
import pytest

from npadasoft import gradcheck

SMALL = 3       # the element whose slope is small
SEEDS = range(3)


def weights(rng, least):
    w = rng.uniform(0.5, 1.5, 5)
    w[SMALL] *= least
    return w


def check(f, x, g, **options):
    return gradcheck.check(f, x, g, method="richardson", **options)


FUNCTIONS = {
    "sines": (lambda x, w: (w * np.sin(x)).sum(), lambda x, w: w * np.cos(x)),
    "squares": (lambda x, w: (w * x ** 2).sum(), lambda x, w: 2 * w * x),
    "a line": (lambda x, w: (w * x).sum(), lambda x, w: w),
    "a product": (lambda x, w: (2 + x[0]) * (w * x).sum(),
                  lambda x, w: w * (2 + x[0]) + np.eye(5)[0] * (w * x).sum()),
    "tanh of a sum": (lambda x, w: np.tanh((w * x).sum()),
                      lambda x, w: w / np.cosh((w * x).sum()) ** 2),
    "a norm": (lambda x, w: np.sqrt((w * x ** 2).sum()),
               lambda x, w: w * x / np.sqrt((w * x ** 2).sum()))}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("least", [1e-18, 1e-16, 1e-15])
def test_a_zero_in_place_of_a_slope_below_the_rounding_of_f_is_no_pass(name, least):
    f, g = FUNCTIONS[name]
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        x, w = rng.normal(size=5), weights(rng, least)
        report = check(lambda x: f(x, w), x, lambda x: g(x, w) * (np.arange(5) != SMALL), seed=seed)
        assert report.verdict == "INCONCLUSIVE", str(report)
        assert ("yours is 0 at 1 of 5 elements" in report["x"].reason
                or "blunt" in report["x"].reason) and report["x"].sharp == 4


@pytest.mark.parametrize("offset", [1e3, 1e8])
def test_so_it_is_where_a_constant_makes_f_large(offset):
    x = np.array([0.7, -1.2, 2.0, 4e-7]) * np.array([1, 1, 1, (offset / 1e3) ** 0.5])
    report = check(lambda x: offset + (x ** 2).sum(), x, lambda x: 2 * x * [1, 1, 1, 0])
    assert report.verdict == "INCONCLUSIVE", str(report)


@pytest.mark.parametrize("least", [1e-17, 1e-14])
def test_so_it_is_beside_another_tensor_that_is_large(least):
    rng = np.random.default_rng(0)
    p, w = {"a": 10 * rng.normal(size=3), "b": rng.normal(size=5)}, weights(rng, least)
    report = check(lambda p: (p["a"] ** 2).sum() + (w * np.sin(p["b"])).sum(), p, lambda p: {
        "a": 2 * p["a"], "b": w * np.cos(p["b"]) * (np.arange(5) != SMALL)})
    assert (report["a"].verdict, report["b"].verdict) == ("PASS", "INCONCLUSIVE"), str(report)


def _network(rng):
    b, v = 1 + rng.normal(size=6), rng.normal(size=6)

    def z(W):
        return W @ np.ones(4) + b
    return (lambda W: (v * np.maximum(z(W), 0)).sum(), rng.normal(size=(6, 4)),
            lambda W: np.outer(v * (z(W) > 0), np.ones(4)))


OFF = {
    "relu": lambda rng: (lambda x: np.maximum(x, 0).sum(), rng.normal(size=6),
                         lambda x: (x > 0) * 1.0),
    "small relus": lambda rng: (
        lambda x: (np.maximum(x, 0) * [1, 1, 1e-6, 1e-9]).sum(), rng.normal(size=4),
        lambda x: (x > 0) * [1, 1, 1e-6, 1e-9]),
    "relu above a million": lambda rng: (
        lambda x: 1e6 + np.maximum(x, 0).sum(), rng.normal(size=6), lambda x: (x > 0) * 1.0),
    "max": lambda rng: (lambda x: x.max() ** 2, rng.normal(size=6),
                        lambda x: 2 * x.max() * (x == x.max())),
    "median": lambda rng: (lambda x: np.median(x), rng.normal(size=5),
                           lambda x: (x == np.median(x)) * 1.0),
    "hinge": lambda rng: (lambda x: np.maximum(0, 1 - x).sum(), rng.normal(size=6),
                          lambda x: -1.0 * (x < 1)),
    "network": _network,
    "rows not used": lambda rng: (
        lambda w: np.tanh(w[[0, 2]]).sum(), rng.normal(size=(4, 3)),
        lambda w: np.isin(np.arange(4), [0, 2])[:, None] / np.cosh(w) ** 2)}


@pytest.mark.parametrize("name", OFF)
def test_units_that_are_off_are_zeros_and_pass(name):
    for seed in range(6):
        f, x, g = OFF[name](np.random.default_rng(seed))
        report = check(f, x, g, seed=seed)
        assert report.verdict in ("PASS", "VACUOUS"), str(report)


def test_what_f_raises_far_away_is_no_note():
    def f(x):
        if np.abs(x).max() > 10 or not x[:2].any():
            raise ValueError("out of range")
        return np.maximum(x, 0).sum()
    report = check(f, np.array([0.5, 0.7, -1.0]), lambda x: (x > 0) * 1.0)
    assert report.verdict == "PASS" and not report.notes


def test_a_unit_that_comes_on_where_its_weights_are_small_hides_no_slope():
    for seed in range(12):
        rng = np.random.default_rng(seed)
        p = {name: rng.normal(size=shape)
             for name, shape in (("X", (5, 4)), ("W", (4, 3)), ("b", 3))}
        c = rng.normal(size=(5, 3)) + 1

        def slopes(p):
            on = c * (p["X"] @ p["W"] + p["b"] > 0)
            return {"X": on @ p["W"].T, "W": p["X"].T @ on, "b": on.sum(0)}
        report = check(lambda p: (c * np.maximum(p["X"] @ p["W"] + p["b"], 0)).sum(), p, slopes,
                       seed=seed)
        assert report.verdict == "PASS", str(report)


def test_nor_do_triplets_or_clipped_layers():
    for seed in range(6):
        rng = np.random.default_rng(seed)
        p = {name: rng.normal(size=(4, 3)) for name in ("anchor", "near", "far")}

        def margins(p):
            gap = [((p["anchor"] - p[name]) ** 2).sum(1) for name in ("near", "far")]
            return np.maximum(gap[0] - gap[1] + 0.2, 0)

        def pulls(p):
            on = 2 * (margins(p) > 0)[:, None]
            return {"anchor": on * (p["far"] - p["near"]), "near": on * (p["near"] - p["anchor"]),
                    "far": on * (p["anchor"] - p["far"])}
        assert check(lambda p: margins(p).sum(), p, pulls, seed=seed)

        q = {name: rng.normal(size=shape)
             for name, shape in (("X", (5, 4)), ("W", (4, 6)), ("V", (6, 3)))}

        def slopes(q):
            z = q["X"] @ q["W"]
            h = np.clip(z, 0, 6)
            d = 1 - np.tanh(h @ q["V"]) ** 2
            back = (d @ q["V"].T) * (h == z)
            return {"X": back @ q["W"].T, "W": q["X"].T @ back, "V": h.T @ d}
        assert check(lambda q: np.tanh(np.clip(q["X"] @ q["W"], 0, 6) @ q["V"]).sum(), q, slopes,
                     seed=seed)


NEVER = {
    "the smaller of two": lambda p: np.maximum(p["a"] + 7, p["b"]).sum(),
    "the larger of two": lambda p: np.minimum(p["a"], p["b"] + 7).sum(),
    "a dead layer": lambda p: (p["a"] ** 2).sum() + np.maximum(p["b"] - 5, 0).sum(),
    "a sign": lambda p: (p["a"] * np.sign(p["b"])).sum() + 1e-3 * np.floor(p["b"] / 9).sum()}


@pytest.mark.parametrize("name", NEVER)
def test_a_tensor_that_is_off_altogether_is_vacuous_though_f_moves_further_away(name):
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        p = {"a": rng.normal(size=4), "b": rng.normal(size=4)}
        f = NEVER[name]
        slope = {"the smaller of two": lambda p: 1 + 0 * p["a"],
                 "the larger of two": lambda p: 1 + 0 * p["a"],
                 "a dead layer": lambda p: 2 * p["a"], "a sign": lambda p: np.sign(p["b"])}[name]
        report = check(f, p, lambda p: {"a": slope(p), "b": 0 * p["b"]}, seed=seed)
        assert (report["a"].verdict, report["b"].verdict) == ("PASS", "VACUOUS"), str(report)


SWAMPED = {"squares": lambda x: (x ** 2).sum(), "a line": lambda x: x.sum(),
           "a norm": lambda x: np.sqrt((x ** 2).sum()), "a cube": lambda x: (x ** 3).sum()}


@pytest.mark.parametrize("name", SWAMPED)
@pytest.mark.parametrize("constant, scale", [(1e8, 1e-10), (1e3, 1e-16), (1, 1e-18), (-1e8, 1e-10)])
def test_a_tensor_that_a_constant_swamps_is_not_vacuous(name, constant, scale):
    for seed in SEEDS:
        x = np.random.default_rng(seed).normal(size=5)
        report = check(lambda x: constant + scale * SWAMPED[name](x), x, lambda x: 0 * x, seed=seed)
        assert report.verdict == "INCONCLUSIVE" and "swamped" in report["x"].reason, str(report)

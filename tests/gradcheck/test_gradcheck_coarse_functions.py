"""Functions that are coarser than they look: a right gradient is not accused, a lost term not
passed."""
import numpy as np
import pytest
from threadpoolctl import threadpool_info

from npadasoft import gradcheck
from npadasoft.gradcheck.noise import noise


def verdict(f, x, g, **options):
    return gradcheck.check(f, x, g, **options).verdict


# ---------------------------------------------------------------- single precision inside

@pytest.mark.parametrize("seed", range(4))
def test_a_single_precision_term_beside_a_double_one_is_seen(seed):
    """A float32 network with its weight decay in float64: the commonest of all."""
    rng = np.random.default_rng(seed)
    X, W = rng.normal(size=(8, 4)).astype("f4"), rng.normal(size=(4, 3))

    def f(W):
        return np.tanh(X @ W.astype("f4")).sum() + 0.05 * (W ** 2).sum()

    def net(W):
        return X.T.astype(float) @ (1 - np.tanh(X @ W) ** 2)
    assert verdict(f, W, lambda W: net(W) + 0.1 * W) == "PASS"
    assert verdict(f, W, lambda W: 0.1 * W) == "FAIL"


def test_and_so_it_is_along_a_direction_of_whatever_trend():
    """A flat one has no trend above the noise on fine steps, and is bent on coarse ones.

    By one kernel of BLAS (Prescott) one of the sixty shows none, and some show far more; no verdict
    is wrong there.
    """
    X = np.random.default_rng(1).normal(size=(8, 100)).astype("f4")

    def f(W):
        return float(np.tanh(X @ W.astype("f4")).sum()) + 0.05 * (W ** 2).sum()
    unseen = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        W = rng.normal(size=(100, 10))
        u = np.abs(W) * rng.choice([-1, 1], W.shape)
        sigma = noise(lambda t: f(W + t * u)).sigma
        if not 1e-7 < sigma < 1e-5:
            unseen += 1
            part = X.T.astype(float) @ (1 - np.tanh(X @ W) ** 2)
            assert verdict(f, W, part + 0.1 * W) != "FAIL", (seed, sigma)
            assert verdict(f, W, 0.1 * W) != "PASS", (seed, sigma)
    plainest = any(pool.get("architecture") == "Prescott" for pool in threadpool_info())
    assert not unseen or plainest, unseen


@pytest.mark.parametrize("seed", range(8))
def test_and_so_it_is_with_one_weight(seed):
    w = np.random.default_rng(seed).normal(size=1)

    def f(w):
        return float(np.float32(np.tanh(w[0].real)) + 0.05 * w[0].real ** 2)
    assert verdict(f, w, lambda w: 1 - np.tanh(w) ** 2 + 0.1 * w) == "PASS"
    assert verdict(f, w, lambda w: 0.1 * w) == "FAIL"


@pytest.mark.parametrize("size", [1.0, 1e6])
def test_and_so_it_is_beside_a_tensor_that_is_double_throughout(size):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(8, 4)).astype("f4")
    p = {"W": rng.normal(size=(4, 3)), "b": size * rng.normal(size=3)}

    def f(p):
        return np.tanh(X @ p["W"].astype("f4")).sum() + 0.05 * (p["W"] ** 2).sum() + p["b"].sum()

    def grads(p, factor=1):
        net = X.T.astype(float) @ (1 - np.tanh(X @ p["W"]) ** 2)
        return {"W": factor * net + 0.1 * p["W"], "b": np.ones(3)}
    assert verdict(f, p, grads) == "PASS"
    assert verdict(f, p, lambda p: grads(p, 0)) == "FAIL"


@pytest.mark.parametrize("seed", range(9))
def test_a_cast_of_one_term_accuses_nobody(seed):
    x = np.random.default_rng(seed).normal(size=4)
    assert verdict(lambda x: np.sin(x).astype("f4").sum() + (x ** 2).sum(), x,
                   lambda x: np.cos(x) + 2 * x) in ("PASS", "INCONCLUSIVE")


def test_a_denominator_in_single_precision_accuses_nobody():
    rng = np.random.default_rng(0)
    w, X = rng.normal(size=6), rng.normal(size=6)

    def f(x):
        e = np.exp(x)
        return np.sum(w * e / np.float32(e.sum()))

    def g(x):
        y = np.exp(x) / np.exp(x).sum()
        return y * (w - y @ w)
    assert verdict(f, X, g) in ("PASS", "INCONCLUSIVE")
    low = X.astype("f")
    assert verdict(f, low, lambda x: g(x).astype("f")) in ("PASS", "INCONCLUSIVE")
    assert verdict(f, low, lambda x: g(x).astype("f"), upcast=False) == "PASS"
    assert verdict(f, X, lambda x: 1.2 * g(x)) == "FAIL"


@pytest.mark.parametrize("seed", range(5))
def test_single_precision_that_takes_complex_numbers_accuses_nobody(seed):
    x = np.random.default_rng(seed).normal(size=5)

    def half(x):
        return x.astype(np.complex64 if np.iscomplexobj(x) else np.float32)
    assert verdict(lambda x: np.tanh(half(x)).sum(), x, lambda x: 1 - np.tanh(x) ** 2) in (
        "PASS", "INCONCLUSIVE")
    assert verdict(lambda x: np.tanh(half(x)).sum(), x,
                   lambda x: 1.05 * (1 - np.tanh(x) ** 2)) == "FAIL"


def test_what_single_precision_does_not_feel_is_not_called_unused():
    """f stands still along a tensor whose whole effect is below its last digit."""
    x = np.array([0.3, -1.2, 0.7])
    f = lambda x: float(np.float32(4.3 + 1e-9 * np.sum(np.sin(x))))
    assert verdict(f, x, lambda x: 1e-9 * np.cos(x)) == "INCONCLUSIVE"
    assert verdict(f, x, lambda x: np.cos(x)) == "FAIL"
    g = lambda p: float(np.float32(4.3 + np.sum(np.sin(p["b"]))
                                   + 1e-9 * np.sum(np.sin(p["a"])))) / 3
    grads = lambda p: {"a": 1e-9 * np.cos(p["a"]) / 3, "b": np.cos(p["b"]) / 3}
    report = gradcheck.check(g, {"a": x, "b": x}, grads)
    assert [t.verdict for t in report.tensors] == ["INCONCLUSIVE", "PASS"]


STAIRS = {      # near the edge of their domain, or a pole, or a slow one; rounded
    "asin": (np.arcsin, lambda x: 1 / np.sqrt(1 - x * x),
             lambda r, n: 1 - 10 ** r.uniform(-9, 0, n)),
    "tan": (np.tan, lambda x: 1 / np.cos(x) ** 2,
            lambda r, n: np.pi / 2 - 10 ** r.uniform(-5, 0, n)),
    "power": (lambda x: np.abs(x) ** 1.5, lambda x: 1.5 * np.sign(x) * np.sqrt(np.abs(x)),
              lambda r, n: 10 ** r.uniform(-6, 0, n) * r.choice([-1, 1], n))}


@pytest.mark.parametrize("name", STAIRS)
@pytest.mark.parametrize("rounded", [lambda s: float(np.float32(s)), lambda s: np.round(s, 6),
                                     lambda s: np.round(s, 9)], ids=["single", "6", "9"])
def test_stairs_that_no_line_of_the_noise_shows_accuse_nobody(name, rounded):
    f, g, draw = STAIRS[name]
    for seed in range(4):
        for n, limit in ((5, 4096), (30, 4), (300, 4)):
            x = draw(np.random.default_rng(seed), n)
            found = verdict(lambda x: float(rounded(float(np.sum(f(x))))), x, g, max_elements=limit,
                            seed=seed, method="richardson")
            assert found != "FAIL", (seed, n)


@pytest.mark.parametrize("decimals, n, seed", [(9, 300, 6), (9, 300, 38), (9, 1000, 5), (4, 300, 2),
                                               (4, 300, 5), (4, 300, 11)])
def test_nor_do_stairs_at_an_edge_where_no_line_is_whole(decimals, n, seed):
    f, g, draw = STAIRS["asin"]
    x = draw(np.random.default_rng(seed), n)
    report = gradcheck.check(lambda x: np.round(float(np.sum(f(x))), decimals), x, g,
                             max_elements=4, seed=seed, method="richardson")
    assert report.verdict != "FAIL", str(report)
    assert report.noise["sigma"] > 0.1 * 10.0 ** -decimals


# ---------------------------------------------------------------- swamped

@pytest.mark.parametrize("factor", [0, 1])
def test_a_term_that_is_lost_where_f_is_swamped_is_inconclusive_and_said(factor):
    x = np.array([0.7, -1.2, 2.0])
    report = gradcheck.check(
        lambda x: 1e15 + (x ** 2 + np.abs(np.tanh(x))).sum(), x,
        lambda x: 2 * x + factor * np.sign(x) / np.cosh(x) ** 2)
    assert report.verdict == "INCONCLUSIVE"
    assert "swamped" in str(report)


def test_the_derivative_of_a_swamped_function_is_not_believed():
    found = gradcheck.derivative(lambda t: 1e12 + 1e-4 * np.tanh(1 + t))
    assert abs(found.value - 4.2e-5) <= found.error


@pytest.mark.parametrize("size", [1e-4, 1e-3, 1e-2])
def test_and_it_is_said_that_it_is_not_known(size):
    """Where no value moves around the point some do further away; and a part of them is nothing."""
    for phi in (np.tanh, lambda t: np.tanh(1 + t), lambda t: np.sin(1 + t)):
        for offset in (1e12, 1e11):
            found = gradcheck.derivative(lambda t: offset + size * phi(t))
            assert found.verdict == "INCONCLUSIVE", (offset, found)
    assert gradcheck.derivative(lambda t: 1e12 + 0 * t).verdict == "PASS"


# ---------------------------------------------------------------- complex routines of their own

def test_a_complex_routine_that_is_less_accurate_accuses_nobody():
    special = pytest.importorskip("scipy.special")
    cases = {
        "hyp2f1": (lambda x: special.hyp2f1(1.3, .7, 2.4, x), np.array([.8375]),
                   lambda x: 1.3 * .7 / 2.4 * special.hyp2f1(2.3, 1.7, 3.4, x)),
        "spence": (special.spence, np.array([.3, 1.7]), lambda x: np.log(x) / (1 - x)),
        "exp1": (special.exp1, np.array([.2, 1.3, 6.0]), lambda x: -np.exp(-x) / x),
        "iv": (lambda x: special.iv(.5, x), np.array([.31, 2.0, 11.3]),
               lambda x: special.ivp(.5, x))}
    for name, (f, x, g) in cases.items():
        report = gradcheck.check(f, x, lambda x, c: c * g(x), cotangent=np.ones(len(x)))
        assert report.verdict == "PASS", (name, str(report))
        wrong = gradcheck.check(f, x, lambda x, c: c * g(x) * (1 + 1e-6), cotangent=np.ones(len(x)))
        assert wrong.verdict == "FAIL", name


def test_a_complex_branch_that_is_stopped_early_accuses_nobody():
    """Right to 1e-12 alone, a series for complex numbers is refuted by circles around the point."""
    special = pytest.importorskip("scipy.special")
    f = lambda x: special.hyp2f1(1.3, .7, 2.4, x)
    g = lambda x: 1.3 * .7 / 2.4 * special.hyp2f1(2.3, 1.7, 3.4, x)
    beside = np.random.default_rng(14).uniform(-3, .9, 7)       # where the others' sum is coarser
    for x in (np.linspace(.05, .95, 7), np.array([.21, .48, .66]), beside):
        for slope, call in ((g, lambda x: np.sum(f(x))), (lambda x, c: c * g(x), f)):
            assert verdict(call, x, slope) == "PASS"
            assert verdict(call, x, lambda *a: slope(*a) * (1 + 1e-10)) == "FAIL"


@pytest.mark.parametrize("name, low, high", [
    ("hyp2f1", .05, .9), ("hyp2f1", -3, .9), ("iv", .3, 12), ("exp1", .1, 8), ("jv", .3, 20)])
def test_and_so_it_is_along_probes_which_richardson_takes_over_then(name, low, high):
    special = pytest.importorskip("scipy.special")
    f, g = {"hyp2f1": (lambda x: special.hyp2f1(1.3, .7, 2.4, x),
                       lambda x: 1.3 * .7 / 2.4 * special.hyp2f1(2.3, 1.7, 3.4, x)),
            "iv": (lambda x: special.iv(.5, x), lambda x: special.ivp(.5, x)),
            "jv": (lambda x: special.jv(2.3, x), lambda x: special.jvp(2.3, x)),
            "exp1": (special.exp1, lambda x: -np.exp(-x) / x)}[name]
    found = []
    for seed in range(6):
        x = np.random.default_rng(seed).uniform(low, high, 40)
        found.append(verdict(lambda x: np.sum(f(x)), x, g, max_elements=5, seed=seed))
        wrong = np.ones(40)
        wrong[np.argmax(np.abs(g(x)))] += 1e-9
        assert verdict(lambda x: np.sum(f(x)), x, lambda x: g(x) * wrong, max_elements=5,
                       seed=seed) == "FAIL"
    assert set(found) == {"PASS"}, found


@pytest.mark.parametrize("off", [1e-10, 1e-12, 1e-13, 1e-14])
@pytest.mark.parametrize("n, limit", [(7, 4096), (60, 5)], ids=["elements", "probes"])
def test_a_complex_branch_that_is_another_function_accuses_nobody(n, limit, off):
    """Circles and step agree in it; but its values are not those of the real branch."""
    for other in (lambda x: (1 + off) * np.sin(x), lambda x: np.sin(x) + off * x):
        f = lambda x: np.sum(other(x) if np.iscomplexobj(x) else np.sin(x))
        x = np.random.default_rng(0).uniform(.3, 2.5, n)
        assert verdict(f, x, np.cos, max_elements=limit) in ("PASS", "INCONCLUSIVE")
        assert verdict(f, x, lambda x: (1 + 1e-8) * np.cos(x), max_elements=limit) == "FAIL"


def test_circles_leave_a_fine_complex_branch_as_sharp_as_it_is():
    x = np.linspace(.05, .95, 7)        # with a pole at 1, where the circles are coarse
    for f, g in ((lambda x: -np.log(1 - x), lambda x: 1 / (1 - x)),
                 (np.tan, lambda x: 1 + np.tan(x) ** 2)):
        assert verdict(lambda x: np.sum(f(x)), x, g) == "PASS"
        wrong = gradcheck.check(lambda x: np.sum(f(x)), x, lambda x: g(x) * (1 + 4e-13))
        assert wrong.verdict == "FAIL" and "as far as it sees" in str(wrong)


# ---------------------------------------------------------------- zeros

def test_a_zero_derivative_is_not_called_swamped():
    z = np.array([0.5, -1.25, 2.0])
    for method in ("auto", "richardson"):
        assert verdict(lambda x: (x > 0) * 1.0, z, lambda x, c: 0 * x, method=method) == "VACUOUS"
        assert verdict(lambda x: np.sum(np.cos(x) + x ** 2 / 2), np.zeros(3),
                       lambda x: x - np.sin(x), method=method) == "VACUOUS"


def test_sums_that_cancel_count_as_zero():
    rng = np.random.default_rng(0)
    p = {"z": rng.normal(size=(5, 4)), "w": rng.normal(size=(5, 4))}

    def softmax(z):
        e = np.exp(z - z.real.max(-1, keepdims=True))
        return e / e.sum(-1, keepdims=True)

    def grads(p):
        s = softmax(p["z"])
        s[2] *= 1.0
        return {"z": s * (p["w"] - (s * p["w"]).sum(-1, keepdims=True)), "w": s}
    p["w"][2] = 0.3                                 # its row's gradient is rounding, all of it
    report = gradcheck.check(lambda p: np.sum(softmax(p["z"]) * p["w"]), p, grads)
    assert report.verdict == "PASS", str(report)


# ---------------------------------------------------------------- grads and its buffers

def test_one_buffer_for_all_answers_is_copied():
    buffer = np.empty(3)
    x = np.array([100.0, 99.7, 100.2])
    assert verdict(lambda x: np.exp(x).sum(), x, lambda x: np.exp(x, out=buffer)) == "PASS"

    def noisy(x):
        return np.multiply(np.cos(x), 1 + 1e-3 * np.random.normal(size=3), out=buffer)
    for g in (noisy, lambda x: noisy(x).copy()):
        assert verdict(lambda x: np.sin(x).sum(), x, g) == "NONDETERMINISTIC"


def test_a_0_d_array_is_a_number_like_any_other():
    f = lambda p: np.sin(p["a"]) * p["b"] ** 2
    g = lambda p: {"a": np.cos(p["a"]) * p["b"] ** 2, "b": 2 * p["b"] * np.sin(p["a"])}
    for k in (np.array, np.float64):
        assert gradcheck.check(f, {"a": k(0.3), "b": k(1.7)}, g, order=2).verdict == "PASS"
        assert verdict(lambda x: float(np.float32(np.sin(x))), k(0.3), np.cos) == "PASS"
        assert verdict(lambda x: 3 * x, k(0.3).astype("f2"), lambda x: np.float16(3.3)) == "FAIL"


def test_what_is_not_checked_is_not_moved():
    p = {"W": np.random.default_rng(0).normal(size=(5, 3)), "mask": np.array([1.0, 0, 1, 1, 0])}
    f = lambda p: np.tanh(p["W"][p["mask"] == 1]).sum()
    g = lambda p: {"W": np.where((p["mask"] == 1)[:, None], 1 - np.tanh(p["W"]) ** 2, 0)}

    def strict(p):
        assert np.isin(p["mask"], (0, 1)).all()
        return g(p)
    assert gradcheck.check(f, p, g, wrt="W").verdict == "PASS"
    assert gradcheck.check(f, p, lambda p: {"W": 2 * g(p)["W"]}, wrt="W").verdict == "FAIL"
    assert gradcheck.check(f, p, strict, wrt="W").verdict == "PASS"


def test_whatever_is_raised_at_a_displaced_point_means_undefined_there():
    x = np.array([0.5, 0.9999999])

    def f(x):
        if not (x.real < 1).all():
            raise RuntimeError("failed to converge")
        return np.sum(np.sqrt(1 - x ** 2))
    report = gradcheck.check(f, x, lambda x: -x / np.sqrt(1 - x ** 2), method="richardson")
    assert report.verdict == "PASS"
    assert any("failed to converge" in note for note in report.notes)


# ---------------------------------------------------------------- edges, knots, tiny numbers

@pytest.mark.parametrize("f, g, x", [
    (lambda x: (1 - x * x) ** 1.5, lambda x: -3 * x * np.sqrt(1 - x * x), [1.0, 0.5]),
    (lambda x: x ** 2.5, lambda x: 2.5 * x ** 1.5, [0.0, 1.0, 2.0])], ids=["sqrt", "power"])
def test_an_element_at_the_edge_of_the_domain_has_the_slope_of_its_side(f, g, x):
    x = np.array(x)
    right = gradcheck.check(lambda x: np.sum(f(x)), x, g)
    assert right.verdict in ("PASS", "INCONCLUSIVE") and not right["x"].worst_index[0]
    wrong = gradcheck.check(lambda x: np.sum(f(x)), x, lambda x: 1.01 * g(x))
    assert wrong.verdict == "FAIL" and wrong["x"].worst_index[0]


def test_numbers_of_1e_300_are_numbers():
    f, g = lambda x: np.sum(x * np.log(x)), lambda x: np.log(x) + 1
    x = np.array([1e-300, 1e-299])
    assert verdict(f, x, g) == "PASS"
    assert verdict(f, x, lambda x: g(x) * [1, 1.001]) == "FAIL"
    assert verdict(f, np.array([1e-300, 0.5]), g) == "INCONCLUSIVE"     # swamped by the other


@pytest.mark.parametrize("dtype", ["f8", "f4"])
def test_a_knot_of_the_gradient_is_no_low_precision(dtype):
    x = np.array([1.0, 0.3, -2, 0.0], dtype)
    for f, g in ((lambda x: np.where(np.abs(x) < 1, x * x / 2, np.abs(x) - 0.5),
                  lambda x: np.clip(x, -1, 1)), (lambda x: x * np.abs(x), lambda x: 2 * np.abs(x))):
        report = gradcheck.check(lambda x: np.sum(f(x)), x, lambda x: g(x).astype(dtype))
        assert report.verdict == "PASS" and not report.notes, str(report)

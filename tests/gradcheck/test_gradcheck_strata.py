"""Large tensors of elements from 1e-8 to 1e8: each counts in its own size when probed, too."""
import numpy as np
import pytest

from npadasoft import gradcheck

N = 5000


def drawn(seed=0, n=N):
    """Sizes from 1e-8 to 1e8, with a sign."""
    rng = np.random.default_rng(seed)
    return 10.0 ** rng.uniform(-8, 8, n) * rng.choice([-1, 1], n)


S = drawn(1)
FAMILIES = {        # f, gradient, point
    "log": (lambda x: np.sum(np.log(x * x)), lambda x: 2 / x, drawn()),
    "square": (lambda x: np.sum(x * x), lambda x: 2 * x, drawn()),
    "inverse": (lambda x: np.sum(1 / x), lambda x: -1 / x ** 2, drawn()),
    "modulus": (lambda x: np.sum(np.abs(x)), np.sign, drawn()),
    "waves": (lambda x: np.sum(np.sin(x / S)), lambda x: np.cos(x / S) / S, drawn(0) * 0 + S / 3),
    "as steep": (lambda x: np.sum(S * np.sin(x / S)), lambda x: np.cos(x / S), S / 3),
    "coefficients": (lambda x: np.sum(S * np.sin(x)), lambda x: S * np.cos(x),
                     np.random.default_rng(2).normal(size=N)),
    "real only": (lambda x: np.sum(np.log(np.real(x) ** 2)), lambda x: 2 / x, drawn()),
}
MISTAKES = {"2 %": 1.02, "sign": -1.0, "zero": 0.0}


@pytest.mark.parametrize("name", FAMILIES)
def test_a_right_gradient_of_all_sizes_in_one_tensor_passes(name):
    f, g, x = FAMILIES[name]
    report = gradcheck.check(f, x, g)
    assert report.verdict == "PASS" and report["x"].probed, str(report)
    assert report["x"].would_catch_relative < 0.02


@pytest.mark.parametrize("name", FAMILIES)
def test_and_no_right_one_is_accused_by_differences(name):
    f, g, x = FAMILIES[name]
    assert gradcheck.check(f, x, g, method="richardson").verdict in ("PASS", "INCONCLUSIVE")


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.parametrize("name", FAMILIES)
def test_a_wrong_element_of_any_size_is_never_a_pass(name, mistake):
    f, g, x = FAMILIES[name]
    rising, found = np.argsort(np.abs(x * g(x))), []
    for share in (0, 0.3, 0.999):
        slip = np.ones(N)
        slip[rising[int(share * N)]] = MISTAKES[mistake]
        found.append(gradcheck.check(f, x, lambda x: g(x) * slip).verdict)
    assert "PASS" not in found and "KINK" not in found, found
    assert found[-1] == "FAIL", found
    assert found[0] == "FAIL" or np.ptp(np.log10(np.abs(x * g(x)))) > 12    # f cannot feel those


def test_two_small_errors_that_cancel_are_seen():
    f, g, x = FAMILIES["coefficients"]
    e, rising = np.zeros(N), np.argsort(np.abs(g(x)))
    e[rising[[0, 1]]] = g(x)[rising[1]] * np.array([1, -1])
    assert gradcheck.check(f, x, lambda x: g(x) + e).verdict != "PASS"


def test_what_f_is_too_coarse_for_is_said():
    x = drawn()
    report = gradcheck.check(lambda x: np.sum(np.real(x) ** 2), x, lambda x: 2 * x)
    assert report.verdict == "INCONCLUSIVE"
    assert "blunt at" in report["x"].reason and "of 5000 elements" in report["x"].reason


@pytest.mark.parametrize("locked", [False, True])
def test_small_rows_are_judged_by_themselves_in_single_precision(locked):
    x = np.random.default_rng(0).normal(size=(100, 60)).astype("f4")
    c = np.ones((100, 1))
    c[[7, 8, 50], 0] = 1e-4, 1e-6, 1e-9

    def g(x, slip=1.0):
        if locked and x.dtype != np.float32:
            raise TypeError("float32 only")
        found = (c * np.exp(x)).astype(x.dtype)
        found[8, 3] *= slip
        return found
    f = lambda x: np.sum(c * np.exp(x))
    assert gradcheck.check(f, x, g).verdict == "PASS"
    for slip in (1.05, -1, 0):
        assert gradcheck.check(f, x, lambda x: g(x, slip)).verdict == "FAIL"


def test_one_of_many_in_half_precision_is_too_coarse_for_a_probe():
    """A probe along all has 70 times the rounding of an element."""
    x = np.random.default_rng(0).normal(size=N).astype("f2")

    def g(x, slip=1.0):
        if x.dtype != np.float16:
            raise TypeError("float16 only")
        found = np.cos(x)
        found[3] *= slip
        return found
    for slip in (1, 1.02):
        found = gradcheck.check(lambda x: np.sum(np.sin(x)), x, lambda x: g(x, slip))
        assert found.verdict == "INCONCLUSIVE"
        assert "max_elements=None" in found["x"].reason or slip > 1


def test_zeros_among_them_are_moved_by_a_middle_size():
    x = np.random.default_rng(1).normal(size=N) * np.random.default_rng(0).integers(0, 2, N)
    for f, g in ((lambda x: np.sum(x ** 3), lambda x: 3 * x * x),
                 (lambda x: np.sum(np.tanh(x)), lambda x: 1 - np.tanh(x) ** 2)):
        assert gradcheck.check(f, x, g).verdict == "PASS"
    wrong = gradcheck.check(f, x, lambda x: g(x) * np.where(np.arange(N) == np.flatnonzero(
        x == 0)[5], 1.01, 1))
    assert wrong.verdict == "FAIL" and wrong["x"].worst_index == (np.flatnonzero(x == 0)[5],)


def test_beside_another_tensor_they_pass_together():
    p = {"a": drawn(), "b": np.random.default_rng(0).normal(size=N)}
    f = lambda p: np.sum(np.log(p["a"] ** 2)) + np.sum(np.sin(p["b"]))
    report = gradcheck.check(f, p, lambda p: {"a": 2 / p["a"], "b": np.cos(p["b"])})
    assert report.verdict == "PASS" and report.joint["ratio"] <= 1

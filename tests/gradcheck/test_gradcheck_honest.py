"""The checker never fools its user: what is not looked at is said."""
import numpy as np
import pytest

from npadasoft import gradcheck

X = np.array([0.5, -1.25, 2.0, 0.75])


def test_a_report_is_as_true_as_its_verdict():
    assert gradcheck.check(lambda x: (x ** 2).sum(), X, lambda x: 2 * x)
    assert not gradcheck.check(lambda x: (x ** 2).sum(), X, lambda x: 3 * x)


def test_constants_without_a_gradient_stay_silent():
    p = {"x": X, "ids": np.arange(4), "n": 3}
    for extra in ({}, {"ids": None}, {"ids": p["ids"], "n": 3}):
        assert gradcheck.check(lambda p: (p["x"] ** 2).sum(), p,
                               lambda p: {"x": 2 * p["x"], **extra})
    assert gradcheck.check(lambda p: (p["x"] ** 2).sum(), p, wrt="x",
                           grads=lambda p: {"x": 2 * p["x"], "ids": np.ones(4)})


@pytest.mark.parametrize("dtype", [bool, int])
def test_gradients_of_integers_and_bools_are_numbers(dtype):
    assert gradcheck.check(lambda x: np.sum(np.maximum(x, 0)), X, lambda x: (x > 0).astype(dtype))


def test_none_is_the_gradient_of_what_is_not_used():
    p = {"a": X, "b": X}
    report = gradcheck.check(lambda p: (p["a"] ** 2).sum(), p,
                             lambda p: {"a": 2 * p["a"], "b": None})
    assert [t.verdict for t in report.tensors] == ["PASS", "VACUOUS"]
    assert gradcheck.check(lambda p: (p["b"] ** 2).sum(), p, lambda p: {"a": None, "b": None})[
        "b"].verdict == "FAIL"


def test_a_function_locked_to_single_precision_is_told_how():
    def locked(x):
        if x.dtype != np.float32:
            raise TypeError("float32 only")
        return np.sum(x * x)
    x = X.astype("f4")
    with pytest.raises(TypeError, match="float32 only") as caught:
        gradcheck.check(locked, x, lambda x: 2 * x)
    assert "upcast=False" in caught.value.__notes__[0]
    assert gradcheck.check(locked, x, lambda x: 2 * x, upcast=False)


def test_a_data_frame_is_told_how_to_come():
    class Series:
        def items(self):
            return {}.items()
        map = items
    Series.__module__ = "pandas.core.series"
    with pytest.raises(gradcheck.GradcheckUsage, match=r"Series: pass .to_numpy\(\)"):
        gradcheck.check(np.sum, Series(), np.sum)


@pytest.mark.parametrize("k", [1, 3e3])
def test_the_hessian_of_a_small_tensor_is_seen_beside_a_large_one(k):
    b = np.array([0.5, -1.0, 0.8])

    def grads(p, sign=-1):              # right here; its derivative has the wrong sign
        return {"a": 4 * p["a"] ** 3, "b": 4 * b ** 3 + sign * 12 * b ** 2 * (p["b"] - b)}
    p = {"a": k * b, "b": b.copy()}
    f = lambda p: (p["a"] ** 4).sum() + (p["b"] ** 4).sum()
    assert gradcheck.check(f, p, grads, order=2).verdict == "FAIL"
    right = gradcheck.check(f, p, lambda p: {q: 4 * x ** 3 for q, x in p.items()}, order=2)
    assert right.second_order["verdict"] == "PASS"


def test_a_gradient_that_oscillates_within_a_millionth_of_an_element_is_not_taken_for_noise():
    x = 1e7 * np.array([1.0, 1.7, 2.3])
    for factor, verdict in ((1, "PASS"), (2, "FAIL"), (1.05, "FAIL")):
        report = gradcheck.check(lambda x: np.sin(x).sum(), x, lambda x: factor * np.cos(x))
        assert report.verdict == verdict, str(report)

"""What kind of mistake it is: said where it holds, and only there."""
import numpy as np
import pytest

from npadasoft import gradcheck

X = np.array([[0.5, -1.25, 2.0], [0.75, 1.1, -0.3], [1.7, 0.2, 0.9]])
P = np.abs(X) + 0.5


def hint(f, x, g):
    report = gradcheck.check(f, x, g)
    assert report.verdict == "FAIL", str(report)
    return report.tensors[0].hint


HINTS = {
    "unused": (lambda x: 3.0, X, lambda x: x),
    "logarithm": (lambda x: np.sum(np.sin(x)), P, lambda x: x * np.cos(x)),
    "exp": (lambda x: np.sum(np.sin(np.exp(x))), X, lambda x: np.cos(np.exp(x))),
    "square": (lambda x: np.sum(np.sin(x * x)), X, lambda x: np.cos(x * x)),
    "softplus": (lambda x: np.sum(np.sin(np.log1p(np.exp(x)))), X,
                 lambda x: np.cos(np.log1p(np.exp(x)))),
    "symmetric": (lambda x: np.sum(np.sin(x) * np.arange(9.0).reshape(3, 3)), X + X.T,
                  lambda x: np.tril(np.cos(x) * (np.arange(9.0).reshape(3, 3)
                                                 + np.arange(9.0).reshape(3, 3).T))
                  - np.diag(np.diag(np.cos(x) * np.arange(9.0).reshape(3, 3)))),
    "reordered": (lambda x: np.sum(np.sin(x) * [1, 2, 3]), X,
                  lambda x: (np.cos(x) * [1, 2, 3])[::-1]),
    "digits": (lambda x: np.sum(np.log(x + 1e-9)), P, lambda x: 1 / x),
}


@pytest.mark.parametrize("kind", HINTS)
def test_a_mistake_is_called_by_its_name(kind):
    assert hint(*HINTS[kind])["kind"] == kind


def test_degrees_are_told_from_radians():
    found = hint(lambda x: np.sum(np.sin(np.pi / 180 * x)), 30 * X,
                 lambda x: np.cos(np.pi / 180 * x))
    assert "degrees" in found["text"]


def test_a_mean_over_another_axis_is_told():
    x = np.arange(1.0, 13.0).reshape(4, 3)
    found = hint(lambda x: np.sum(np.sin(x).mean(0)), x, lambda x: np.cos(x) / 3)
    assert found["text"].startswith(
        "yours is the derivative times 1.33333333 = 4/3 for the 4 rows of x and")
    assert "the mean over another axis?" in found["text"]
    found = hint(lambda x: np.sum(np.sin(x)), x,
                 lambda x: np.cos(x).mean(1, keepdims=True) + 0 * x)
    assert (found["kind"], found["value"]) == ("averaged", 1)


def test_gradients_in_each_others_place_are_told():
    p = {"mean": X, "t_log_var": P}
    f = lambda p: np.sum(np.sin(p["mean"])) + np.sum(np.exp(p["t_log_var"]))
    report = gradcheck.check(f, p, lambda p: {"t_log_var": np.cos(p["mean"]),
                                              "mean": np.exp(p["t_log_var"])})
    assert report["mean"].hint["text"] == (
        "yours is the derivative by t_log_var: are the two swapped?")
    assert report["t_log_var"].hint["value"] == "mean"


def test_two_elements_in_each_others_place_are_told_from_two_that_are_off():
    f = lambda x: np.sum(np.sin(x))
    found = hint(f, X[0], lambda x: np.cos(x)[[2, 1, 0]])
    assert found["text"] == "elements [0] and [2] of yours are swapped"
    found = hint(f, X[0], lambda x: np.cos(x) + [0.25, 0, -0.25])
    assert found["text"].startswith("elements [0] and [2] alone are off, by +0.25 and -0.25")


@pytest.mark.parametrize("axis, what", [(0, "columns"), (1, "rows")])
def test_a_missing_term_is_told_by_the_sums_that_should_vanish(axis, what):
    found = hint(lambda x: np.sum((x - x.mean(axis, keepdims=True)) ** 3), X,
                 lambda x: 3 * (x - x.mean(axis, keepdims=True)) ** 2)
    assert found["text"].startswith(f"the {what} of the derivative add up to 0, those of yours do")


def test_one_number_is_not_said_to_be_a_strange_multiple_of_another():
    assert "times" not in hint(lambda x: np.sum(np.sin(x)), X[0, :1],
                               lambda x: -191517.91 * np.cos(x))["text"]
    assert "a factor 2" in hint(lambda x: np.sum(np.sin(x)), X[0, :1],
                                lambda x: 2 * np.cos(x))["text"]


@pytest.mark.parametrize("method", ["auto", "richardson"])
@pytest.mark.parametrize("part, digits", [(6.1e-9, 8), (1e-6, 6), (3e-11, 10)])
def test_one_number_that_is_nearly_right_is_no_multiple_but_right_to_its_digits(
        method, part, digits):
    found = gradcheck.check(lambda x: np.sum(np.sin(x)), X[0, :1],
                            lambda x: (1 + part) * np.cos(x), method=method)["x"]
    assert found.verdict == "FAIL" and found.hint["kind"] == "digits"
    assert f"yours is right to {digits} digits" in found.hint["text"]


@pytest.mark.parametrize("n", [3, 12, 5000])
def test_a_factor_is_named_only_if_it_is_told_from_rounding(n):
    x = np.random.default_rng(0).normal(size=n) + 3
    for part in (1e-14, 2e-14, 4e-14, 8e-14, 1.6e-13, 1e-12, 1e-9):
        found = gradcheck.check(lambda x: np.sum(np.sin(x)), x, lambda x: (1 + part) * np.cos(x))
        if found.verdict == "FAIL":
            assert ("times 1 +" in found["x"].hint["text"]) == (part > 3e-13), str(found)
            assert part > 3e-13 or "digits" in found["x"].hint["text"]
    assert found["x"].hint["kind"] == "factor"


def test_a_wide_tensor_is_not_said_to_be_off_by_its_largest_element():
    found = hint(lambda x: np.sum(np.arctan(x)), np.array([1e12, 1.0]),
                 lambda x: np.array([-175.0, 1]) / (1 + x ** 2))
    assert "the sign" not in found["text"]


def test_the_difference_is_given_as_a_part_of_the_element():
    report = gradcheck.check(lambda x: np.sum(np.log(x + 1e-9)), P, lambda x: 1 / x)
    assert "9 digits" in str(report) or "8 digits" in str(report)


def test_one_element_alone_is_given_as_a_part_of_itself():
    found = hint(lambda x: np.sum(np.sin(x)), X, lambda x: np.cos(x) * (
        1 + 0.003 * (x == x[2, 1])))
    assert found["kind"] == "single" and "(+0.3 % of it)" in found["text"]


def test_a_triangle_that_is_left_out_is_told():
    found = hint(lambda x: np.sum(np.sin(x)), X, lambda x: np.tril(np.cos(x)))
    assert found["text"] == "3 of 9 elements are wrong, all above the diagonal, where yours is 0"
    found = hint(lambda x: np.sum(np.sin(x)), X, lambda x: np.cos(x) + np.tril(x, -1))
    assert found["text"] == "3 of 9 elements are wrong, all below the diagonal"
    found = hint(lambda x: np.sum(np.sin(x)), X, lambda x: np.cos(x) + x)
    assert found["text"] == "9 of 9 elements are wrong, by no common factor"


def test_a_single_number_is_said_to_be_too_large_or_too_small_by_so_much():
    found = hint(lambda x: np.sin(x), 0.5, lambda x: np.cos(x) + 0.08)
    assert found["text"] == "yours is 0.08 too large (9.1 % of it)"
    found = hint(lambda x: np.sum(np.sin(x)), np.array([0.5]), lambda x: np.cos(x) - 0.08)
    assert found["text"] == "yours is 0.08 too small (9.1 % of it)"
    assert hint(lambda x: np.cos(x), 0.0, lambda x: 0.08)["text"] == "yours is 0.08, and not 0"


@pytest.mark.parametrize("scale, chain", [(np.exp, "exp(x)"), (lambda x: 2 * x, "2 x")])
def test_a_missing_chain_rule_is_told_by_what_to_multiply_yours_by(scale, chain):
    found = hint(lambda x: np.sum(np.sin(scale(x))) if chain != "2 x" else np.sum(np.sin(x ** 2)),
                 X, lambda x: np.cos(scale(x)) if chain != "2 x" else np.cos(x ** 2))
    assert found["text"].startswith(f"multiply yours by {chain}, and it is right")


def test_the_pattern_stands_first_below_its_tensor():
    lines = str(gradcheck.check(lambda x: np.sum(np.sin(x)), X, np.sin)).splitlines()
    assert lines[3].startswith("   pattern: ") and lines[4].startswith("   worst at ")


def test_an_f_of_few_digits_is_said_to_be_one():
    single = gradcheck.check(lambda x: float(np.sum(np.float32(x) ** 2)), X, lambda x: 2 * x)
    assert "(7 digits hold)" in single.text()
    double = gradcheck.check(lambda x: np.sum(x ** 2), X, lambda x: 2 * x)
    assert "digits hold" not in double.text()


def test_a_point_of_rest_is_no_unused_tensor():
    report = gradcheck.check(lambda x: np.cos(x).sum(), np.zeros(3), lambda x: x + 1)
    assert report.verdict == "FAIL" and "does not change" not in str(report)


@pytest.mark.parametrize("leaf", [np.array([1, 2, 3]), np.array([1, 2, 3], object)])
def test_an_integer_answer_for_a_leaf_that_is_not_looked_at_is_refused(leaf):
    def f(p):
        return float(np.sum(p["w"] * p["b"]))
    with pytest.raises(gradcheck.GradcheckUsage, match="w: answers a gradient"):
        gradcheck.check(f, {"w": leaf, "b": 0.5}, lambda p: {"w": 99 * p["w"], "b": 6.0})


# ---------------------------------------------------------------- nearly right

def _newton(c):
    """The root of y³ + y = c by iterations that stop at 1e-7."""
    y = np.zeros_like(c)
    while np.abs(y ** 3 + y - c).max() > 1e-7:
        y = y - (y ** 3 + y - c) / (3 * y ** 2 + 1) * 0.9
    return y


def _of_root(c):
    y = c
    for _ in range(60):
        y = y - (y ** 3 + y - c) / (3 * y ** 2 + 1)
    return 1 / (3 * y ** 2 + 1)


def _softmax(x):
    return np.exp(x) / np.exp(x).sum(1, keepdims=True)


ROW, ONE = np.array([[1.0], [0], [0]]), np.arange(9).reshape(3, 3) == 7
NEARLY = {
    "an iteration stopped early": (lambda x: np.sum(_newton(x)), X[0] / 2, _of_root),
    "a constant in a logarithm": (lambda x: np.sum(np.log(x ** 2 + 1e-10)), X, lambda x: 2 / x),
    "a row": (lambda x: np.sum(np.sin(x)), X, lambda x: np.cos(x) * (1 + 1e-8 * ROW)),
    "one side of the diagonal": (lambda x: np.sum(np.sin(x)), X, lambda x: np.cos(x) * (
        1 + 1e-8 * np.tri(3))),
    "a factor": (lambda x: np.sum(np.sin(x)), X, lambda x: np.cos(x) * (1 + 1e-9)),
    "a constant": (lambda x: np.sum(np.sin(x)), X + 2, lambda x: np.cos(x) + 1e-9),
    "one element": (lambda x: np.sum(np.sin(x)), X, lambda x: np.cos(x) * (1 + 1e-8 * ONE)),
    "sums that vanish": (lambda x: np.sum(np.log(_softmax(x)[:, 0] + 1e-9)), X,
                         lambda x: np.eye(3)[0] - _softmax(x))}


@pytest.mark.parametrize("limit", [4096, 2])
@pytest.mark.parametrize("name", NEARLY)
def test_of_a_gradient_that_is_nearly_right_its_digits_are_told_first(name, limit):
    f, x, g = NEARLY[name]
    report = gradcheck.check(f, x, g, max_elements=limit)
    if limit == 4096:
        assert report.verdict == "FAIL", str(report)
        assert report["x"].hint["text"].startswith("yours is right to "), report["x"].hint
    elif report["x"].hint and report["x"].hint["kind"] == "factor":
        assert report["x"].hint["text"].startswith("yours is right to "), report["x"].hint

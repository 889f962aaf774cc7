"""Derivatives in the forms in which people have them: right ones pass, planted mistakes fail."""
import numpy as np
import pytest

from npadasoft import gradcheck

X = np.array([0.5, -1.25, 2.0, 0.75])
A = np.random.default_rng(0).normal(size=(3, 4))


def check(*args, **options):
    return gradcheck.check(*args, **options)


# ---------------------------------------------------------------- Jacobians

def tanh_layer(x):
    return np.tanh(A @ x)


def layer_jacobian(x):
    return (1 - np.tanh(A @ x) ** 2)[:, None] * A


@pytest.mark.parametrize("method", ["auto", "richardson"])
def test_a_jacobian_is_checked_number_by_number(method):
    assert check(tanh_layer, X, jacobian=layer_jacobian, method=method)
    for k in range(12):
        off = np.where(np.arange(12).reshape(3, 4) == k, 1 + 1e-6, 1)
        report = check(tanh_layer, X, jacobian=lambda x: layer_jacobian(x) * off, method=method)
        assert report.verdict == "FAIL"
        assert report["x"].worst_index == (k // 4, k % 4)
        assert "one element alone" in report["x"].hint["text"]


def test_no_row_of_a_jacobian_hides_another():
    scale = np.array([1e12, 1.0, 1e-12])
    f = lambda x: scale * tanh_layer(x)
    J = lambda x: scale[:, None] * layer_jacobian(x)
    assert check(f, X, jacobian=J)
    for row in range(3):
        wrong = np.where(np.arange(3)[:, None] == row, -1.0, 1.0)
        assert check(f, X, jacobian=lambda x: wrong * J(x))["x"].worst_index[0] == row


def test_jacobians_of_trees_large_and_sparse_ones():
    p = {"x": X, "b": np.ones(3)}
    f = lambda p: np.sin(A @ p["x"] + p["b"])
    slope = lambda p: np.cos(A @ p["x"] + p["b"])[:, None]
    assert check(f, p, jacobian=lambda p: {"x": slope(p) * A, "b": slope(p) * np.eye(3)})
    report = check(f, p, jacobian=lambda p: {"x": slope(p) * A, "b": slope(p) * np.ones((3, 3))})
    assert [t.verdict for t in report.tensors] == ["PASS", "FAIL"]

    class Sparse:
        def __init__(self, full):
            self.toarray = lambda: full
    many = np.linspace(-1, 1, 300)
    report = check(np.sin, many, jacobian=lambda x: Sparse(np.diag(np.cos(x))))
    assert report and report["x"].shape == (300,)           # mixed: too many rows
    assert not check(np.sin, many, jacobian=lambda x: Sparse(np.diag(1.001 * np.cos(x))))


def test_a_declared_sparsity_saves_calls_and_is_held_against_f():
    x = np.linspace(-1, 1, 12)
    f = lambda x: np.sin(x) * np.roll(x, 1)

    def J(x):
        return np.diag(np.cos(x) * np.roll(x, 1)) + np.roll(np.diag(np.sin(np.roll(x, -1))), 1, 0)
    full, sparse = check(f, x, jacobian=J), check(f, x, jacobian=J, sparsity=J(x) != 0)
    assert full and sparse and len(sparse.notes) == 0
    assert sparse.evaluations["f"] < full.evaluations["f"]
    diagonal = lambda x: np.diag(np.diag(J(x)))             # the second band is forgotten
    lost = check(f, x, jacobian=diagonal, sparsity=np.eye(12))
    assert lost.verdict == "FAIL" and "outside of the declared sparsity" in str(lost)
    more = check(f, x, jacobian=lambda x: J(x) + 1e-3, sparsity=J(x) != 0)
    assert more.verdict == "FAIL"
    with pytest.raises(gradcheck.GradcheckUsage, match=r"sparsity: x: expected shape \(12, 12\)"):
        check(f, x, jacobian=J, sparsity=np.eye(3))


@pytest.mark.parametrize("x", [0.7, np.float64(0.7), np.array(0.7)])
def test_one_number_has_a_slope_as_well(x):
    assert check(np.sin, x, elementwise=np.cos).verdict == "PASS"
    assert check(np.sin, x, elementwise=np.sin).verdict == "FAIL"
    with pytest.raises(gradcheck.GradcheckUsage, match="one number, and not one for each element"):
        check(lambda x: np.sin(x).sum(), X, elementwise=np.cos)


def test_the_slope_of_an_elementwise_function():
    assert check(np.tanh, X, elementwise=lambda x: 1 - np.tanh(x) ** 2)
    assert check(np.tanh, X, elementwise=lambda x: 1 - np.tanh(x)).verdict == "FAIL"
    cumulated = check(np.cumsum, X, elementwise=np.ones_like)       # not elementwise at all
    assert cumulated.verdict == "FAIL"


def test_one_form_is_asked_for():
    for given in ({}, {"grads": np.cos, "jacobian": np.cos}, {"jacobian": np.cos, "order": 2},
                  {"jacobian": np.cos, "structure": "lower"}, {"elementwise": np.cos, "out": "add"},
                  {"grads": np.cos, "out": "both"}, {"grads": np.cos, "points": 0},
                  {"grads": np.cos, "seconds": -1}):
        with pytest.raises(gradcheck.GradcheckUsage):
            check(np.sin, X, **given)


def test_the_order_of_other_checkers_is_refused_before_anything_is_called():
    with pytest.raises(gradcheck.GradcheckUsage, match=r"the order is check\(f, params, grads\)"):
        gradcheck.check(np.sum, np.cos, np.ones(3))


# ---------------------------------------------------------------- Hessians

@pytest.mark.parametrize("f", [lambda x: np.sum(np.sin(x) * x), lambda x: float(
    np.sum(np.sin(x.real) * x.real))], ids=["complex step", "differences"])
def test_a_hessian_vector_product_needs_no_gradient(f):
    second = lambda x: 2 * np.cos(x) - x * np.sin(x)
    assert check(f, X, hvp=lambda x, v: second(x) * v)
    wrong = check(f, X, hvp=lambda x, v: second(x) * v * [1, 1, 1.001, 1])
    assert wrong.verdict == "FAIL" and wrong["x"].worst_index == (2,)
    assert check(f, X, hvp=lambda x, v: second(x) * np.abs(v)).verdict == "FAIL"


# ---------------------------------------------------------------- structure

def weight(n):
    return np.random.default_rng(1).normal(size=(n, n))


def test_a_symmetric_argument_is_moved_symmetrically():
    S = X[:, None] * X + np.diag(X ** 2)
    W = weight(4)
    f = lambda S: np.sum(W * np.sin(S))
    full = lambda S: W * np.cos(S)
    triangle = lambda S: np.tril(full(S) + full(S).T) - np.diag(np.diag(full(S)))
    for g in (full, triangle, lambda S: (full(S) + full(S).T) / 2):
        assert check(f, S, g, structure="symmetric")
    assert check(f, S, triangle).verdict == "FAIL"
    for wrong in (lambda S: np.tril(full(S)), lambda S: full(S) + full(S).T):
        report = check(f, S, wrong, structure="symmetric")
        assert report.verdict == "FAIL"
    with pytest.raises(gradcheck.GradcheckUsage, match="is not symmetric, by"):
        check(f, W, full, structure="symmetric")


def test_the_other_triangle_is_a_constant():
    L, W = weight(4) + 3 * np.eye(4), weight(4)
    f = lambda p: np.sum(W * (np.tril(p["L"]) @ np.tril(p["L"]).T)) + p["c"] ** 2
    full = lambda p: (W + W.T) @ np.tril(p["L"])
    g = lambda p, k=1: {"L": k * full(p), "c": 2 * p["c"]}
    p = {"L": L, "c": 0.5}
    assert check(f, p, g).verdict == "FAIL"                 # of the upper triangle f knows nothing
    assert check(f, p, g, structure={"L": "lower"})
    assert check(f, p, lambda p: g(p, 1.01), structure={"L": "lower"}).verdict == "FAIL"


def test_elements_with_one_number_are_one():
    f = lambda x: np.sum(np.sin(x) * np.arange(4))
    g = lambda x: np.cos(x) * np.arange(4)
    x = np.array([0.5, 0.5, 2.0, 0.75])
    assert check(f, x, g, structure=np.array([7, 7, 3, -1]))
    wrong = check(f, x, lambda x: g(x) * [1, 2, 1, 9], structure=np.array([7, 7, 3, -1]))
    assert wrong.verdict == "FAIL" and wrong["x"].worst_index == (0,)
    assert check(f, x, lambda x: g(x) * [9, 1, 1, 9], structure=np.array([0, 1, 1, 0], bool))


# ---------------------------------------------------------------- complex leaves

Z = np.array([0.5 + 1j, -1.25 - 0.3j, 0.75 + 2j])


def test_a_complex_leaf_is_checked_as_its_two_parts():
    f = lambda p: np.sum(np.abs(p["z"]) ** 2 * p["w"]) + np.sum(p["z"].real ** 3)

    def g(p):
        return {"z": 2 * p["z"] * p["w"] + 3 * p["z"].real ** 2, "w": np.abs(p["z"]) ** 2}
    p = {"z": Z, "w": np.array([1.0, -2, 0.5])}
    report = check(f, p, g)
    assert report, str(report)
    assert [t.path for t in report.tensors] == ["z.real", "z.imag", "w"]
    conjugate = check(f, p, lambda p: {**g(p), "z": np.conj(g(p)["z"])})
    assert [t.verdict for t in conjugate.tensors] == ["PASS", "FAIL", "PASS"]
    assert "the conjugate" in str(conjugate)


def test_a_complex_output_is_contracted_with_a_complex_cotangent():
    F = np.fft.fft
    backward = lambda z, c: np.conj(F(np.conj(c)))          # the adjoint of F
    assert check(F, Z, backward)
    assert check(F, Z, lambda z, c: F(c)).verdict == "FAIL"
    assert check(lambda z: np.abs(z[0]), 1j * Z[:1], lambda z: z / np.abs(z))


# ---------------------------------------------------------------- what grads says besides

def test_the_value_that_grads_computes_is_held_against_f():
    f, g = lambda x: np.sum(np.sin(x)), np.cos
    assert check(f, X, lambda x: (f(x), g(x)), value=True)
    report = check(f, X, lambda x: (f(x) + 1e-9, g(x)), value=True)
    assert report.verdict == "FAIL" and report["x"].verdict == "PASS"
    assert "value: grads' own = " in str(report)
    low = X.astype("f4")
    assert check(f, low, lambda x: (f(x), g(x)), value=True)
    with pytest.raises(gradcheck.GradcheckUsage, match=r"answer \(value, gradients\), got ndarray"):
        check(f, X, g, value=True)


@pytest.mark.parametrize("mode, right", [("add", 1), ("write", 0)])
def test_what_was_in_the_arrays_before_is_added_to_or_written_over(mode, right):
    f = lambda p: np.sum(np.sin(p["a"]) * p["b"])

    def into(keep_a, keep_b):
        def grads(p, out):
            out["a"] *= keep_a
            out["b"] *= keep_b
            out["a"] += np.cos(p["a"]) * p["b"]
            out["b"] += np.sin(p["a"])
        return grads
    p = {"a": X, "b": X[::-1].copy()}
    assert check(f, p, into(right, right), out=mode)
    for wrong in (into(1 - right, right), into(right, 1 - right)):
        report = check(f, p, wrong, out=mode)
        assert report.verdict == "FAIL" and report["a"].verdict == "PASS"
    assert f'out, "{mode}": b[' in str(report)


# ---------------------------------------------------------------- points and seconds

def test_of_several_points_the_worst_is_shown_and_can_be_repeated():
    draw = lambda rng: rng.normal(size=3)
    f, g = lambda x: np.sum(np.abs(x) * x), lambda x: 2 * np.where(x[0] > 1, 1.1, 1) * np.abs(x)
    one = [check(f, draw, g, seed=seed).verdict for seed in range(8)]
    assert set(one) == {"PASS", "FAIL"}                     # a branch that few points take
    report = check(f, draw, g, points=8)
    assert report.verdict == "FAIL" and report.points == 8
    assert one[report["x"].seed] == "FAIL" and f"seed={report['x'].seed})" in str(report)
    assert check(f, draw, lambda x: 2 * np.abs(x), points=3)


def test_a_budget_turns_elements_into_probes_and_says_so():
    import time
    x = np.linspace(-1, 1, 400)

    def slow(x):
        time.sleep(1e-3)
        return np.sum(np.sin(x))
    report = check(slow, x, np.cos, seconds=0.3)
    assert report.verdict == "PASS" and report["x"].probed
    assert "of a budget of 0.3 s" in report.notes[0] and len(report.notes) == 1
    assert not check(np.sin, X, elementwise=np.cos, seconds=60).notes


def test_a_line_tells_who_looks_that_it_still_runs():
    import io
    from npadasoft.gradcheck.progress import Clock

    class Terminal(io.StringIO):
        def isatty(self):
            return True
    clock = Clock(stream=Terminal())
    clock.begun, clock.last, clock.doing = clock.begun - 10, clock.last - 10, "W"
    clock.timed(lambda: 1)
    assert clock.stream.getvalue().startswith("\rgradcheck: W, 1 evaluations of f, 10 s")
    clock.done()
    silent = Clock(stream=io.StringIO())
    silent.begun -= 10
    silent.last -= 10
    silent.timed(lambda: 1)
    assert silent.stream.getvalue() == ""


# ---------------------------------------------------------------- transposes and Taylor

def test_transposes_are_recognised_and_the_wrong_number_is_named():
    assert gradcheck.dot_test(lambda v: A @ v, lambda u: A.T @ u, X)
    for k in range(12):
        wrong = A + 1e-9 * (np.arange(12).reshape(3, 4) == k)
        report = gradcheck.dot_test(lambda v: A @ v, lambda u: wrong.T @ u, X)
        assert report.verdict == "FAIL"
        assert f"x[{k % 4}] and output x[{k // 4}]" in report.equations[-1]["where"]
    assert not gradcheck.dot_test(lambda v: A @ v + 1e-9, lambda u: A.T @ u, X)     # not linear
    single = A.astype("f4")
    assert gradcheck.dot_test(lambda v: single @ v, lambda u: single.T @ u, X.astype("f4"))


def test_jvp_and_vjp_are_each_others_transpose_leaf_by_leaf():
    p = {"x": X, "b": 1e-9 * np.ones(3)}
    s = lambda p: np.cos(A @ p["x"] + p["b"])
    jvp = lambda v: {"y": s(p) * (A @ v["x"] + v["b"]), "n": np.sum(v["x"])}

    def vjp(u, k=1.0):
        return {"x": A.T @ (s(p) * u["y"]) + u["n"], "b": k * s(p) * u["y"]}
    assert gradcheck.dot_test(jvp, vjp, p)
    report = gradcheck.dot_test(jvp, lambda u: vjp(u, 1.001), p)
    failed = [e["name"] for e in report.equations if e["verdict"] == "FAIL"]
    assert failed == ["b to y"], str(report)                # tiny beside x, and seen


def test_taylor_rates_tell_a_right_gradient_from_a_wrong_one():
    f = lambda p: np.sum(np.sin(p["a"]) * p["b"] ** 2)
    g = lambda p, k=1: {"a": k * np.cos(p["a"]) * p["b"] ** 2, "b": 2 * np.sin(p["a"]) * p["b"]}
    p = {"a": X, "b": X[::-1].copy()}
    good = gradcheck.slopes(f, g, p)
    assert good and np.allclose(good.rates, (1, 2, 3), atol=0.1)
    assert str(good).endswith("as it should")
    bad = gradcheck.slopes(f, lambda p: g(p, 1.01), p)
    assert not bad and abs(bad.rates[1] - 1) < 0.1
    curved = gradcheck.slopes(f, g, p, hvp=lambda p, v: v)
    assert not curved and "its derivative is wrong" in str(curved)
    linear = gradcheck.slopes(lambda x: x.sum(), np.ones(4), X)
    assert linear and np.isnan(linear.rates[1]) and len(linear.rates) == 2


def test_a_report_of_products_speaks_of_no_f():
    A = np.arange(6.0).reshape(2, 3)
    for factor, said in ((1, "1 of 1 products agree"), (2, "0 of 1 products agree")):
        report = gradcheck.dot_test(lambda v: A @ v, lambda u: factor * A.T @ u, np.ones(3))
        for text in (str(report), report.text(), report.html(), report.to_json()):
            assert "nan" not in text and "noise" not in text, text
        assert said in str(report) and said in report.html() and "tensors" not in str(report)
        assert "gradients are right" not in report.html() and "f" not in report.to_dict()


def test_a_page_with_a_wrong_value_does_not_say_that_all_is_right():
    report = gradcheck.check(np.sum, np.ones(3), lambda x: (5.0, np.ones(3)), value=True)
    assert report.verdict == "FAIL"
    assert "are right, but not all that belongs to them: value." in report.html()


def test_how_complex_leaves_and_hvp_are_asked_explains_no_pass():
    z = np.array([1 + 1j, 2 - 0.5j])
    f, g = lambda z: np.sum(np.abs(z) ** 2), lambda z: 2 * z
    for report in (gradcheck.check(f, z, g),
                   gradcheck.check(np.fft.fft, z, lambda z, c: len(z) * np.fft.ifft(c)),
                   gradcheck.check(lambda x: np.sum(x ** 3), X, hvp=lambda x, v: 6 * x * v)):
        assert report.verdict == "PASS" and not report.notes, str(report)
    wrong = gradcheck.check(f, z, lambda z: 2 * z.conj())
    assert wrong["imag"].verdict == "FAIL"
    assert [note.split(":")[0] for note in wrong.notes] == ["imag"]


@pytest.mark.parametrize("f, g", [(np.exp, np.exp), (np.sin, np.cos)])
def test_the_rounding_of_a_float32_gradient_is_no_wrong_rate(f, g):
    x = np.random.default_rng(0).normal(size=5).astype(np.float32)
    assert gradcheck.slopes(lambda x: f(x).sum(), g, x).ok
    assert not gradcheck.slopes(lambda x: f(x).sum(), lambda x: 1.01 * g(x), x).ok

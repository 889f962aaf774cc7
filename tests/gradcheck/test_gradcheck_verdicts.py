"""The seven verdicts, right gradients of awkward functions, second order, the report."""
import functools
import json

import jsonschema
import numpy as np
import pytest
from planted_layers import als, als_backward

from npadasoft import gradcheck
from npadasoft.gradcheck.text import render

X = np.array([0.5, -1.25, 2.0, 0.75])


def verdict(f, x, g, **options):
    return gradcheck.check(f, x, g, **options).verdict


# ---------------------------------------------------------------- awkward functions

def empty_buffer(x):
    out = np.empty(3, float)        # drops an imaginary part, with a warning
    out[:] = (x * x)[:3]
    return np.sum(out) + x[3]


def silent_buffer(x):
    return float(np.sum(x.real * x.real)) + 0 * x[0]


AWKWARD = {
    "abs": (lambda x: np.sum(np.abs(x) ** 3), lambda x: 3 * x * np.abs(x)),
    "vdot": (lambda x: np.vdot(x, x), lambda x: 2 * x),
    "norm": (np.linalg.norm, lambda x: x / np.linalg.norm(x)),
    "std": (np.std, lambda x: (x - x.mean()) / (len(x) * x.std())),
    "sign": (lambda x: np.sum(np.sign(x) * x), np.sign),
    "conj": (lambda x: np.sum(np.conj(x) ** 2), lambda x: 2 * x),
    "real": (lambda x: np.sum(x.real ** 2), lambda x: 2 * x),
    "var": (np.var, lambda x: 2 * (x - x.mean()) / len(x)),
    "empty buffer": (empty_buffer, lambda x: np.append(2 * x[:3], 1.0)),
    "silent buffer": (silent_buffer, lambda x: 2 * x),
    "sine of 1000 x": (lambda x: np.sum(np.sin(1000 * x)), lambda x: 1000 * np.cos(1000 * x)),
    "a large constant": (lambda x: 1e6 + np.sum(x * x), lambda x: 2 * x),
}


@pytest.mark.parametrize("name", AWKWARD)
def test_right_gradients_of_awkward_functions_pass(name):
    f, g = AWKWARD[name]
    assert verdict(f, X, g) == "PASS"


@pytest.mark.parametrize("name", AWKWARD)
def test_and_wrong_ones_fail(name):
    f, g = AWKWARD[name]
    assert verdict(f, X, lambda x: g(x) * (1 + 1e-4)) == "FAIL"


CONTINUED = ["abs", "vdot", "norm", "std", "conj", "var", "sign"]     # plain complex numbers lie


@pytest.mark.parametrize("name", CONTINUED)
def test_a_complex_step_goes_through_what_is_not_analytic(name):
    f, g = AWKWARD[name]
    report = gradcheck.check(f, X, g)
    assert report["x"].method == "complex" and not report.notes
    assert report["x"].would_catch < 1e-11


@pytest.mark.parametrize("f, g", [
    AWKWARD["real"], AWKWARD["empty buffer"], AWKWARD["silent buffer"],
    (lambda x: np.sum(np.abs(np.fft.fft(x)) ** 3), lambda x: 3 * len(x) * np.real(np.fft.ifft(
        np.abs(np.fft.fft(x)) * np.fft.fft(x))))], ids=["real", "empty", "silent", "modulus"])
def test_the_comparison_finds_a_complex_step_that_lies(f, g):
    report = gradcheck.check(f, X, g)
    assert report["x"].method == "richardson" and report.verdict == "PASS", str(report)
    assert len(report.notes) == 1


def test_a_corner_at_the_point_itself_is_still_a_kink():
    x = np.array([0.0, 1.0, -2.0])
    assert verdict(lambda x: np.sum(np.abs(x)), x, lambda x: [0.5, 1, -1] * np.ones(3)) == "KINK"
    assert verdict(lambda x: np.sum(np.abs(x) ** 3), x, lambda x: 3 * x * np.abs(x)) == "PASS"


def test_an_omission_shared_by_the_complex_step_and_the_gradient_is_found():
    f = lambda x: np.sum(x * x) + np.sum(x.real ** 3)
    assert verdict(f, X, lambda x: 2 * x) == "FAIL"


def test_points_next_to_the_edge_of_the_domain():
    x = np.array([1e-3, 1e-6, 2.0])
    assert verdict(lambda x: np.sum(np.log(x)), x, lambda x: 1 / x, method="richardson") == "PASS"
    assert verdict(lambda x: np.sum(np.sqrt(x)), x, lambda x: 0.5 / np.sqrt(x)) == "PASS"


@pytest.mark.parametrize("size", [1e-8, 1e-6, 1e-3])
def test_noise_in_f_is_measured_and_never_a_fail(size):
    rng = np.random.default_rng(0)

    def noisy(x):
        phase = 1e14 * float(np.sum(x.real * [1.0, 2.0, 3.0, 5.0]))
        return np.sum(np.exp(x.real)) + size * np.sin(phase)

    report = gradcheck.check(noisy, X, np.exp, seed=int(rng.integers(99)))
    assert report.noise["sigma"] == pytest.approx(size / np.sqrt(2), rel=1.0)
    assert report.verdict in ("PASS", "INCONCLUSIVE")
    assert verdict(noisy, X, lambda x: np.exp(x) * 1.5) == "FAIL"


def test_relu_next_to_its_kink_has_the_slope_of_its_own_side():
    for distance in (1e-10, 1e-6, 1e-3, 0.3):
        x = np.array([distance, -distance, 0.5])
        g = lambda x: 2.0 * (x > 0)
        report = gradcheck.check(lambda x: np.sum(2 * np.maximum(x, 0)), x, g,
                                 method="richardson")
        assert report.verdict == "PASS", str(report)


def test_many_relus_probed_together_pass():
    x = np.random.default_rng(0).normal(size=100_000)
    report = gradcheck.check(lambda x: np.sum(np.maximum(x.real, 0) ** 1), x,
                             lambda x: 1.0 * (x > 0), probes=2)
    assert report.verdict == "PASS" and report["x"].method == "richardson"


# ---------------------------------------------------------------- special verdicts

def test_relu_at_zero_is_a_kink_with_its_two_slopes():
    x = np.array([0.0, 1.0])
    report = gradcheck.check(lambda x: np.sum(2 * np.maximum(x.real, 0)), x,
                             lambda x: 2.0 * (x > 0))
    tensor = report["x"]
    assert report.verdict == "KINK" and not report.ok
    assert (tensor.left, tensor.right) == (pytest.approx(0), pytest.approx(2))
    assert "yours is one of them, or between" in tensor.reason
    assert "move it off the kink" in tensor.reason
    assert "slopes: left" in str(report)


def test_a_gradient_outside_both_slopes_of_a_kink_is_said_to_be():
    report = gradcheck.check(lambda x: 2 * np.maximum(x.real, 0), 0.0, lambda x: 30.0)
    assert report.verdict == "KINK" and "neither, nor between" in report["x"].reason


def test_a_kink_beside_a_wrong_element_is_a_fail_there():
    x = np.array([0.0, 1.0])
    report = gradcheck.check(lambda x: np.sum(2 * np.maximum(x.real, 0)), x,
                             lambda x: np.array([0.0, 2.5]))
    assert report.verdict == "FAIL" and report["x"].worst_index == (1,)


def test_a_tie_in_a_maximum_is_a_kink_by_either_method():
    x = np.array([1.0, 1.0, 0.0])
    for method in ("auto", "richardson"):
        f = lambda x: x[np.argmax(x.real)] + 0 * x.sum()
        assert verdict(f, x, lambda x: np.array([0.5, 0.0, 0.0]), method=method) == "KINK"


def test_a_complex_step_never_fails_alone_at_a_kink():
    """relu by comparison of the real part: the complex step sees the slope 0."""
    x = np.array([0.0, 1.0, 2.0])
    f = lambda x: np.sum(np.where(x.real > 0, x, 0))
    report = gradcheck.check(f, x, lambda x: 1.0 * (x >= 0))
    assert report["x"].verdict == "KINK"


def test_nan_anywhere_is_nonfinite_and_the_first_index_is_named():
    bad = gradcheck.check(lambda x: np.sum(x * x), X, lambda x: np.array([1, np.nan, 1, np.inf]))
    assert bad.verdict == "NONFINITE" and "gradient is nan at [1]" in bad["x"].reason
    assert verdict(lambda x: x[0] * np.nan, X, lambda x: x) == "NONFINITE"
    broken = np.array([1.0, np.inf])
    report = gradcheck.check(lambda x: x[0] ** 2, broken, lambda x: np.array([2.0, 0.0]))
    assert report.verdict == "NONFINITE" and "parameter is inf at [1]" in report["x"].reason


@pytest.mark.parametrize("options", [{}, {"max_elements": 1}])
def test_an_isolated_point_of_the_domain_is_nonfinite(options):
    def isolated(x):
        return 1.0 if (x == X).all() else np.nan
    report = gradcheck.check(isolated, X, lambda x: x, **options)
    assert report.verdict == "NONFINITE" and "displaced" in report["x"].reason


def test_dropout_is_nondeterministic():
    rng = np.random.default_rng(0)

    def dropout(x):
        return np.sum(x * x * (rng.random(x.shape) < 0.5))
    report = gradcheck.check(dropout, X, lambda x: x)
    assert report.verdict == "NONDETERMINISTIC"


def test_a_repeated_gradient_that_differs_in_its_last_bits_is_nondeterministic():
    calls = iter(range(10_000))
    report = gradcheck.check(lambda x: np.sum(x * x), X,
                             lambda x: 2 * x * (1 + 2.0 ** -52 * (next(calls) % 2)))
    assert report.verdict == "NONDETERMINISTIC"
    x = np.ones(40)
    report = gradcheck.check(lambda x: np.sum(x * x), x, max_elements=1, grads=lambda x: 2 * x * (
        1 + 2.0 ** -52 * (next(calls) % 2)))
    assert report.verdict == "NONDETERMINISTIC"


def test_what_is_empty_or_never_used_is_vacuous():
    params = {"a": np.ones(2), "unused": np.ones((2, 3)), "none": np.ones((0, 3))}
    report = gradcheck.check(lambda p: np.sum(p["a"] ** 2), params,
                             lambda p: {k: 2.0 * v * (k == "a") for k, v in p.items()})
    assert [t.verdict for t in report.tensors] == ["PASS", "VACUOUS", "VACUOUS"]
    assert report.verdict == "VACUOUS" and not report.ok
    report.raise_if_failed(accept=("PASS", "VACUOUS"))
    assert verdict(lambda p: 1.0, {}, {}) == "VACUOUS"
    assert verdict(lambda x: 1.0, np.ones(30), lambda x: 0 * x, max_elements=9) == "VACUOUS"


def test_swamped_and_imaginary_part_lost_is_inconclusive():
    """f hides a small tensor behind 1e15, and loses its imaginary part: nothing can be said."""
    params = {"big": np.array([1e15]), "small": np.array([1e-6, 2e-6])}

    def f(p):
        return p["big"][0] + np.sum(p["small"].real ** 2)

    def grads(p):
        return {"big": np.ones(1), "small": 0 * p["small"]}

    report = gradcheck.check(f, params, grads, method="complex")
    assert report["small"].verdict == "INCONCLUSIVE"
    report = gradcheck.check(f, params, lambda p: {"big": np.ones(1), "small": 2 * p["small"]},
                             method="complex")
    assert report["small"].verdict == "INCONCLUSIVE"


def test_a_right_gradient_of_a_swamped_tensor_is_no_pass_either():
    """A complex step that lost a term, and a gradient that lacks it, would look the same."""
    params = {"big": np.array([1e15]), "small": np.array([1e-6, 2e-6])}
    report = gradcheck.check(lambda p: p["big"][0] + np.sum(p["small"] ** 2), params,
                             lambda p: {"big": np.ones(1), "small": 2 * p["small"]})
    assert [t.verdict for t in report.tensors] == ["PASS", "INCONCLUSIVE"]
    assert "swamped" in report["small"].reason


def test_a_blunt_tolerance_is_inconclusive_not_a_pass():
    report = gradcheck.check(lambda x: 1e13 + float(np.sum(np.sin(x.real))), X, np.cos)
    assert report.verdict == "INCONCLUSIVE" and "blunt" in report["x"].reason


def test_a_difference_of_two_tolerances_is_inconclusive():
    clean = gradcheck.check(lambda x: np.sum(np.exp(x)), X, np.exp(X))["x"]

    def grads():
        g = np.exp(X)
        g[2] += clean.would_catch / 2           # its tolerance is the largest
        return g
    report = gradcheck.check(lambda x: np.sum(np.exp(x)), X, grads())
    assert report.verdict in ("INCONCLUSIVE", "FAIL")
    assert gradcheck.check(lambda x: np.sum(np.exp(x)), X, np.exp(X)).verdict == "PASS"


def test_a_staircase_shows_its_trend_and_is_noted():
    report = gradcheck.check(lambda x: np.round(1000 * x.real) / 1000, 0.3217, lambda x: 1.0)
    assert any("staircase" in note for note in report.notes)


def test_f_writing_to_its_input_is_an_error():
    def f(x):
        x[0] = 0
        return np.sum(x)
    with pytest.raises(ValueError, match="read-only") as caught:
        gradcheck.check(f, X, lambda x: x)
    assert "f at the given point" in caught.value.__notes__[0]


def test_f_unlocking_its_input_is_an_error():
    def f(x):
        if x.flags.owndata and not np.iscomplexobj(x):
            x.flags.writeable = True
            x[0] *= 1 + 1e-9
            x.flags.writeable = False
        return np.sum(x * x)
    with pytest.raises(gradcheck.GradcheckUsage, match="unlocked"):
        gradcheck.check(f, X.copy(), lambda x: 2 * x)


def test_f_writing_to_the_callers_array_is_an_error():
    mine = X.copy()

    def f(x):
        mine[0] += 1
        return np.sum(x * x)
    with pytest.raises(gradcheck.GradcheckUsage, match="caller's array"):
        gradcheck.check(f, mine, lambda x: 2 * x)


# ---------------------------------------------------------------- low precision, arrays

def test_a_low_precision_function_can_be_checked_as_it_is():
    x = X.astype(np.float32)
    f = lambda x: np.sum(x * x, dtype=x.dtype)
    report = gradcheck.check(f, x, lambda x: 2 * x, upcast=False)
    assert report.verdict == "PASS"
    assert 1e-8 < report["x"].tolerance < 1e-4
    assert verdict(f, x, lambda x: 2 * x * np.float32(1.01), upcast=False) == "FAIL"


def test_single_precision_inside_the_complex_step_is_measured():
    """Complex input is rounded to complex64, without a warning: agreement at 1e-7, no better."""
    def f(x):
        kind = np.complex64 if np.iscomplexobj(x) else np.float64
        return np.sum(np.exp(x.astype(kind) * kind(1.1)))
    report = gradcheck.check(f, X, lambda x: 1.1 * np.exp(1.1 * x))
    assert report.verdict != "FAIL"


def test_a_gradient_given_as_an_array_has_an_assumed_noise():
    tensor = gradcheck.check(lambda x: np.sum(np.exp(x)), X, np.exp(X))["x"]
    assert (tensor.verdict, tensor.noise_source) == ("PASS", "assumed")


def test_outputs_are_contracted_with_a_seeded_cotangent():
    f = lambda z: np.exp(z) / np.exp(z).sum()

    def missing_term(z, c):
        return c * f(z)

    def right(z, c):
        return f(z) * (c - np.sum(c * f(z)))
    assert verdict(f, X, right) == "PASS"
    assert verdict(f, X, missing_term) == "FAIL"
    assert verdict(f, X, right, cotangent=np.arange(4.0)) == "PASS"


def test_integer_outputs_are_left_out():
    def f(p):
        return {"loss": p * p, "count": np.arange(3), "worst": (p.sum(),)}

    def grads(p, c):
        assert c["count"] is None
        return 2 * p * c["loss"] + c["worst"][0]
    assert verdict(f, X, grads) == "PASS"


# ---------------------------------------------------------------- second order

def test_second_order_of_the_layer_passes_and_a_factor_in_one_tensor_breaks_the_symmetry():
    f, params, grads, target = als()
    report = gradcheck.check(f, params, grads, order=2, wrt="parameters.tail.*.*.weight")
    assert report.second_order["verdict"] == "PASS"
    assert report.second_order["method"] == "complex"
    assert report.second_order["curl"]["difference"] <= 1e-13

    def scaled(p, factor=1.001):
        g = als_backward(p, target)
        g["parameters.tail.0.0.weight"] *= factor
        return g
    wrong = gradcheck.check(f, params, scaled, order=2).second_order
    assert wrong["curl"]["verdict"] == "FAIL" and wrong["curl"]["difference"] > 1e-6


def test_a_common_factor_shows_in_the_curvature_alone_and_an_offset_in_neither():
    f, g = (lambda x: np.sum(np.exp(x))), np.exp
    doubled = gradcheck.check(f, X, lambda x: g(x) * 1.001, order=2).second_order
    assert doubled["curl"]["verdict"] == "PASS" and doubled["curvature"]["verdict"] == "FAIL"
    shifted = gradcheck.check(f, X, lambda x: g(x) + 0.1, order=2)
    assert shifted.second_order["verdict"] == "PASS" and shifted.verdict == "FAIL"


def test_hessian_vector_products_are_checked_element_by_element():
    f = lambda x: np.sum(np.exp(x)) + x[0] * x[1]

    def g(x):
        return np.exp(x) + np.array([x[1], x[0], 0, 0])

    def hvp(x, v, slip=0.0):
        return np.exp(x) * v + np.array([v[1], v[0], 0, slip])
    assert verdict(f, X, g, order=2, hvp=hvp) == "PASS"
    report = gradcheck.check(f, X, g, order=2, hvp=lambda x, v: hvp(x, v, 1e-6))
    assert report.verdict == "FAIL" and report.second_order["hvp"][0]["worst_index"] == (3,)
    assert "second order, hvp x" in str(report)


def test_second_order_without_complex_numbers_and_of_a_linear_function():
    report = gradcheck.check(lambda x: np.sum(x.real ** 4), X, lambda x: 4.0 * x.real ** 3, order=2)
    assert report.second_order["method"] == "richardson" and report.verdict == "PASS"

    def refuses(x):
        if np.iscomplexobj(x):
            raise TypeError("no complex numbers")
        return 4 * x ** 3
    assert verdict(lambda x: np.sum(x ** 4), X, refuses, order=2) == "PASS"
    linear = gradcheck.check(lambda x: np.sum(3 * x), X, lambda x: 3 + 0 * x, order=2)
    assert linear.second_order["curl"]["verdict"] == "VACUOUS"


def real_only(x):
    if np.iscomplexobj(x):
        raise TypeError("no complex numbers")
    return 4 * x ** 3


@pytest.mark.parametrize("slip, verdict", [(0.0, "PASS"), (1e-3, "FAIL")])
def test_hessian_vector_products_without_complex_numbers(slip, verdict):
    report = gradcheck.check(lambda x: np.sum(x ** 4), X, real_only, order=2,
                             hvp=lambda x, v: 12 * x ** 2 * v * (1 + slip))
    entry = report.second_order["hvp"][0]
    assert entry["verdict"] == verdict and entry["tolerance"] < 1e-6


def test_second_order_where_f_or_grads_is_undefined_nearby_is_nonfinite():
    def lone(x):
        return 4 * x ** 3 if (x == X).all() else np.full(4, np.nan)
    report = gradcheck.check(lambda x: np.sum(x ** 4), X, lone, order=2)
    assert report.second_order["verdict"] == "NONFINITE"


def test_second_order_at_the_edge_of_the_domain_is_not_a_fail():
    x = np.array([1e-3, 2.0])
    report = gradcheck.check(lambda x: np.sum(np.log(x)), x, lambda x: 1 / x, order=2)
    assert report.second_order["curl"]["verdict"] != "FAIL"
    assert report["x"].verdict == "PASS"


# ---------------------------------------------------------------- the report

TENSOR_FIELDS = {
    "path": {"type": "string"}, "shape": {"type": "array"}, "dtype": {"type": "string"},
    "verdict": {"enum": list(gradcheck.verdicts.PRECEDENCE)},
    "ratio": {"type": ["number", "string"]}, "checked": {"type": "integer"},
    "worst_index": {"type": "array"}, "hint": {"type": "object"}}
SCHEMA = {
    "type": "object", "additionalProperties": False,
    "required": ["schema", "name", "verdict", "ok", "seed", "accept", "f", "noise", "evaluations",
                 "second_order", "notes", "tensors"],
    "properties": {key: {} for key in ("name", "seed", "f", "noise", "method", "joint",
                                       "second_order", "accept", "evaluations")} | {
        "schema": {"const": "npadasoft.gradcheck/1"}, "ok": {"type": "boolean"},
        "verdict": {"enum": list(gradcheck.verdicts.PRECEDENCE)},
        "notes": {"type": "array", "items": {"type": "string"}},
        "tensors": {"type": "array", "items": {"type": "object", "properties": TENSOR_FIELDS,
                                               "required": ["path", "shape", "dtype", "verdict"]}}}}


@functools.cache
def reports():
    """Four reports: all well, one wrong tensor, nan, a probed tensor with second order."""
    return list(drawn_reports())


def drawn_reports():
    f, params, _, target = als()
    yield gradcheck.check(f, params, lambda p: als_backward(p, target))
    yield gradcheck.check(f, params, lambda p: als_backward(p, target, "per-cluster mean"))
    yield gradcheck.check(lambda x: np.sum(x * x), X, lambda x: x * np.nan)
    yield gradcheck.check(lambda x: np.sum(x * x), np.ones(5000), lambda x: 2 * x, order=2)


def test_the_json_is_strict_and_follows_its_schema():
    for report in reports():
        text = report.to_json()
        jsonschema.validate(json.loads(text), SCHEMA)
        assert "NaN" not in text and "Infinity" not in text


def test_the_text_is_ascii_in_100_columns_and_says_how_to_repeat():
    for report in reports():
        for text in (str(report), render(report)):
            assert text.isascii()
            assert all(len(line) <= 100 for line in text.splitlines()), text
    failed = reports()[1]
    text = str(failed)
    assert "RESULT: FAIL, 1 of 7 tensors (6 PASS)" in text
    assert 'wrt="parameters.tail.0.0.weight", seed=0' in text
    assert "worst at [" in text and "pattern: yours is the derivative times" in text


def test_a_clean_report_is_one_line():
    assert str(reports()[0]).startswith("gradcheck PASS 7/7 tensors, 562 elements, 0 probes")
    probed = gradcheck.check(lambda x: np.sum(x * x), np.ones(5000), lambda x: 2 * x)
    assert "0 elements, 9 probes" in str(probed)


def test_the_same_seed_gives_the_same_bytes():
    f, params, grads, _ = als()
    options = {"wrt": ["input", "parameters.tail.0.0.weight"]}
    first, second, other = (gradcheck.check(f, params, grads, seed=seed, **options).to_json()
                            for seed in (3, 3, 4))
    assert first == second != other


def test_what_is_checked_beside_a_tensor_changes_nothing_about_it():
    f, params, _, target = als()
    wrong = lambda p: als_backward(p, target, "factor 2")
    whole = gradcheck.check(f, params, wrong)["parameters.head.weight"]
    alone = gradcheck.check(f, params, wrong, wrt="parameters.head.weight").tensors[0]
    assert (whole.verdict, whole.hint) == (alone.verdict, alone.hint)


def test_raise_if_failed_raises_with_the_report():
    report = gradcheck.check(lambda x: np.sum(x * x), X, lambda x: x)
    with pytest.raises(gradcheck.GradcheckFailed) as caught:
        report.raise_if_failed()
    assert caught.value.report is report and "RESULT: FAIL" in str(caught.value)
    good = gradcheck.check(lambda x: np.sum(x * x), X, lambda x: 2 * x)
    assert good.raise_if_failed() is good


def test_warnings_filters_and_random_state_are_left_alone():
    import warnings
    filters, state = list(warnings.filters), np.random.get_state()[1].copy()
    gradcheck.check(lambda x: np.sum(x * x), X, lambda x: 2 * x)
    assert warnings.filters == filters and (np.random.get_state()[1] == state).all()

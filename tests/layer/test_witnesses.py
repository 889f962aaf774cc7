"""Who judges the judges: each witness against what is known in closed form."""
from decimal import Decimal, localcontext

import numpy as np
import pytest

import rounding
import witnesses
from npadasoft import AdaptiveLogSoftmaxWithLoss, reference
from rounding import Approx, Model, assert_within
from strategies import ALWAYS, Problem


# ------------------------------------------------------------------------ absent libraries

def test_an_absent_witness_is_skipped_outside_ci(monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no_such_library is absent"):
        witnesses.witness("no_such_library")


def test_an_absent_witness_fails_in_ci(monkeypatch):
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="pip install 'npadasoft"):
        witnesses.witness("no_such_library")


def test_a_witness_that_is_there_is_its_module():
    assert witnesses.witness("decimal").Decimal is Decimal


@pytest.fixture
def path(tmp_path, monkeypatch):
    """A folder that alone is searched for programs."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def program(path, name, script):
    (path / name).write_text(f"#!/bin/sh\n{script}\n")
    (path / name).chmod(0o755)


@pytest.mark.parametrize("language, there, package", [
    ("cpp", [], "g\\+\\+"), ("cpp", ["g++"], "nlohmann-json3-dev"), ("r", [], "r-base-core"),
    ("r", ["Rscript"], "r-cran-jsonlite"), ("javascript", [], "nodejs"), ("g++", [], "g\\+\\+")])
def test_an_absent_tool_is_a_skip_that_names_its_package_and_in_ci_a_failure(
        language, there, package, path, monkeypatch):
    for name in there:
        program(path, name, '[ "$1" = --version ]')     # it is there, but what it needs is not
    witnesses.missing_package.cache_clear()
    for ci, outcome in ("", pytest.skip.Exception), ("true", pytest.fail.Exception):
        monkeypatch.setenv("CI", ci)
        with pytest.raises(outcome, match=f"needs the package {package} .*apt-get install"):
            witnesses.tools(language)
    witnesses.missing_package.cache_clear()


@pytest.mark.parametrize("language, needed", [("cpp", "g++"), ("r", "Rscript"), ("python", "")])
def test_tools_that_are_there_are_no_skip(language, needed, path):
    if needed:
        program(path, needed, "exit 0")
    witnesses.missing_package.cache_clear()
    assert witnesses.tools(language) is None
    witnesses.missing_package.cache_clear()


# ------------------------------------------------------------------------ rounding

@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_bound_holds_for_plain_loops_and_is_not_far_above(dtype):
    """A dot product of 300 terms, summed in order: within, and within a factor of 1000."""
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal((50, 300)).astype(dtype) for _ in range(2))
    due = Approx(a) @ Approx(b).T
    found = np.array([[np.cumsum(x * y)[-1] for y in b] for x in a])
    ratio = rounding.excess(found, due.value, due.error, dtype)
    assert 1e-3 < ratio < 1


def test_an_error_of_one_part_in_a_million_is_outside_the_bound():
    problem = Problem()
    layer, x = problem.layer(), problem.input()
    due = Model.of(layer, x).log_prob()
    found = layer.log_prob(x)
    assert_within(found, due.value, due.error, "float64")
    found[3, 4] *= 1 + 1e-13
    with pytest.raises(AssertionError, match="times the bound on rounding"):
        assert_within(found, due.value, due.error, "float64")


def test_a_result_of_another_shape_or_nan_is_outside_the_bound():
    with pytest.raises(AssertionError):
        assert_within(np.zeros((3, 1)), np.zeros(3), np.ones(3), "float64")
    with pytest.raises(AssertionError):
        assert_within(np.array([0.0, np.nan]), np.zeros(2), np.ones(2), "float64")


def test_the_model_in_long_double_agrees_with_the_definition_in_decimal():
    """To the roundings of long double: the model's own error bound, in units of 2⁻⁶⁴."""
    eps = float(np.finfo(np.longdouble).eps)
    for problem in ALWAYS:
        layer, x = problem.layer(), problem.input()
        exact = witnesses.Definition(layer, x).log_prob()
        wanted = witnesses.as_longdouble(exact, (problem.n, problem.n_classes))
        due = Model.of(layer, x).log_prob()
        assert (abs(due.value - wanted) <= eps * due.error).all()


# ------------------------------------------------------------------------ differences

@pytest.mark.parametrize("function, slope", [(np.sin, 1.0), (lambda t: np.exp(3 * t), 3.0),
                                             (lambda t: 1 / (2 + t), -0.25)])
def test_extrapolated_differences_find_the_derivative_within_their_error(function, slope):
    found, error = witnesses.richardson(function)
    assert abs(found - slope) <= 10 * error and error < 1e-9


def test_the_complex_step_is_the_derivative_of_a_known_function():
    """Zero weights, two columns: log p = -log 2, and its derivative by a bias is 1/2 or -1/2."""
    layer = AdaptiveLogSoftmaxWithLoss(1, 2, [1], 1.0, True)
    zero = layer.with_parameters(layer.parameters.map(lambda w: 0 * w))

    def log_p(layer, x):
        return layer.log_prob(x)

    for column, wanted in ((0, [0.5, -0.5]), (1, [-0.5, 0.5])):
        found = witnesses.derivative_of(log_p, zero, np.ones((1, 1)), "head.bias", column)
        assert found[0].tolist() == wanted


# ------------------------------------------------------------------------ decimal

def test_log1p_in_decimal_keeps_every_digit_of_a_small_number():
    with localcontext() as context:
        context.prec = 50
        for power in (0, 5, 30, 60, 115, 400):
            s = Decimal(3).scaleb(-power)
            series = sum((-1)**(k + 1) * s**k / k for k in range(1, 20)) if power > 4 else None
            if series is not None:
                assert abs(witnesses.log1p(s) / series - 1) < Decimal("1e-48")
            assert witnesses.log1p(s) > 0
        assert witnesses.log1p(Decimal(0)) == 0
        assert witnesses.log1p(Decimal(1)) == Decimal(2).ln()


def test_differences_in_decimal_are_the_derivative_to_forty_digits():
    """One class and a cluster of one: the head's derivative is 1 - p, in closed form."""
    layer = Problem(in_features=1, cutoffs=(1, 2), div_value=1.0, head_bias=True).layer()
    x = np.array([[1.5]])
    definition = witnesses.Definition(layer, x)
    found = definition.gradients([0], [1.0])["head.bias"]
    with localcontext() as context:
        context.prec = 60
        z = reference.head_logits(definition.x[0], definition.weights)
        lacks = 1 / (1 + (z[0] - z[1]).exp())
        assert abs(found[0] / lacks - 1) < Decimal("1e-40")
        assert abs(found[1] / lacks + 1) < Decimal("1e-40")

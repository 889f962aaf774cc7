"""What is computed in a lower precision than is announced is told as that, in one line."""
from dataclasses import replace

import numpy as np
import pytest

from npadasoft.conformance.golden import vectors_io
from npadasoft.conformance.judge.causes import causes
from npadasoft.conformance.judge.outline import remarkable
from npadasoft.conformance.judge.precision import SINGLE, judge_precision
from npadasoft.conformance.judge.session import Session
from npadasoft.conformance.mistakes import MISTAKES, name_run
from npadasoft.conformance.mistakes.layer import Layer
from npadasoft.conformance.mistakes.planted import Planted
from npadasoft.conformance.ports.ours import Ours

SOME = ["T0*", "G0*", "X0*", "P1*", "R0*"]
CASES = vectors_io.select(vectors_io.load(), SOME)


class InSingle(Ours):
    """Computes a float64 in float32, from the weights to the answer."""

    info = replace(Ours.info, dtypes=("float64",))

    def build(self, config, params, dtype):
        return super().build(config, params, "float32")

    def cast(self, array, dtype):
        return array.astype("float32")


class log_softmax_in_single(Layer):
    def log_softmax(self, z):
        return super().log_softmax(z.astype(np.float32)).astype(z.dtype)


class output_in_single(Layer):
    def output(self, f):
        return super().output(f).astype(np.float32).astype(f.a.dtype)


class naive_with_exp_in_single(Layer):
    def log_softmax(self, z):
        if not z.size:
            return z
        z = z - z.max(-1, keepdims=True)
        return z - np.log(np.exp(z.astype(np.float32)).astype(z.dtype).sum(-1, keepdims=True))


def run_of(port, cases=CASES):
    session = Session(port, cases)
    results = session.run(port.info.dtypes[:2])
    session.explain(port.info.dtypes[:2])
    return results


def lines_of(port):
    results = run_of(port)
    name_run(results)
    judge_precision(results)
    return [c.text for c in causes(remarkable(results)) if "not announced" not in c.text]


def test_a_float64_that_is_a_float32_throughout_is_one_line():
    assert lines_of(InSingle()) == [SINGLE]


@pytest.mark.parametrize("layer", [
    log_softmax_in_single, output_in_single])
def test_a_step_in_float32_is_one_line(layer):
    assert lines_of(Planted(layer)) == [SINGLE]


def test_another_mistake_beside_a_lower_precision_keeps_its_name():
    first, second = lines_of(Planted(naive_with_exp_in_single))[:2]
    assert first == SINGLE and second == "`textbook-log-softmax`"


@pytest.mark.parametrize("name", [
    "boundary", "loss-is-a-sum", "gradient-of-a-sum", "no-cluster-term", "no-head-bias",
    "place-one-too-small", "tail-overwrites-the-input-gradient"])
def test_numbers_of_another_layer_are_not_right_to_a_lower_precision(name):
    results = run_of(Planted(MISTAKES[name].layer_class))
    judge_precision(results)            # before anything is named
    assert any(r.verdict == "fail" for r in results) and not any(r.rounding for r in results)


def test_one_case_is_no_sign_of_a_lower_precision():
    results = run_of(InSingle(), vectors_io.select(CASES, ["T01"]))
    judge_precision(results)
    assert [r.verdict for r in results] == ["fail"] and not results[0].rounding


class factor(Layer):
    """Another formula, off by as little as it says."""

    less = 0.0

    def log_softmax(self, z):
        return super().log_softmax(z) * (1 - self.less)


@pytest.mark.parametrize("less", [1e-3, 1e-6, 1e-12, 1e-14])
def test_another_formula_is_no_lower_precision_however_near_it_is(less):
    results = run_of(Planted(type("Near", (factor,), {"less": less})))
    judge_precision(results)
    assert any(r.verdict == "fail" for r in results) and not any(r.rounding for r in results)

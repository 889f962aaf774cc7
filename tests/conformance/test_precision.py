"""What is computed in a lower precision than is announced is told as that, in one line."""
from dataclasses import replace

import numpy as np
import pytest

from npadasoft.conformance.golden import vectors_io
from npadasoft.conformance.judge.causes import causes
from npadasoft.conformance.judge.outline import remarkable
from npadasoft.conformance.judge.precision import judge_precision
from npadasoft.conformance.judge.session import Session
from npadasoft.conformance.mistakes import MISTAKES, name_run
from npadasoft.conformance.mistakes.formulas import linear
from npadasoft.conformance.mistakes.layer import Layer
from npadasoft.conformance.mistakes.planted import Planted
from npadasoft.conformance.ports.ours import Ours

SOME = ["T0*", "G0*", "X0*", "P1*", "R0*"]
CASES = vectors_io.select(vectors_io.load(), SOME)
SINGLE = ("your numbers are right to the precision of float32 alone: something is computed or "
          "kept in that, or approximated")
HALF = SINGLE.replace("float32", "float16 (or TF32, which is as coarse)")


class InSingle(Ours):
    """Computes a float64 in float32, from the weights to the answer."""

    info = replace(Ours.info, dtypes=("float64",))

    def build(self, config, params, dtype):
        return super().build(config, params, "float32")

    def cast(self, array, dtype):
        return array.astype("float32")


def cut(a):
    """Numbers of eleven bits, as tensor cores read them."""
    fraction, exponent = np.frexp(a)
    return np.ldexp(np.round(np.ldexp(fraction, 11)), exponent - 11).astype(a.dtype)


class products_of_eleven_bits(Layer):
    def head_logits(self, x):
        return linear(cut(x), cut(self.head_weight()), self.head_bias())

    def hidden(self, x, i):
        return linear(cut(x), cut(self.projection(i)))

    def tail_logits(self, hidden, i):
        return linear(cut(hidden), cut(self.output_weight(i)), self.tail_bias(i))


class log_softmax_in_single(Layer):
    def log_softmax(self, z):
        return super().log_softmax(z.astype(np.float32)).astype(z.dtype)


class log_softmax_in_half(Layer):
    def log_softmax(self, z):
        half = super().log_softmax(z.astype(np.float32)).astype(np.float16)
        return half.astype(z.dtype)


class output_in_single(Layer):
    def output(self, f):
        return super().output(f).astype(np.float32).astype(f.a.dtype)


class naive_with_exp_in_single(Layer):
    def log_softmax(self, z):
        if not z.size:
            return z
        z = z - z.max(-1, keepdims=True)
        return z - np.log(np.exp(z.astype(np.float32)).astype(z.dtype).sum(-1, keepdims=True))


def run_of(port):
    session = Session(port, CASES)
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


@pytest.mark.parametrize("layer, line", [
    (log_softmax_in_single, SINGLE), (output_in_single, SINGLE), (log_softmax_in_half, HALF),
    (products_of_eleven_bits, HALF)])
def test_a_step_in_a_lower_precision_is_one_line_in_all_dtypes_that_show_it(layer, line):
    assert lines_of(Planted(layer)) == [line]


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

"""Wrong ports that look like known mistakes which they do not have: no false name is printed.

Each is the layer in steps, with one change in all operations or in some; what a port may not be
called is as much a law here as what it is.
"""
from dataclasses import replace

import numpy as np
import pytest

import whole_run
from npadasoft.conformance.golden import vectors_io
from npadasoft.conformance.mistakes import MISTAKES, padding
from npadasoft.conformance.mistakes.layer import Layer
from npadasoft.conformance.mistakes.planted import Planted
from npadasoft.conformance.mistakes.slips import parted
from npadasoft.conformance.mistakes.untold import ALIKE
from npadasoft.conformance.wire.messages import LINEAR, is_integer

CASES = vectors_io.load()
PADDED = vectors_io.select(CASES, ["A*", "E*", "I*", "L*", "J10", "T0*"])
KNOWN = {name: m.layer_class for name, m in MISTAKES.items()}


def lines_of(layer_class, cases=CASES, ops=None, dtypes=("float64",)):
    """The lines of causes of a port that has a mistake, in some operations or in all."""
    class Port(Planted):
        def ask(self, request):
            wrong = ops is None or request.op in ops
            return Planted(layer_class if wrong else Layer).ask(request)
    _, found = whole_run.run(Port(), cases, dtypes)
    return [c.text for c in found]


def names_in(lines):
    """The names of mistakes in these lines."""
    return {parted(name)[0] for line in lines for name in line.split("`")[1::2]}


# ------------------------------------------------------------------ what counts as padding

OF_PADDING = sorted(name for name, c in KNOWN.items() if c.__module__ == padding.__name__)


@pytest.mark.parametrize("name", OF_PADDING)
def test_padding_that_is_not_what_was_asked_is_one_line_and_has_no_other_name(name):
    lines = lines_of(KNOWN[name], PADDED)
    assert len(lines) == 1 and names_in(lines) == {name, *ALIKE.get(name, ())}, lines


class NothingBelowZero(Layer):
    """Takes the first row to ignore for one, and no other."""

    def kept(self, y):
        kept = super().kept(y)
        return kept | (np.cumsum(~kept.ravel()).reshape(y.shape) > 1)


def test_refusals_alone_give_no_name_in_the_head_that_the_layer_denies():
    assert names_in(lines_of(NothingBelowZero, PADDED)) == set()


@pytest.mark.parametrize("name, ops", [("ignores-minus-one-alone", ["forward"]),
                                       ("ignore-index-is-class-zero", ["forward"]),
                                       ("padding-compared-with-the-place", ["embed"]),
                                       ("padding-compared-with-the-place", ["embed_backward"])])
def test_padding_in_one_operation_alone_is_one_line_with_its_refusals(name, ops):
    assert lines_of(KNOWN[name], PADDED, ops) == [f"`{name} (in {ops[0]} alone)`"]


def test_mistakes_that_explain_the_same_in_an_operation_stand_side_by_side():
    assert lines_of(KNOWN["ignore-index-one-too-high"], PADDED, ["backward"]) == [
        "`ignore-index-not-looked-at (in backward alone)` or "
        "`ignore-index-one-too-high (in backward alone)`"]


def test_of_a_mistake_and_one_that_adds_to_it_an_operation_that_shows_no_more_has_the_less():
    assert lines_of(KNOWN["ignores-minus-one-alone"], PADDED, ["backward"]) == [
        "`ignore-index-is-minus-one (in backward alone)`"]


@pytest.mark.parametrize("name, ops", [("ignores-minus-one-alone", ["backward", "forward"]),
                                       ("padding-one-too-low", ["embed"])])
def test_a_name_of_some_operations_that_explains_more_takes_the_place_of_one_of_all(name, ops):
    """Hvp and jvp, or the way back, are right, and deny the mistake as a whole."""
    assert lines_of(KNOWN[name], PADDED, ops) == [f"`{name} (in {', '.join(ops)} alone)`"]


# ------------------------------------------------------------------ what too much contradicts

class PlacesFromZero(Layer):
    """Counts classes from 1, and forgets it of the places that it shows."""

    def forward(self, x, y):
        return {name: a - 1 if name.endswith("relative_target") else a
                for name, a in super().forward(x, y).items()}


class HeadOfTheFirstRowLost(Layer):
    """One row's gradient of the input lacks the head's part."""

    def head_to_input(self, dz):
        found = super().head_to_input(dz)
        found[:1] = 0
        return found


class HeadOfTheLastRowLost(Layer):
    def head_to_input(self, dz):
        found = super().head_to_input(dz)
        found[-1:] = 0
        return found


class HalfOfLogProb(Layer):
    """Half of what arrives: the mean over the rows, of two rows."""

    def log_prob_backward(self, x, grad):
        return super().log_prob_backward(x, grad / 2)


@pytest.mark.parametrize("layer_class", [PlacesFromZero, HeadOfTheFirstRowLost,
                                         HeadOfTheLastRowLost, HalfOfLogProb])
def test_a_name_that_fits_few_rows_alone_is_not_given(layer_class):
    lines = lines_of(layer_class)
    assert lines and names_in(lines) == set(), lines


# ------------------------------------------------------------------ there, and not back

def test_a_bias_that_is_left_out_there_alone_is_not_said_to_be_left_out_of_the_gradients():
    cases = vectors_io.select(CASES, ["B*", "T0*"])
    assert lines_of(KNOWN["no-tail-bias"], cases, ["forward"]) == [
        "`tail-bias-not-added (in forward alone)`"]
    assert lines_of(KNOWN["no-tail-bias"], cases) == ["`no-tail-bias`"]


def test_no_sentence_says_there_and_back_of_a_name_that_may_stand_for_one_of_the_two():
    assert [n for n, m in MISTAKES.items() if "there and back" in m.sentence] == []


# ------------------------------------------------------------------ the head alone

SOME = vectors_io.select(CASES, ["T0*", "G0*", "A0*", "A1*", "L*"])


@pytest.mark.parametrize("name", ["weight-gradients-averaged-over-what-counts",
                                  "bias-gradient-averaged-over-what-counts",
                                  "bias-gradient-averaged", "input-gradient-averaged",
                                  "input-gradient-averaged-over-what-counts",
                                  "parameter-gradients-averaged", "gradient-of-a-sum"])
def test_a_gradient_that_is_wrong_in_the_head_alone_is_told_to_be_so(name):
    assert lines_of(KNOWN[name], SOME, LINEAR) == [f"`{name} (in linear_backward alone)`"]


class HeadAveraged(Layer):
    """The head's matrix receives a mean, those of the tails do not."""

    def head_weight_gradient(self, dz, x):
        return super().head_weight_gradient(dz, x) / max(len(x), 1)


def test_one_tensor_of_layer_and_head_is_one_line():
    assert lines_of(HeadAveraged, SOME) == [
        "`weight-gradients-averaged-over-what-counts (in grad.head.weight alone)`"]


class InputDoubled(Layer):
    """The gradient of the input is twice what it is, whatever arrives where."""

    def finish(self, gradients):
        return gradients | {"grad.input": 2 * gradients["grad.input"]}


def test_of_names_that_are_one_in_a_tensor_the_head_takes_that_of_the_layer():
    assert lines_of(InputDoubled, SOME) == ["`gradients-doubled (in grad.input alone)`"]


def test_a_head_that_ignores_its_bias_in_the_loss_alone_is_told_by_the_operation():
    assert lines_of(KNOWN["no-head-bias"], SOME, ["linear"]) == ["`no-head-bias (in linear alone)`"]


@pytest.mark.parametrize("there, back", [("reduction-ignored", "gradient-of-the-mean-always"),
                                         ("loss-is-a-sum", "gradient-of-a-sum")])
def test_one_slip_there_and_back_in_layer_and_head_is_one_line(there, back):
    lines = lines_of(type("Both", (KNOWN[there], KNOWN[back]), {}), SOME)
    assert lines == [f"`{there} (in backward, forward, linear, linear_backward alone)`"]


# ------------------------------------------------------------------ what little evidence is no name

class OneColumnTooFew(Layer):
    """The head has a row for each tail but the last."""

    @classmethod
    def shapes(cls, config):
        found = Layer.shapes(config)
        return found | {n: (s[0] - 1, *s[1:]) for n, s in found.items() if n[0] == "h"}


class TangentNotSummed(Layer):
    """What moves the log-probabilities is d - p d, of d = dz - dz[j*]: right of a sure row."""

    def log_softmax_along(self, log_p, dz):
        if not dz.size:
            return dz
        d = dz - np.take_along_axis(dz, log_p.argmax(-1)[:, None], -1)
        return d - np.exp(log_p) * d


@pytest.mark.parametrize("layer_class", [OneColumnTooFew, TangentNotSummed])
def test_a_name_of_few_cases_beside_many_without_one_is_not_given(layer_class):
    lines = lines_of(layer_class)
    assert lines and names_in(lines) == set(), lines


class TopkOfTheEnd(Layer):
    """Sorts in ascending order, and takes the end: of equal ones the last comes last."""

    def topk(self, x, k):
        every = self.log_prob(x)
        index = np.argsort(every, axis=-1, kind="stable")[..., every.shape[-1] - int(k):]
        return {"topk.index": index, "topk.log_prob": np.take_along_axis(every, index, -1)}


def test_equals_in_another_order_contradict_no_name():
    assert lines_of(TopkOfTheEnd, vectors_io.select(CASES, ["A1*", "A2*"])) == ["`topk-ascending`"]


class NumbersByColumns(MISTAKES["arrays-read-by-columns"].layer_class):
    """Reads numbers by columns, and classes by rows."""

    def enter(self, name, a):
        return super().enter(name, a) if a.dtype.kind == "f" else a


def test_a_second_name_of_few_cases_that_the_first_should_show_is_not_given():
    assert lines_of(NumbersByColumns)[0] == "`arrays-read-by-columns`"
    assert names_in(lines_of(NumbersByColumns)) == {"arrays-read-by-columns"}


def test_all_tensors_of_an_operation_tell_more_than_one_of_them():
    name = "tail-overwrites-the-input-gradient"
    assert lines_of(KNOWN[name], ops=["backward"]) == [f"`{name} (in backward alone)`"]


def test_numbers_that_only_lean_to_one_side_stand_with_the_mistake_that_moves_them():
    """In float32 1e-8 is less than a rounding."""
    name = "epsilon-of-1e-8-in-the-logarithm"
    cases = vectors_io.select(CASES, ["T0*", "X0*", "R0*"])
    assert lines_of(KNOWN[name], cases, dtypes=("float64", "float32")) == [f"`{name}`"]


# ------------------------------------------------------------------ float32 counted in float64

class InDoubles(Planted):
    """A float32 counted in float64 and rounded at the end, as JavaScript, Lua and R have it."""

    def ask(self, request):
        answer = super().ask(replace(request, dtype="float64"))
        return replace(answer, results={n: a if is_integer(n) else a.astype(request.dtype)
                                        for n, a in answer.results.items()})


@pytest.mark.parametrize("name", ["textbook-log-softmax", "no-shift", "folded-log-sum-exp",
                                  "epsilon-of-1e-9-in-the-logarithm"])
def test_a_float32_that_is_counted_in_float64_has_the_name_that_float64_has(name):
    _, found = whole_run.run(InDoubles(KNOWN[name]), CASES, ("float64", "float32"))
    lines = [c.text for c in found]
    assert lines and all(set(line.split("`")[1::2]) <= {name, *ALIKE.get(name, ())} and "`" in line
                         for line in lines), lines

"""The summary of a run: one cause, one line; names that no passing case denies."""
from dataclasses import replace

import numpy as np
import pytest

from npadasoft.conformance.golden import vectors_io
from npadasoft.conformance.judge.causes import causes
from npadasoft.conformance.judge.general import general
from npadasoft.conformance.judge.outline import LONGEST, outline
from npadasoft.conformance.judge.session import Session
from npadasoft.conformance.judge.shapes import shape_form
from npadasoft.conformance.mistakes import MISTAKES, name_run, naming
from npadasoft.conformance.mistakes.layer import Layer
from npadasoft.conformance.mistakes.planted import Planted
from npadasoft.conformance.ports.ours import Ours
from npadasoft.conformance.wire.messages import PortInfo

CASES = vectors_io.load()
SENTENCES = {name: m.sentence for name, m in MISTAKES.items()}
pytestmark = pytest.mark.once


def run(port, *only, dtypes=("float64",)):
    """(results with names, causes) of a run of all cases, or of some."""
    cases = vectors_io.select(CASES, only) if only else CASES
    session = Session(port, cases)
    results = session.run(dtypes)
    session.explain(dtypes)
    name_run(results)
    return results, causes([r for r in results if r.counts])


def text_of(results):
    return outline(results, (), "-- ./my-port", False, SENTENCES)


@pytest.mark.parametrize("name", ["loss-is-a-sum", "columns-descending", "gradient-of-a-sum"])
def test_one_mistake_is_one_line_and_the_first(name):
    results, found = run(Planted(MISTAKES[name].layer_class))
    assert [c.text for c in found] == [f"`{name}`"]
    lines = text_of(results).splitlines()
    assert f"{found[0].n_cases:>5}  `{name}`, {SENTENCES[name]}" == lines[2]


def test_a_run_in_which_all_fails_is_short_and_looks_for_names_in_few_cases(monkeypatch):
    class Wrong(Ours):
        def forward(self, *args):
            return {n: a + 1 / 3 for n, a in super().forward(*args).items()}

        def log_prob(self, *args):
            return super().log_prob(*args) * 1.5

        def predict(self, layer, input):
            return np.full(input.shape[:-1], 1 - (layer.n_classes > 3))

        def backward(self, *args):
            return {n: a.T - 0.25 for n, a in super().backward(*args).items()}

    looks = []
    monkeypatch.setattr(naming, "layers", lambda: looks.append(1) or [])
    results, found = run(Wrong())
    ops = {"forward", "log_prob", "predict", "backward"}
    wrong = [r for r in results if r.case["result"] == "valid" and ops & set(r.answers)]
    assert sum(r.verdict == "pass" for r in wrong) < 0.3 * len(wrong) and len(wrong) > 100
    assert len(looks) <= 2 * naming.MOST_LOOKS
    lines = text_of(results).splitlines()
    assert len(lines) <= LONGEST and lines[0].endswith("cases fail.")


def test_a_name_that_a_passing_case_denies_is_not_given():
    """A gradient that cancels looks, on one confident row, like that of the softmax."""
    class Cancels(Layer):
        def log_softmax_backward(self, log_p, g):
            return g - g.sum(-1, keepdims=True) * np.exp(log_p)

        def pick_backward(self, log_p, index, q):
            dense = np.zeros_like(log_p)
            dense[np.arange(len(index)), index] = q
            return self.log_softmax_backward(log_p, dense)

    results, _ = run(Planted(Cancels), dtypes=("float64", "float32"))
    names = {name for r in results for name in r.mistakes}
    assert any(r.id == "X09" and r.verdict == "fail" for r in results)
    assert names <= {"textbook-gradient"}


def test_the_right_classes_of_rounded_numbers_deny_a_name():
    """All numbers are rounded, so that no case passes; most classes are right, still."""
    class Rounds(Planted):
        info = PortInfo("rounds")

        def run(self, request):
            answer = super().run(request)
            return replace(answer, results={n: np.round(a, 4) for n, a in answer.results.items()})
    results, _ = run(Rounds(MISTAKES["no-tail-bias"].layer_class), "B*", "P*", "T0*")
    assert any(r.rounding for r in results) and any("predict" in r.differing for r in results)
    assert not {n for r in results for n in r.mistakes}


class Times(Ours):
    """The mean times a number."""

    def __init__(self, times):
        super().__init__()
        self.times = times

    def forward(self, layer, input, target, want):
        found = super().forward(layer, input, target, want)
        return found | {"loss": found["loss"] * self.times(np.size(target))}


def test_a_name_that_fits_batches_of_two_alone_is_not_given():
    """The mean times 2: of two rows that is the sum, and the sum over N - 1."""
    results, _ = run(Times(lambda n: 2), "S*", "T*", "G*", "F07")
    assert sum(r.verdict == "fail" for r in results) > 20
    assert not {n for r in results for n in r.mistakes}


def test_the_mean_times_n_is_the_sum_though_nan_of_no_rows_stays_nan():
    """Of two rows it is the sum over N - 1, too."""
    results, _ = run(Times(lambda n: max(n, 1)), "S*", "T*", "G*", "F07")
    failing = [r for r in results if r.verdict == "fail"]
    assert len(failing) > 20 and all(r.mistakes == ["loss-is-a-sum"] for r in failing)
    assert [r.verdict for r in results if r.id == "F07"] == ["pass"]


def test_two_mistakes_in_two_operations_are_two_lines():
    class Both(MISTAKES["loss-is-a-sum"].layer_class, MISTAKES["predict-is-a-column"].layer_class):
        pass
    _, found = run(Planted(Both))
    assert [c.text for c in found] == ["`loss-is-a-sum`", "`predict-is-a-column`"]


def test_a_wrong_shape_is_one_line_however_long_the_batches_are():
    class Columns(Ours):
        def forward(self, *args):
            found = super().forward(*args)
            return found | {"output": found["output"].reshape(-1, 1)}
    results, found = run(Columns(), "T*")
    assert found[0].text == "output: shape [n, 1] for [n]" and len(found) <= 2


def test_an_axis_too_many_is_one_line_however_many_axes_are_before_it():
    class Lists(Ours):
        def predict(self, *args):
            return super().predict(*args)[..., None]
    _, found = run(Lists(), "P*", "T*", "A*")
    assert [c.text for c in found] == ["predict: shape [n, 1] for [n]"]
    assert {len(r.case["inputs"]["input"]["shape"]) for r in found[0].results} >= {2, 3, 4}


def test_cases_that_only_begin_as_a_mistake_does_stand_in_its_line():
    class Clamps(Ours):
        def forward(self, layer, input, target, want):
            return super().forward(layer, input, np.clip(target, 0, layer.n_classes - 1), want)
    results, found = run(Clamps(), "E01", "E02")
    assert [c.text for c in found] == ["`takes-a-target-of-n-classes`"]
    assert found[0].n_cases == 2 and "(1 of them only begin alike: accepted" in " ".join(
        text_of(results).split())


class Trips(MISTAKES["column-off-by-one"].layer_class):
    """A known mistake, in a language in which an index out of range is an error."""

    def head_column(self, y, cluster):
        found = super().head_column(y, cluster)
        if self.J > 1 and cluster.sum() > 2:
            raise IndexError(f"index {found.max()} is out of bounds")
        return found


def test_a_mistake_that_crashes_in_some_cases_and_diverges_in_others_is_one_line():
    results, found = run(Planted(Trips))
    assert [c.text for c in found] == ["`column-off-by-one`"], [(c.n_cases, c.text) for c in found]
    failing = {r.id for r in results if r.verdict in ("fail", "error")}
    crashed = {r.id for r in results if r.verdict == "error"}
    assert found[0].n_cases == len(failing) > len(crashed) > 2
    assert "of them in another way: answered an error" in text_of(results)


def test_one_error_is_one_line_whatever_was_asked():
    class Lost(Ours):
        def log_prob(self, *args):
            raise KeyError("tail.7.weight")

        predict = forward = log_prob
    _, found = run(Lost(), "T*", "P*", "G2*")
    assert [c.text for c in found] == ["answered an error (other): KeyError: 'tail.*.weight'"]


def test_what_a_mistake_does_not_change_is_another_line():
    class AndMore(MISTAKES["loss-is-a-sum"].layer_class):
        def forward(self, x, y):
            return super().forward(x, y)

        def log_prob(self, x):
            return super().log_prob(x) + 1 / 3
    _, found = run(Planted(AndMore))
    assert [c.text for c in found] == ["`loss-is-a-sum`", "first divergence: log_prob"]


def test_what_differs_from_case_to_case_is_left_out_of_a_cause():
    assert general("sub2ind: index (7,_) out of bound 6") == "sub2ind: index (#,_) out of bound #"
    assert general("grad.tail.2.hidden") == "grad.tail.*.hidden" and general("N1x2") == "N1x2"
    assert shape_form([2, 3], [3, 2]) == "shape [m, n] for [n, m]"


def test_gradients_that_lack_are_one_form_for_any_number_of_tails():
    one, two = (", ".join(f"grad.tail.{i}.{part}.weight" for i in range(n) for part in (0, 1))
                for n in (1, 2))
    assert general(f"not answered: {one}") == general(f"not answered: {two}")


@pytest.mark.parametrize("lost", ["head.weight", "head.bias", "tail.0.0.weight", "tail.1.1.weight"])
def test_a_weight_that_shapes_lack_is_no_mistake_of_a_layer(lost):
    class Forgets(Ours):
        def run(self, request):
            answer = super().run(request)
            if request.op != "shapes" or answer.shapes is None:
                return answer
            return replace(answer, shapes={n: s for n, s in answer.shapes.items() if n != lost})
    results, found = run(Forgets())
    assert found and {c.kind for c in found} <= {"shape", "divergence", "message"}, found
    assert not [r for r in results if r.mistakes]


class OfAllRows(Ours):
    """Shows rows of tails, or of the head, that are none of theirs."""

    def __init__(self, names):
        self.names = names

    def forward(self, layer, input, target, want):
        found = super().forward(layer, input, target, want)
        for name in self.names:
            if name in found:
                shape = target.size, *np.shape(found[name])[1:]
                found[name] = np.resize(found[name], shape) if found[name].size else np.ones(shape)
        return found


@pytest.mark.parametrize("names, line", [
    (("tail.0.hidden", "tail.1.hidden"), "tail.*.hidden: all rows, due are those "
     "whose targets are in its tail"),
    (("cluster", "head_logits"), "cluster: all rows, due are those that are not "
     "ignored")])
def test_a_trace_of_all_rows_is_one_line_however_many_rows_there_are(names, line):
    results, found = run(OfAllRows(names), "S*", "T*", "A*")
    assert [c.text for c in found] == [line]
    assert len(found[0].results) > 3


@pytest.mark.parametrize("name, habit, form", [
    ("tail.0.hidden", np.squeeze, "shape [n] for [1, n]"),
    ("grad.head.weight", np.ravel, "shape [n m] for [n, m]")])
def test_one_tensor_without_its_axes_is_one_line_however_large_it_is(name, habit, form):
    class Shapes(Ours):
        def _answer(self, request):
            answer = super()._answer(request)
            return replace(answer, results={n: habit(a) if n == name and a.size and min(a.shape) > (
                name == "grad.head.weight") else a for n, a in answer.results.items()})

    _, found = run(Shapes(), "S0*", "T0*", "G*")
    assert f"{general(name)}: {form}" in [c.text for c in found] and len(found) <= 2


def test_a_trace_with_the_axes_of_its_batch_is_one_line_however_many_there_are():
    class Kept(Ours):
        def forward(self, layer, input, target, want):
            found = super().forward(layer, input, target, want)
            if found["cluster"].size == target.size:
                found["cluster"] = found["cluster"].reshape(target.shape)
            return found

    _, found = run(Kept())
    assert [c.text for c in found] == [
        "cluster: the axes of the batch, due is one axis for all rows"]
    assert len(found[0].results) > 2


@pytest.mark.parametrize("habit, text", [
    (lambda a: np.squeeze(a), "no axis of length 1"),
    (lambda a: a.reshape(-1), "one axis alone"),
    (lambda a: a[..., None], "one axis too many, of length 1 at the end"),
    (lambda a: a.reshape(*a.shape, *[1] * (2 - a.ndim)), "two axes at least")])
def test_a_habit_of_all_shapes_is_the_first_line_whatever_the_tensor(habit, text):
    class Shapes(Ours):
        def _answer(self, request):
            answer = super()._answer(request)
            return replace(answer, results={n: habit(a) for n, a in answer.results.items()})

    results, found = run(Shapes(), "S*", "T*", "G*")
    assert found[0].text.startswith(f"shapes have {text}")
    assert all(c.text == "`batch-of-one-squeezed`" for c in found[1:])
    assert len(found[0].results) > len(results) / 2


def test_a_log_softmax_that_is_wrong_is_one_line_whatever_shows_it():
    class Near(Layer):
        def log_softmax(self, z):
            return super().log_softmax(z) * (1 - 1e-4) if z.size else z

    _, found = run(Planted(Near))
    assert [c.text for c in found] == ["first divergence: head_log_prob, tail.*.log_prob"]
    assert "show no step before their answer: log_prob" in found[0].alike


def test_a_shape_that_comes_of_a_wrong_class_is_told_by_the_class():
    class Wrong(Layer):
        def cluster(self, y):
            return np.minimum(super().cluster(y), 1)

    _, found = run(Planted(Wrong), "T*")
    assert found and not any("shape" in c.text for c in found)


def test_a_step_is_the_line_though_more_cases_show_its_answer_alone():
    class Missing(Layer):
        def log_softmax(self, z):
            return super().log_softmax(np.where(z == 0, -1e9, z).astype(z.dtype)) if z.size else z

    results, found = run(Planted(Missing))
    assert {"log_prob"} in [set(r.origins) for r in results]
    assert ["log_prob" in c.text for c in found].count(True) == 1
    assert found[0].text.startswith("first divergence: head_log_prob")


def test_a_gradient_that_is_wrong_in_few_tensors_or_more_is_one_line():
    class Clamped(Layer):
        def log_softmax_backward(self, a, g):
            return super().log_softmax_backward(a, g) * (1 + 1e-6 * (len(g) > 1))

    _, found = run(Planted(Clamped), "S*", "T*", "G*")
    assert len(found) == 1 and found[0].text.startswith("first divergence: grad.")


def test_a_loss_that_is_too_small_to_differ_and_breaks_a_law_is_no_line_of_its_own():
    class Positive(Ours):
        def forward(self, layer, input, target, want):
            found = super().forward(layer, input, target, want)
            return found | {"loss": -found["loss"] * 1.001}

    _, found = run(Positive(), "S*", "T*", "N*")
    assert [c.text for c in found] == ["first divergence: loss"]


def test_two_divergences_that_have_no_step_in_common_are_two_lines():
    class Two(Ours):
        def forward(self, *args):
            found = super().forward(*args)
            return found | {"loss": found["loss"] * 1.001}

        def log_prob_backward(self, *args):
            found = super().log_prob_backward(*args)
            return found | {"grad.input": found["grad.input"] * 1.001}

    _, found = run(Two(), "S*", "T*", "G*")
    assert sorted(c.text for c in found) == [
        "first divergence: grad.input", "first divergence: loss"]

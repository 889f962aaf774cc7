"""A known mistake in some operations alone, and a slip that several known mistakes are part of."""
import numpy as np
import pytest

from npadasoft.conformance.golden import vectors_io
from npadasoft.conformance.judge.causes import causes
from npadasoft.conformance.judge.outline import outline, remarkable
from npadasoft.conformance.judge.session import Session
from npadasoft.conformance.mistakes import MISTAKES, name_run
from npadasoft.conformance.mistakes.layer import Layer
from npadasoft.conformance.mistakes.planted import TRACE, Planted
from npadasoft.conformance.wire.messages import PortInfo

OPS = ("shapes", "forward", "backward", "log_prob", "log_prob_backward", "predict", "topk")
SOME = ["S*", "T*", "G*", "P*", "N*", "A01", "A16", "A17", "X09"]
CASES = vectors_io.select(vectors_io.load(), SOME)
CLASSES = {name: m.layer_class for name, m in MISTAKES.items()}


class InSome(Planted):
    """A known mistake in some operations, in a port that is right in the others."""

    def __init__(self, mistake, ops, trace=TRACE):
        super().__init__()
        self.mistake, self.ops = mistake, ops
        self.info = PortInfo("planted", dtypes=("float64",), ops=OPS, trace=trace)

    def ask(self, request):
        wrong = request.op in self.ops
        return Planted(self.mistake if wrong else Layer).ask(request)


def lines_of(port):
    session = Session(port, CASES)
    results = session.run(("float64",))
    session.explain(("float64",))
    name_run(results)
    report = outline(results, port.info.trace, "-- ./port")
    assert len(report.splitlines()) <= 58
    return [c.text for c in causes(remarkable(results)) if "not announced" not in c.text], report


@pytest.mark.parametrize("name, ops", [
    ("boundary", ["backward"]), ("boundary", ["forward"]), ("columns-descending", ["backward"]),
    ("columns-descending", ["backward", "forward", "log_prob_backward", "predict", "topk"]),
    ("projections-read-by-columns", ["backward"])])
def test_a_mistake_in_some_operations_alone_is_named_with_them(name, ops):
    lines, _ = lines_of(InSome(CLASSES[name], ops))
    assert lines == [f"`{name} (in {', '.join(ops)} alone)`"]


def test_a_port_that_crashes_where_the_mistake_goes_on_has_the_same_line():
    class Crashes(CLASSES["boundary"]):
        def place(self, y, i):
            return Layer.place(self, y, i)
    lines, report = lines_of(InSome(Crashes, ["backward"]))
    assert lines == ["`boundary (in backward alone)`"]
    assert "of them in another way: backward answered an error" in report


def test_no_name_is_given_to_one_case_whatever_its_dtypes():
    class Cancels(Layer):
        def log_softmax_backward(self, log_p, g):
            return g - g.sum(-1, keepdims=True) * np.exp(log_p)
    port = InSome(Cancels, ["log_prob_backward"])
    session = Session(port, CASES)
    results = session.run(("float64", "float32"))
    name_run(results)
    failing = [r for r in results if r.verdict == "fail"]
    assert {r.id for r in failing} == {"X09"} and len(failing) == 2
    assert not any(r.mistakes for r in failing)


class Term(Layer):
    """log_prob without the tails' terms, and all that is taken from it."""

    def log_prob(self, x):
        f = self.everywhere(x)
        return self.shaped(np.concatenate([self.shortlist(f), *f.b], axis=1), f.lead)

    def predict(self, x):
        return self.log_prob(x).argmax(-1)

    def topk(self, x, k):
        log_p = self.log_prob(x)
        order = np.argsort(-log_p, axis=-1, kind="stable")[..., :k]
        return {"topk.log_prob": np.take_along_axis(log_p, order, -1), "topk.index": order}


class Derived(Term):
    """The same, differentiated by a machine."""

    def column_cotangent(self, g):
        return 0 * g.sum(-1)


class Searched(Layer):
    """The same, where the head's best class is taken first."""

    def all_classes(self, f):
        return np.concatenate([self.shortlist(f), *f.b], axis=1)


class Sum(CLASSES["loss-is-a-sum"], CLASSES["gradient-of-a-sum"]):
    """A mean forgotten, and differentiated by a machine."""


@pytest.mark.parametrize("mistake, name, ops", [
    (Term, "no-cluster-term", "log_prob, predict, topk"),
    (Searched, "no-cluster-term", "log_prob, predict, topk"),
    (Derived, "no-cluster-term", "log_prob, log_prob_backward, predict, topk"),
    (Sum, "loss-is-a-sum", "backward, forward")])
@pytest.mark.parametrize("trace", [(), TRACE], ids=["", "trace"])
def test_one_slip_that_shows_in_several_operations_is_one_line(mistake, name, ops, trace):
    lines, _ = lines_of(InSome(mistake, OPS, trace))
    assert lines == [f"`{name} (in {ops} alone)`"]


def test_two_mistakes_are_two_lines():
    class Two(CLASSES["loss-is-a-sum"], CLASSES["predict-is-a-column"]):
        pass
    lines, _ = lines_of(InSome(Two, OPS))
    assert lines == ["`loss-is-a-sum`", "`predict-is-a-column`"]


class Cool(Layer):
    """Every softmax at a temperature of 2: in the classes alone it looks like scaled scores."""

    def log_softmax(self, z):
        return super().log_softmax(z / 2)


class InEach(InSome):
    """Another layer in each operation."""

    def __init__(self, layers):
        super().__init__(None, ())
        self.layers = layers

    def ask(self, request):
        return Planted(self.layers.get(request.op, Layer)).ask(request)


@pytest.mark.parametrize("trace", [(), TRACE], ids=["", "trace"])
def test_classes_tell_no_mistake_where_the_numbers_of_another_operation_deny_it(trace):
    lines, _ = lines_of(InSome(Cool, OPS, trace))
    assert not [text for text in lines if text.startswith("`")]


def test_classes_tell_a_mistake_beside_another_that_has_a_name():
    scaled = CLASSES["head-scores-scaled"]
    lines, _ = lines_of(InEach({"predict": scaled, "forward": CLASSES["boundary"]}))
    assert sorted(lines) == ["`boundary (in forward alone)`",
                             "`head-scores-scaled (in predict alone)`"]

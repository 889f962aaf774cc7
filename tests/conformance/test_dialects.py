"""Ports that are right but for how arrays cross their edge: by columns, turned, from another class.

Each has one name, and it is the only line of the summary.
"""
from dataclasses import replace

import numpy as np
import pytest

from npadasoft.conformance.golden import vectors_io
from npadasoft.conformance.judge.causes import causes
from npadasoft.conformance.judge.outline import outline, remarkable
from npadasoft.conformance.judge.session import Session
from npadasoft.conformance.mistakes import name_run
from npadasoft.conformance.mistakes.planted import TRACE, Planted
from npadasoft.conformance.ports.ours import Ours
from npadasoft.conformance.wire.messages import PortInfo, from_port, matches, to_port

OPS = ("shapes", "forward", "backward", "log_prob", "log_prob_backward", "predict", "topk")
SOME = ("S*", "T0*", "T22", "T23", "G0*", "G11", "G2*", "P0*", "E*", "A06", "A16", "F0*", "N01")
CASES = vectors_io.select(vectors_io.load(), SOME)
TANGENTS = vectors_io.select(vectors_io.load(), ["J*"])


def lines_of(port, cases=CASES):
    """(texts of the causes, all names that are given, the report)."""
    session = Session(port, cases)
    results = session.run(("float64",))
    session.explain(("float64",))
    name_run(results)
    report = outline(results, (), "-- ./port")
    assert len(report.splitlines()) <= 58
    return [c.text for c in causes(remarkable(results)) if c.text[:13] != "not announced"], {
        n for r in results for n in r.mistakes}, report


def one_name(port, name, cases=CASES):
    lines, names, report = lines_of(port, cases)
    assert lines == [f"`{name}`"] and names == {name}, lines
    return report


def announcing(base=Ours, **fields):
    """A port that announces what it does not do."""
    return type("Announcing", (base,), {
        "info": PortInfo("planted", dtypes=("float64",), ops=OPS, **fields)})()


# ------------------------------------------------------------------ not as it is announced

class Crashes(Ours):
    """In words of its own, where a shape is not that of its weights."""

    def build(self, config, params, dtype):
        try:
            return super().build(config, params, dtype)
        except ValueError as error:
            raise IndexError("vector::_M_range_check") from error


class Flat(Ours):
    """Takes numbers as they come, in shapes of its own, as ports in C do."""

    def build(self, config, params, dtype):
        shapes = self.shapes(config)
        return super().build(config, {n: a.reshape(shapes[n]) for n, a in params.items()}, dtype)


@pytest.mark.parametrize("base", [Ours, Crashes])
def test_a_layout_that_is_announced_and_not_used_is_named_and_crashes_stand_in_its_line(base):
    report = one_name(announcing(base, layout="in_out"), "layout in_out is announced, out_in used")
    assert "of them in another way: " in report and "answered an error (" in report


def test_a_layout_is_not_tails_exchanged_because_both_end_in_an_error():
    _, names, _ = lines_of(announcing(Planted, layout="in_out"))
    assert "tails-exchanged" not in names


class Transposes(Ours):
    """Answers some gradients or shapes the other way round than it takes weights."""

    def __init__(self, which, ops, layout="out_in"):
        self.which, self.turns = which, ops
        self.info = PortInfo("transposes", dtypes=("float64",), layout=layout,
                             ops=(*OPS, "hvp"))

    def _answer(self, request):
        turned = to_port(request, self.info)        # twice turned is as it was
        answer = from_port(super()._answer(turned), self.info)
        if request.op in self.turns:
            for name, a in answer.results.items():
                if a.ndim == 2 and any(matches(pattern, name) for pattern in self.which):
                    answer.results[name] = a.T
        if request.op in self.turns and answer.shapes:
            answer = replace(answer, shapes={
                name: shape[::-1] if any(matches(pattern, f"shapes.{name}")
                                         for pattern in self.which) else shape
                for name, shape in answer.shapes.items()})
        return answer


@pytest.mark.parametrize("layout", ["out_in", "in_out"])
@pytest.mark.parametrize("which, name", [
    (["grad.head.weight"], "grad.head.weight"),
    (["grad.tail.*.0.weight"], "grad.tail.*.0.weight"),
    (["grad.tail.0.1.weight"], "grad.tail.0.1.weight"),
    (["hvp.tail.*.1.weight"], "hvp.tail.*.1.weight"),
    (["shapes.tail.*.*.weight"], "shapes.tail.*.*.weight"),
    (["shapes.head.weight", "shapes.tail.*.*.weight"], "shapes.*.weight"),
    (["grad.tail.*.*.weight"], "grad.tail.*.*.weight"),
    (["grad.head.weight", "grad.tail.*.*.weight", "hvp.head.weight", "hvp.tail.*.*.weight"],
     "grad.*.weight and hvp.*.weight")])
def test_what_is_answered_transposed_has_one_name_in_every_shape(which, name, layout):
    port = Transposes(which, ("shapes", "backward", "log_prob_backward", "hvp"),
                      layout)
    one_name(port, f"answered transposed: {name}", [*CASES, *TANGENTS])


def test_a_port_that_looks_at_no_shape_is_told_its_layout_too():
    one_name(announcing(Flat, layout="in_out"),
             "layout in_out is announced, out_in used, whatever the shape")


@pytest.mark.parametrize("name", ["head.weight", "tail.*.0.weight", "tail.0.1.weight"])
def test_a_layout_of_one_tensor_that_is_not_used_is_named_with_the_tensor(name):
    one_name(announcing(layout={name: "in_out"}),
             f"layout in_out is announced, out_in used (in {name} alone)")


class Turns(Ours):
    """Stores (in, out)."""

    def turn(self, found):
        return {n: a.T if n.endswith("weight") and np.ndim(a) == 2 else a for n, a in found.items()}

    def build(self, config, params, dtype):
        return super().build(config, self.turn(params), dtype)

    def shapes(self, config):
        return {n: shape[::-1] for n, shape in super().shapes(config).items()}

    def backward(self, *args):
        return self.turn(super().backward(*args))

    def log_prob_backward(self, *args):
        return self.turn(super().log_prob_backward(*args))


def test_a_layout_that_is_used_and_not_announced_is_named():
    one_name(announcing(Turns), "layout out_in is announced, in_out used")


class Partly(Ours):
    """Converts classes that it reads, or answers, though nobody should; not an ignore_index."""

    reads = True

    def forward(self, layer, input, target, want):
        return super().forward(layer, input, target - self.reads, want)

    def backward(self, layer, input, target, *args):
        return super().backward(layer, input, target - self.reads, *args)

    def predict(self, layer, input):
        return super().predict(layer, input) + (not self.reads)

    def topk(self, *args):
        found = super().topk(*args)
        return found | {"topk.index": found["topk.index"] + (not self.reads)}


class Reads(Partly):
    pass


class Answers(Partly):
    reads = False


@pytest.mark.parametrize("base, where", [
    (Ours, ""), (Answers, " (in what it reads alone)"), (Reads, " (in what it answers alone)")])
def test_classes_from_0_where_1_is_announced_are_one_line(base, where):
    cases = [c for c in CASES if "ignore_index" not in c["config"]]
    one_name(announcing(base, index_base=1), f"index_base 1 is announced, 0 used{where}", cases)


class CountsOneFromZero(Ours):
    """Counts all classes from 1, as it announces, but for those of one tensor."""

    def __init__(self, name):
        self.name = name
        self.info = PortInfo("planted", dtypes=("float64",), index_base=1, trace=TRACE,
                             ops=(*OPS, "embed", "embed_backward"))

    def _answer(self, request):
        back = replace(self.info, index_base=-1)
        mine = to_port(request, back)               # as the layer counts
        mine = replace(mine, inputs={n: a + (n == self.name) for n, a in mine.inputs.items()})
        answer = from_port(super()._answer(mine), back)
        return replace(answer, results={n: a - matches(self.name, n)
                                        for n, a in answer.results.items()})


@pytest.mark.parametrize("name", ["index", "predict", "topk.index", "head_column",
                                  "tail.*.relative_target"])
def test_one_tensor_that_counts_from_0_where_1_is_announced_is_named_with_it(name):
    cases = vectors_io.select(vectors_io.load(), [*SOME, "A1*", "I0*", "I1*"])
    one_name(CountsOneFromZero(name), f"index_base 1 is announced, 0 used (in {name} alone)", cases)


# ------------------------------------------------------------------ by columns

class Columns(Ours):
    """Reads some arrays by columns, and writes some."""

    info = PortInfo("planted", dtypes=("float64",), ops=OPS)

    def __init__(self, reads, writes):
        self.reads, self.writes = reads, writes

    def read(self, name, a):
        if name in self.reads or "weights" in self.reads and name.endswith("weight"):
            return a.ravel().reshape(a.shape, order="F")
        return a

    def write(self, found):
        return {n: np.ravel(a, order="F").reshape(np.shape(a))
                if n in self.writes or "all" in self.writes else a for n, a in found.items()}

    def build(self, config, params, dtype):
        return super().build(config, {n: self.read(n, a) for n, a in params.items()}, dtype)

    def forward(self, layer, input, *args):
        return self.write(super().forward(layer, self.read("input", input), *args))

    def backward(self, layer, input, *args):
        return self.write(super().backward(layer, self.read("input", input), *args))

    def log_prob(self, layer, input):
        found = super().log_prob(layer, self.read("input", input))
        return self.write({"log_prob": found})["log_prob"]

    def log_prob_backward(self, layer, input, *args):
        return self.write(super().log_prob_backward(layer, self.read("input", input), *args))

    def predict(self, layer, input):
        found = super().predict(layer, self.read("input", input))
        return self.write({"predict": found})["predict"]

    def topk(self, layer, input, k):
        return self.write(super().topk(layer, self.read("input", input), k))


TAILS = ["tail.0.0.weight", "tail.0.1.weight", "tail.1.0.weight", "tail.1.1.weight"]


@pytest.mark.parametrize("name", TAILS)
def test_one_tensor_that_is_read_by_columns_is_named(name):
    one_name(Columns((name,), ()), f"read by columns: {name}")


@pytest.mark.parametrize("name", TAILS)
def test_one_gradient_that_is_written_by_columns_is_named(name):
    one_name(Columns((), (f"grad.{name}",)), f"written by columns: grad.{name}")


@pytest.mark.parametrize("reads, text", [
    (("weights",), "all matrices"), (("weights", "input"), "all matrices and the input"),
    (("input",), "input"), (("head.weight",), "head.weight")])
def test_matrices_read_and_answers_written_by_columns_have_one_name(reads, text):
    one_name(Columns(reads, ("all",)), f"read by columns: {text}; written by columns: all answers")

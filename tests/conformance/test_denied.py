"""What a right answer denies is tried on no failure, and no name depends on that."""
import re
from dataclasses import replace

import numpy as np
import pytest

from npadasoft.conformance.golden import vectors_io
from npadasoft.conformance.judge.causes import causes
from npadasoft.conformance.judge.session import Session
from npadasoft.conformance.mistakes import MISTAKES, denied, name_run
from npadasoft.conformance.mistakes.candidates import layers
from npadasoft.conformance.mistakes.layer import Layer
from npadasoft.conformance.mistakes.planted import Planted
from npadasoft.conformance.wire.messages import Answer, PortInfo, is_integer


class SignsOfOneTail(Layer):
    """Every second hidden unit of the second tail has the wrong sign: no known mistake."""

    def hidden(self, x, i):
        found = super().hidden(x, i)
        return found * np.where(np.arange(found.shape[1]) % 2 * (i == 1), -1, 1).astype(x.dtype)


class RightInLogProb(MISTAKES["columns-descending"].layer_class):
    """Wrong columns everywhere but in log_prob."""

    def log_prob_column(self, i):
        return self.s + i


def run(layer_class, *only):
    """Results of a port without a trace, not yet named."""
    port = Planted(layer_class)
    port.info = PortInfo("planted")
    return Session(port, vectors_io.select(vectors_io.load(), only)).run(("float64",))


@pytest.mark.parametrize("layer_class", [SignsOfOneTail, RightInLogProb])
def test_the_names_are_those_of_a_run_in_which_nothing_is_denied_at_once(layer_class, monkeypatch):
    results = run(layer_class, "T0*", "S0*", "G2*", "X*", "J0*", "P0*")
    name_run(results)
    names = [r.mistakes for r in results]
    monkeypatch.setattr(denied, "AT_ONCE", 0)
    name_run(results)
    assert [r.mistakes for r in results] == names and any(r.differing for r in results)


def test_a_run_in_which_much_is_wrong_without_a_name_plants_each_mistake_few_times(monkeypatch):
    results = run(SignsOfOneTail)
    asked, ask = [], Planted.ask
    monkeypatch.setattr(Planted, "ask", lambda self, r: asked.append(r.op) or ask(self, r))
    name_run(results)
    assert sum(bool(r.differing) for r in results) > 50 and not any(r.mistakes for r in results)
    assert len(asked) < 10 * len(layers())


class Wrong(Planted):
    """Every number that is no class is changed."""

    def __init__(self, change):
        super().__init__()
        self.change, self.info = change, PortInfo("planted")

    def run(self, request):
        answer = super().run(request)
        return replace(answer, results={n: a if is_integer(n) else self.change(a)
                                        for n, a in answer.results.items()})


RANDOM = np.random.default_rng(0)
CHANGES = {"plus-one": lambda a: a + 1, "scaled": lambda a: 1.5 * a, "nan": lambda a: a * np.nan,
           "zeros": np.zeros_like, "negated": lambda a: 0 - a,
           "noise": lambda a: a + RANDOM.normal(0, 1e-3, a.shape),
           "reversed": lambda a: a.ravel()[::-1].reshape(a.shape)}


@pytest.mark.parametrize("change", CHANGES)
def test_a_run_in_which_all_fails_plants_each_mistake_few_times(change, monkeypatch):
    """Each time costs what it costs to ask a port once."""
    cases = vectors_io.load()
    session = Session(Wrong(CHANGES[change]), cases)
    results = session.run(("float64",))
    session.explain(("float64",))
    asked, ask = [], Planted.ask
    monkeypatch.setattr(Planted, "ask", lambda self, r: asked.append(r.op) or ask(self, r))
    name_run(results)
    assert sum(r.verdict == "fail" for r in results) > 140
    assert not any(r.state and not r.chance for r in results)
    assert len(asked) < 9 * len(layers())


@pytest.mark.parametrize("change, what", [("zeros", "zeros"), ("nan", "nan")])
def test_operations_that_answer_one_number_are_one_line_and_have_no_name(change, what):
    session = Session(Wrong(CHANGES[change]), vectors_io.load())
    results = session.run(("float64",))
    session.explain(("float64",))
    name_run(results)
    found = causes([r for r in results if r.counts])
    assert re.fullmatch(rf"\d+ operations \(.*, ...\) answer nothing but {what}, whatever is asked",
                        found[0].text) and found[0].n_cases > 140
    assert not any(r.mistakes for r in results if len(r.constant) == len(r.named))


@pytest.mark.parametrize("id, change, left", [
    ("F06", {}, {"output"}), ("F07", {}, {"output"}), ("A08", {}, {"output"}),
    ("L22", {}, {"output"}), ("L23", {}, {"output"}), ("T03", {}, {"output", "loss"}),
    ("A08", {"reduction": "none"}, {"output", "loss"}),
    ("A08", {"ignore_index": -7}, {"output", "loss"})])
def test_only_the_mean_of_no_row_tells_nothing_of_a_port(id, change, left):
    case, = vectors_io.select(vectors_io.load(), [id])
    case = {**case, "config": {**case["config"], **change}}
    answer = Answer(results={"output": np.zeros(1), "loss": np.zeros(1)})
    assert denied.telling(case, answer).results.keys() == left

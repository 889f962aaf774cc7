"""What a port keeps from an earlier request, in any single place, is told and shown again."""
import shlex
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import whole_run
from npadasoft.conformance import command
from npadasoft.conformance.golden import vectors_io
from npadasoft.conformance.judge import state
from npadasoft.conformance.judge.causes import LEFT_OVER, TEXT, example
from npadasoft.conformance.judge.plan import in_order, repeated, wanted
from npadasoft.conformance.judge.report import reproduce
from npadasoft.conformance.judge.session import Session
from npadasoft.conformance.judge.verdict import BAD
from npadasoft.conformance.mistakes import MISTAKES
from npadasoft.conformance.mistakes.layer import Layer
from npadasoft.conformance.mistakes.planted import Planted
from npadasoft.conformance.wire.messages import PortInfo

EVERY = vectors_io.load()
SOME = vectors_io.select(EVERY, ["S0*", "S2*", "T*", "G2*", "P0*", "X0*"])
KEEPS = Path(__file__).parents[1] / "hostile_ports" / "keeps.py"
pytestmark = pytest.mark.once
INFO = PortInfo("keeps", dtypes=("float64", "float32"))


class Flags(Layer):
    """Takes the bias of its head where its configuration says that there is one."""

    def head_bias(self):
        return self.p.get("head.bias") if self.config["head_bias"] else None


class Keeps(Planted):
    """Takes one place of a request from the first request, or from the one before.

    Arrays are kept where they have the shape of those that are due; `by_shape` keeps one of each.
    """

    info = INFO

    def __init__(self, place, when, layer_class=Flags, by_shape=False):
        super().__init__(layer_class)
        self.place, self.when, self.by_shape = place, when, by_shape

    def keep(self, name, value):
        if name != self.place:
            return value
        key = np.shape(value) if self.by_shape else None
        there = self.memory.get(key, value)
        if self.when == "previous" or key not in self.memory:
            self.memory[key] = value
        return there if np.shape(there) == np.shape(value) or name.startswith("config") else value

    def run(self, request):
        groups = {g: {n: self.keep(f"{g}.{n}", v) for n, v in getattr(request, g).items()}
                  for g in ("config", "params", "inputs", "cotangents", "tangents")}
        return super().run(replace(request, dtype=self.keep("dtype", request.dtype), **groups))


def run(port, cases=EVERY, dtypes=("float64",)):
    """(results, causes) of a run."""
    return whole_run.run(port, cases, dtypes)


def fails_as_printed(result, port, dtypes):
    """Whether the line that reproduces a result fails, asked of the port in a fresh process."""
    line = reproduce(result, "-- ./port").partition("conform")[2]
    words = shlex.split(line, comments=True)
    ids = [b for a, b in zip(words, words[1:]) if a == "--only"]
    some = tuple(b for a, b in zip(words, words[1:]) if a == "--dtype")
    port.restart()
    again = Session(port, vectors_io.select(EVERY, ids) if ids else EVERY).run(some or dtypes)
    return any((r.id, r.dtype) == (result.id, result.dtype) and r.verdict in BAD for r in again)


PLACES = ["config.head_bias", "config.cutoffs", "config.n_classes", "config.in_features",
          "config.div_value", "config.reduction", "config.ignore_index", "config.padding_index",
          "inputs.input", "inputs.target", "inputs.k", "inputs.index", "cotangents.output",
          "cotangents.loss", "cotangents.log_prob", "tangents.input", "params.head.weight",
          "params.head.bias", "params.tail.0.0.weight", "params.tail.0.1.weight",
          "params.tail.1.0.weight", "params.tail.1.1.weight"]
BY_SHAPE = ["inputs.input", "cotangents.log_prob", "params.head.bias", "params.tail.1.0.weight"]
KEPT = [(p, when, False) for p in PLACES for when in ("first", "previous")] + [
    (p, "first", True) for p in BY_SHAPE]


@pytest.mark.parametrize("place, when, by_shape", KEPT, ids=str)
def test_what_is_kept_in_one_place_is_told_as_state_and_shown_again(place, when, by_shape):
    port = Keeps(place, when, by_shape=by_shape)
    results, found = run(port)
    failing = [r for r in results if r.verdict in BAD]
    assert failing or when == "first" and not by_shape      # of another shape nothing is kept
    assert not any(r.mistakes for r in failing)
    assert [c.text for c in found] == [TEXT] * bool(failing)
    for cause in found:
        assert fails_as_printed(example(cause), port, ("float64",))


class Sticks(Planted):
    """Keeps one flag of the configuration from the last request that had it."""

    info = INFO

    def __init__(self, flag):
        super().__init__(Flags)
        self.flag = flag

    def run(self, request):
        if self.flag in request.config:
            self.memory[self.flag] = request.config[self.flag]
        return super().run(replace(request, config=request.config | self.memory))


@pytest.mark.parametrize("flag, only", [
    ("ignore_index", ["S0*", "E*", "A0*", "T*"]), ("reduction", ["G1*", "T*", "A*"]),
    ("reduction", ["A*", "G1*", "T*"]), ("padding_index", ["I*", "S0*"])])
def test_a_flag_that_sticks_is_shown_again_by_few_cases(monkeypatch, flag, only):
    monkeypatch.setattr(state, "LEAST", 60.0)
    port = Sticks(flag)
    _, found = run(port, vectors_io.select(EVERY, only), INFO.dtypes)
    told = [r for c in found if c.kind == "state" for r in c.results if r.repeat]
    assert told and all(len(r.repeat[0]) <= 3 for r in told), found
    assert fails_as_printed(told[0], port, INFO.dtypes)


class EveryFortieth(Planted):
    """Counts its requests."""

    info = INFO
    asked = 0

    def restart(self):
        self.asked = 0
        super().restart()

    def run(self, request):
        self.asked += 1
        answer = super().run(request)
        return answer if self.asked % 40 else replace(answer, results={
            name: a * 1.5 for name, a in answer.results.items()})


def test_where_many_cases_are_needed_the_line_names_the_whole_run():
    results, _ = run(EveryFortieth(Flags), SOME)
    told = [r for r in results if r.state]
    assert told and not any(r.repeat for r in told)
    assert reproduce(told[0], "-- ./port").startswith(
        "  reproduce: npadasoft conform -- ./port  # no short run was found that shows it")


@pytest.mark.parametrize("when", ["first", "previous"])
def test_a_dtype_that_is_kept_is_told_as_state(when):
    port = Keeps("dtype", when)
    results, found = run(port, SOME, ("float32", "float64"))
    assert [c.text for c in found] == [TEXT] and not any(r.mistakes for r in results)
    assert fails_as_printed(example(found[0]), port, ("float32", "float64"))


def test_a_mistake_beside_state_has_its_name_where_each_request_shows_it(monkeypatch):
    monkeypatch.setattr(state, "LEAST", 60.0)

    class Both(MISTAKES["gradient-of-a-sum"].layer_class, Flags):
        pass
    results, found = run(Keeps("params.head.weight", "previous", Both), SOME)
    assert {c.text for c in found} == {TEXT, "`gradient-of-a-sum`"}
    named = [r for r in results if r.mistakes]
    assert named and all(r.mistakes == ["gradient-of-a-sum"] and not r.state for r in named)
    assert all(r.fresh is False for r in named if r.differing != ["loss"])


# ------------------------------------------------------------------ what it costs

def test_a_port_that_starts_slowly_is_started_few_times(monkeypatch):
    """Each start takes five seconds, of a clock that goes by starts alone."""
    starts: list = []

    class Slow(Keeps):
        def restart(self):
            starts.append(5.0)
            super().restart()
    monkeypatch.setattr(state.time, "monotonic", lambda: sum(starts))
    results, found = run(Slow("cotangents.loss", "previous"))
    failing = [r for r in results if r.verdict in BAD]
    assert len(failing) > 50 and len(starts) <= 8
    assert [c.text for c in found] == [TEXT] and not any(r.mistakes for r in failing)
    alone = len({r.id for r in failing if r.fresh})
    assert alone < 4 and f"{alone} of them w" in found[0].alike and " tried" in found[0].alike


def test_where_nothing_is_left_over_each_case_is_asked_once_more_and_few_in_fresh_processes():
    class Counts(Planted):
        asked = restarts = 0

        def run(self, request):
            type(self).asked += 1
            return super().run(request)

        def restart(self):
            type(self).restarts += 1
    port = Counts(MISTAKES["gradient-of-a-sum"].layer_class)
    results = Session(port, SOME).run(("float64",))
    before, failing = port.asked, [r for r in results if r.verdict in BAD]
    assert state.State(port, SOME, results, ("float64",)).mark() == [] and failing
    assert port.asked - before == sum(len(r.answers) for r in failing)
    assert port.restarts <= state.FRESH


# ------------------------------------------------------------------ what is asked twice

def test_every_operation_is_asked_once_more_at_the_end_whatever_its_tier():
    twice = repeated(in_order(EVERY))
    ops = {op for case in twice for op in wanted(case)}
    due = {op for case in EVERY if case["result"] == "valid" for op in wanted(case)}
    assert ops >= due - {"shapes"} and "linear_backward" in due
    assert all(c["tier"] == "required" for c in twice if "forward" in wanted(c))


# ------------------------------------------------------------------ behind a command

@pytest.mark.parametrize("place", ["cotangents.loss", "inputs.target", "config.n_classes"])
def test_a_process_that_keeps_something_is_told_so_and_the_line_reproduces_it(place, capfd):
    port = ["--", sys.executable, str(KEEPS), place, "previous"]
    options = [word for id in ("S0*", "T0*", "T1*", "P0*") for word in ("--only", id)]
    assert command.conform([*options, *port]) == 1
    out = capfd.readouterr().out
    lines = [text for text in out.splitlines() if text[5:7] == "  " and text[:5].strip().isdigit()]
    assert len(lines) == 1 and lines[0][7:].startswith(LEFT_OVER), out
    line = out.partition("reproduce: npadasoft conform ")[2].splitlines()[0].partition("  ")[0]
    assert command.conform(shlex.split(line)) == 1, line
    assert "your answer is what this mistake gives" not in out

"""Answers that hang on chance are told as that, and a process that ends says how and after what."""
import shlex
import signal
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import whole_run
from npadasoft.conformance import command
from npadasoft.conformance.golden import vectors_io
from npadasoft.conformance.judge.causes import CHANCE, TEXT, example
from npadasoft.conformance.judge.report import reproduce
from npadasoft.conformance.judge.verdict import BAD
from npadasoft.conformance.mistakes import MISTAKES
from npadasoft.conformance.mistakes.layer import Layer
from npadasoft.conformance.mistakes.planted import Planted
from npadasoft.conformance.wire.messages import PortInfo, is_integer
from npadasoft.conformance.wire.process import killed_by

LEAVES = Path(__file__).parents[1] / "hostile_ports" / "leaves.py"
EVERY = vectors_io.load()
SOME = vectors_io.select(EVERY, ["S0*", "S2*", "T*", "G2*", "P0*", "X0*"])
pytestmark = pytest.mark.once


class Random(Planted):
    """Spoils answers by random numbers that no start repeats.

    `spoil(name, array, random)` gives what is answered in place of an array.
    """

    info = PortInfo("random", dtypes=("float64", "float32"))

    def __init__(self, spoil, layer_class=Layer):
        super().__init__(layer_class)
        self.spoil, self.random = spoil, np.random.default_rng(7)

    def run(self, request):
        answer = super().run(request)
        return replace(answer, results={n: self.spoil(n, a, self.random)
                                        for n, a in answer.results.items()})


def dropout(name, a, random):
    return a * (random.random(np.shape(a)) < 0.9) if name in ("output", "log_prob") else a


def buffer(name, a, random):
    return a + (random.random() < 0.3) * random.normal() if name.startswith("grad.tail") else a


def race(share):
    def spoil(name, a, random):
        return a * (0.5 if name == "grad.head.weight" and random.random() < share else 1)
    return spoil


def noise(name, a, random):
    return a + random.normal(0, 1e-3, np.shape(a))


def rounding(name, a, random):
    if is_integer(name):
        return a
    return a * (1 + 2.0 ** -53 * random.integers(-1, 2, np.shape(a)))


def run(port, cases=SOME, dtypes=("float64",)):
    """(results, causes) of a run."""
    return whole_run.run(port, cases, dtypes)


SPOILT = {"dropout": dropout, "buffer": buffer, "race": race(0.2), "rare": race(0.05),
          "noise": noise}


@pytest.mark.parametrize("how", SPOILT)
def test_what_hangs_on_chance_is_no_state_and_has_no_name(how):
    results, found = run(Random(SPOILT[how], Layer))
    failing = [r for r in results if r.verdict in BAD]
    assert failing and [c.text for c in found] == [CHANCE]
    assert not any(r.mistakes for r in failing)


@pytest.mark.parametrize("how", ["dropout", "rare"])
def test_the_line_that_shows_it_says_how_often(how):
    _, found = run(Random(SPOILT[how], Layer))
    best = example(found[0])
    line, (failed, asked) = reproduce(best, "-- ./port"), best.chance
    assert 0 < failed <= asked
    if how == "dropout":
        assert f"--only {best.id} " in line
        assert f"# failed {failed} of the {asked} times that it was asked" in line and asked > 3
    else:
        assert line.startswith("  reproduce: npadasoft conform -- ./port  # fails in some runs")


@pytest.mark.parametrize("layer", [Layer, MISTAKES["loss-is-a-sum"].layer_class,
                                   MISTAKES["gradient-of-a-sum"].layer_class])
def test_a_sum_whose_order_changes_is_neither_chance_nor_state(layer):
    results, found = run(Random(rounding, layer))
    assert not any(r.state or r.chance for r in results)
    assert [c.text for c in found] == [f"`{m.name}`" for m in MISTAKES.values()
                                       if m.layer_class is layer]


def test_a_mistake_beside_chance_keeps_its_name():
    _, found = run(Random(race(0.2), MISTAKES["loss-is-a-sum"].layer_class))
    assert {c.text for c in found} == {CHANCE, "`loss-is-a-sum`"}


# ------------------------------------------------------------------ a process that ends

def judged(capfd, *words, only=()):
    """(status, the summary's lines, the report) of a port that leaves."""
    options = [w for id in only for w in ("--only", id)]
    status = command.conform([*options, "--dtype", "float64", "--",
                              *map(str, (sys.executable, LEAVES, *words))])
    out = capfd.readouterr().out
    text = " ".join(out.partition("Why, and")[2].partition("\n\n")[0].split())
    return status, text, out


@pytest.mark.parametrize("how, words", [
    ("exit 0", "ended with exit status 0 instead of an answer"),
    ("exit 1", "ended with exit status 1 instead of an answer"),
    ("exit 137", "ended with exit status 137, killed by SIGKILL (out of memory?), instead of"),
    ("kill 9", "killed by SIGKILL (out of memory?)"),
    ("kill 11", "killed by SIGSEGV")])
def test_how_and_after_how_many_requests_a_process_ends_is_the_first_line(capfd, how, words):
    status, text, out = judged(capfd, *how.split(), "after", 40)
    assert status == 1 and words in text and text.count(" after ") == 1
    assert ", each time after 40 requests in one process: the case passes in a fresh one" in text
    assert TEXT not in out and CHANCE not in out
    line = out.partition("reproduce: npadasoft conform ")[2].partition("  ")[0]
    assert line == shlex.join(["--", sys.executable, str(LEAVES), *how.split(), "after", "40"])


def test_a_process_that_grows_is_told_between_which_requests_it_was_killed(capfd):
    _, text, out = judged(capfd, "kill", 9, "bytes", 400_000)
    assert "killed by SIGKILL (out of memory?) after " in text and TEXT not in out
    assert " requests in one process: the case passes in a fresh one" in text


def test_a_process_that_answers_one_request_says_so(capfd):
    status, text, out = judged(capfd, "exit", 0, "after", 1, only=["S0*", "T0*", "G0*"])
    assert status == 1 and "exit status 0 instead of an answer" in text, out
    assert "after 1 request in one process" in text and TEXT not in out


def test_one_case_that_ends_the_process_has_no_number(capfd):
    _, text, out = judged(capfd, "exit", 0, "case", "T03", only=["T0*"])
    assert text.endswith("1 forward: ended with exit status 0 instead of an answer"), out
    assert "--only T03" in out


def test_a_status_of_a_shell_is_read_as_the_signal_that_it_stands_for():
    assert killed_by(signal.SIGABRT) == "killed by SIGABRT"

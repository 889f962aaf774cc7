"""What a report prints: an example of each cause, how many cases fail, and what follows."""
import re

import pytest

from npadasoft.conformance.golden import vectors_io
from npadasoft.conformance.judge.causes import Cause
from npadasoft.conformance.judge.compare import Comparison
from npadasoft.conformance.judge.echo import CASE
from npadasoft.conformance.judge.outline import _examples, _why, outline
from npadasoft.conformance.judge.page import page
from npadasoft.conformance.judge.report import describe
from npadasoft.conformance.judge.session import Session
from npadasoft.conformance.judge.verdict import Result
from npadasoft.conformance.judge.writing import READ
from npadasoft.conformance.mistakes import MISTAKES, name_run
from npadasoft.conformance.mistakes.planted import Planted
from npadasoft.conformance.ports.ours import Ours

CASES = {case["id"]: case for case in vectors_io.load()}


def failing(id, *origins, dtype="float64"):
    found = Result(CASES[id], dtype, "fail", origins=list(origins))
    found.comparisons = {n: Comparison(n, True, message="as it is") for n in origins}
    return found


def blocks_of(found):
    return [part[0] for part in _examples(found, lambda result: [result.id], 99)]


def run(port, *only, **more):
    session = Session(port, [CASES[id] for id in only], **more)
    session.run(["float64"])
    session.explain(["float64"])
    name_run(session.results)
    return session.results


def test_no_case_is_shown_twice_and_each_shows_its_own_cause_first():
    both, other = failing("T03", "output"), failing("T04", "grad.input")
    early = Cause("divergence", "first divergence: grad.input", [both, other])
    assert blocks_of([early, Cause("mistake", "`a`", [both])]) == ["T04", "T03"]
    early = Cause("divergence", "first divergence: grad.input", [both])
    assert blocks_of([early, Cause("mistake", "`a`", [both])]) == ["T03"]   # of the mistake
    twice = Cause("mistake", "`b`", [both, failing("T03", "output", dtype="float32")])
    assert blocks_of([Cause("mistake", "`a`", [both]), twice]) == ["T03"]


def test_what_a_cause_has_taken_in_is_not_its_example():
    cause = Cause("divergence", "first divergence: output", [failing("T04", "output")])
    cause.take(Cause("divergence", "first divergence: loss", [failing("S01", "loss")]), "too")
    assert blocks_of([cause]) == ["T04"]


def test_cases_that_stand_in_two_lines_are_told_and_only_then():
    one, two = failing("T03", "output"), failing("T04", "output")
    apart = [Cause("mistake", "`a`", [one]), Cause("mistake", "`b`", [two])]
    assert "two lines" not in _why(apart, "examples")
    assert "some cases stand in two lines;" in _why([*apart, Cause("shape", "c", [one])], "")


@pytest.mark.parametrize("names", [("boundary", "gradient-of-a-sum"),
                                   ("predict-is-a-column", "loss-is-a-sum")])
def test_a_port_with_several_mistakes_shows_no_case_twice(names):
    class Several(*(MISTAKES[name].layer_class for name in names)):
        pass
    lines = outline(run(Planted(Several), "S01", "T03", "T04", "G01", "G02", "P01"), (),
                    "-- ./port").splitlines()
    shown = [line.split()[0] for line in lines if re.match(r"[A-Z]+\d\d ", line)]
    assert len(set(shown)) == len(shown) > 0, lines
    assert ("examples below" in lines[1]) == (len(shown) > 1)


def test_all_lists_every_case_below():
    lines = outline(run(Planted(MISTAKES["boundary"].layer_class), "T03", "T04"), (), "-- ./port",
                    show_all=True).splitlines()
    assert lines[1] == "Why, and in how many cases (every case below):"


@pytest.mark.parametrize("listed, first, last", [
    (["T03"], "1 of 3 cases fail. 1 fails as expected.", "NOT conformant: T04"),
    (["T03", "T04"], "No case of 3 fails that was not expected to. 2 fail as expected.",
     "every required case passed"),
    (["T03", "T04", "P01"], "No case of 3 fails that was not expected to. 2 fail as expected. "
     "1 that should fail did not.", "no required case fails, but some were expected to: P01"),
    (["P01"], "2 of 3 cases fail. 1 that should fail did not.", "NOT conformant: T03, T04")])
def test_what_was_expected_to_fail_is_told_as_it_is(listed, first, last):
    results = run(Planted(MISTAKES["boundary"].layer_class), "T03", "T04", "P01",
                  expected_failures=[(id, None) for id in listed])
    lines = outline(results, (), "-- ./port").splitlines()
    assert (lines[0], lines[-1]) == (first, last), lines


def test_that_all_which_ran_passed_is_not_said_where_something_failed():
    class Embeds(Ours):
        info = Ours.info.__class__("embeds", ops=("embed",))

        def embed(self, *args):
            return super().embed(*args) + 1
    lines = outline(run(Embeds(), "I01", "T03"), (), "-- ./port").splitlines()
    assert lines[0] == "1 of 2 cases fail."
    assert lines[-1] == "the required cases that ran passed, but some did not run in full"


def test_where_no_step_is_shown_it_is_not_said_that_nothing_before_can_be_wrong():
    class Wrong(Ours):
        def log_prob(self, *args):
            return super().log_prob(*args) - 1

        def forward(self, *args):
            found = super().forward(*args)
            return found | {n: found[n] + 1 for n in ("head_logits", "cluster") if n in found}
    first = {r.id: describe(r) for r in run(Wrong(), "S01", "F05")}
    assert "log_prob    (what is between it and its inputs is not shown)" in first["F05"]
    assert "cluster    (its inputs are golden data: nothing before it can be wrong)" in first["S01"]


@pytest.mark.parametrize("message, misread", [
    ("read wrongly: 0.1", True), ("0.1 has the bits", True),
    (f"{READ}, and written wrongly", False)])
def test_where_numbers_are_read_wrongly_no_input_is_golden(message, misread):
    wrong = run(Planted(MISTAKES["boundary"].layer_class), "T03")
    results = [Result(CASE, "float64", "fail", message=message), *wrong]
    for text in (outline(results, (), "-- ./port"), page(results, Ours.info, "1.1.0")):
        assert ("golden data, but read wrongly: see IO" in text) == misread, text
        assert ("nothing before it can be wrong" in text) != misread, text


def test_of_few_cases_it_is_said_that_a_name_is_a_guess():
    def told(cls, *only):
        return "a name is a guess" in outline(run(Planted(cls), *only), (), "-- ./port")
    few = ("T03", "T04", "S01")
    assert told(MISTAKES["boundary"].layer_class, *few)
    many = (id for id, case in CASES.items() if case["tier"] == "required")
    assert not told(MISTAKES["boundary"].layer_class, *many)

    class Unnamed(Ours):
        def forward(self, *args):
            return {n: a + 1 / 3 for n, a in super().forward(*args).items()}
    assert "a name is a guess" not in outline(run(Unnamed(), *few), (), "-- ./port")

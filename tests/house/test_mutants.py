"""The mutator, and a sample of what it makes: the golden vectors must see all that they can.

The full table: python -m tests.support.mutants --table tests/figures/mutants.txt
"""
import ast
import io
import json
import sys
from pathlib import Path

import pytest

import mutants
import npadasoft.adaptive
from npadasoft import fused

pytestmark = pytest.mark.once

TESTS = Path(__file__).parents[1]
TABLE = TESTS / "figures" / "mutants.txt"
SMALL = ("functional", "parameters")


@pytest.fixture(scope="module")
def suite():
    return mutants.Suite(mutants.OURS)          # the blocked path would take five times as long


def made(operator, text):
    tree = ast.parse(text)
    return [ast.unparse(ast.fix_missing_locations(new)) for node in ast.walk(tree)
            for new in mutants.OPERATORS[operator](node)]


@pytest.mark.parametrize("operator, text, wanted", [
    ("comparison", "a < b == c", ["a <= b == c", "a < b != c"]),
    ("plus and minus", "a + b", ["a - b"]),
    ("plus and minus", "a -= -b", ["a += -b", "b"]),
    ("constant by one", "f(2)", ["3", "1"]),
    ("slice bound", "x[1:n]", ["2:n", "1:n - 1"]),
    ("slice bound", "x[:]", ["1:", ":-1"]),
    ("axis", "x.sum(-1)", ["x.sum(0)"]),
    ("axis", "f(x, axis=1)", ["f(x, axis=0)"]),
    ("transpose", "x.T", ["x"]),
    ("dropped statement", "x[0] = 1", ["pass"]),
    ("dropped statement", "if a:\n    b = 1", ["pass"]),
    ("dropped statement", "'words'", []),
    ("swapped arguments", "f(a, b, c)", ["f(b, a, c)"]),
    ("swapped arguments", "f(*a, b)", []),
])
def test_an_operator_makes_what_its_name_says(operator, text, wanted):
    assert made(operator, text) == wanted


def test_mutants_are_many_differ_from_the_source_and_have_names_of_their_own():
    every = [m for module in SMALL for m in mutants.mutants_of(module)]
    assert len(every) > 120 and len({mutants.key(m) for m in every}) == len(every)
    plain = {module: ast.unparse(ast.parse((mutants.PACKAGE / f"{module}.py").read_text("utf-8")))
             for module in SMALL}
    assert all(m["source"] != plain[m["module"]] for m in every)
    assert mutants.sample(9, 4, SMALL) == mutants.sample(9, 4, SMALL) != mutants.sample(9, 5, SMALL)


def test_a_sample_of_those_in_the_table_that_were_killed_is_killed_still(suite):
    lines = TABLE.read_text("utf-8").splitlines()
    killed = {k for k, v in zip(lines, lines[1:]) if v.startswith(" " * 8) and v.endswith(" Ours")}
    there = [m for module in SMALL for m in mutants.mutants_of(module) if mutants.key(m) in killed]
    sample = there[::max(len(there) // 12, 1)]
    assert len(sample) >= 8                             # else: make the table anew
    assert [mutants.key(m) for m in sample if mutants.judge(m, suite) is None] == []


def test_a_mutant_leaves_the_layer_as_it_was(suite):
    before = (npadasoft.adaptive, fused, sys.modules["npadasoft.adaptive"])
    mutant = next(m for m in mutants.mutants_of("functional") if "dy.T @ x" not in m["source"])
    assert mutants.judge(mutant, suite)
    from npadasoft import adaptive, fused as after
    assert (adaptive, after, sys.modules["npadasoft.adaptive"]) == before


def test_a_mutant_that_hangs_or_cannot_be_imported_is_killed(suite, monkeypatch):
    hangs = {"module": "parameters", "source": "while True: pass"}
    monkeypatch.setattr(mutants, "SECONDS", 1)
    assert mutants.judge(hangs, suite) == "no answer in time"
    assert mutants.judge({"module": "parameters", "source": "0 / 0"}, suite) \
        == "import: ZeroDivisionError"


def test_an_unchanged_layer_survives_and_is_open_without_a_reason(suite, tmp_path):
    text = (mutants.PACKAGE / "search.py").read_text("utf-8")
    same = {"module": "search", "where": "search.f", "change": "a  ->  a", "operator": "axis",
            "source": text}
    assert mutants.judge(same, suite) is None
    assert mutants.open_ones([(same, None)], {}) == [same]
    assert mutants.open_ones([(same, None)], {"search.f: *": "why"}) == []
    table = mutants.table([(same, None), (same, "T03 float64 Ours")], 0, {"search.*": "why"})
    assert "SURVIVES: why" in table and "T03 float64 Ours" in table


def test_the_worker_answers_one_line_a_mutant(suite, monkeypatch, capsys):
    monkeypatch.setattr(mutants, "Suite", lambda: suite)
    monkeypatch.setattr("resource.setrlimit", lambda *_: None)
    line = json.dumps({"module": "fused", "source": "0 / 0"})
    monkeypatch.setattr(sys, "stdin", io.StringIO(line + "\n"))
    assert mutants.main(["--work"]) == 0
    assert json.loads(capsys.readouterr().out) == "import: ZeroDivisionError"


@pytest.mark.parametrize("name, least", [("mutants", 300), ("mutants_derivatives_and_input", 280)])
def test_a_committed_table_has_many_mutants_and_none_without_a_reason(name, least):
    text = TABLE.with_name(f"{name}.txt").read_text("utf-8")
    total = next(line for line in text.splitlines() if line.startswith("all "))
    assert int(total.split()[1]) >= least
    assert "survivors without a reason: 0" in text

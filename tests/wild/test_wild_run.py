"""The runner itself: what is explained, borne out and found again, and what makes a row no good."""
import re
import sys
import types
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
import run  # noqa: E402
import witness  # noqa: E402
from case import elementwise, jacobian, scalar  # noqa: E402

X = np.array([0.3, -1.2, 2.0])


def module(cases, why=None):
    return types.SimpleNamespace(checks=lambda: cases, WHY=why or {}, __doc__="planted",
                                 PINS=f"numpy=={np.__version__}")


def faults_of(monkeypatch, planted):
    monkeypatch.setattr(run, "glue", lambda name: planted)
    return list(run.faults(run.here("planted")))


def test_a_right_gradient_makes_a_good_row_in_each_of_the_three_forms(monkeypatch):
    cases = [scalar("square", lambda x: np.sum(x ** 2), X, lambda x: 2 * x),
             elementwise("sin", np.sin, np.cos, X),
             jacobian("outer", lambda x: np.outer(x, x), X,
                      lambda x: np.einsum("ik,j->ijk", np.eye(3), x)
                      + np.einsum("jk,i->ijk", np.eye(3), x))]
    assert faults_of(monkeypatch, module(cases)) == []


def test_a_wrong_gradient_needs_a_reason_and_a_reason_needs_a_wrong_gradient(monkeypatch):
    wrong = [scalar("wrong", lambda x: np.sum(x ** 2), X, lambda x: 3 * x, lambda x: 2 * x)]
    assert "without an explanation" in faults_of(monkeypatch, module(wrong))[0]
    known = {"wrong*": ("mistake", "3 for 2")}
    assert faults_of(monkeypatch, module(wrong, known)) == []
    right = [scalar("wrong", lambda x: np.sum(x ** 2), X, lambda x: 2 * x)]
    assert "not found any more" in faults_of(monkeypatch, module(right, known))[0]


def test_a_wrong_gradient_is_not_excused_as_an_approximation(monkeypatch):
    def off(by):
        return [scalar("off", lambda x: np.sum(x ** 2), X, lambda x: (2 + by) * x)]
    why = {"*": ("approximation", "a series")}
    assert faults_of(monkeypatch, module(off(1e-6), why)) == []
    assert "is no approximation" in faults_of(monkeypatch, module(off(0.1), why))[0]


def test_a_correction_that_is_wrong_itself_makes_the_row_no_good(monkeypatch):
    case = scalar("wrong", lambda x: np.sum(x ** 2), X, lambda x: 3 * x, lambda x: 4 * x)
    faults = faults_of(monkeypatch, module([case], {"wrong": ("mistake", "")}))
    assert "the right gradient is FAIL" in faults[0]


def test_pins_are_read_without_the_packages_that_they_name():
    names = [path.stem for path in (run.HERE / "packages").glob("*.py")]
    assert len(names) >= 30
    assert all("==" in pin for name in names for pin in run.pins(name))
    assert run.pins("cma")[0] == "cma==4.5.0"


def test_a_package_that_raises_ends_its_own_check_alone(monkeypatch):
    def broken(x):
        raise ZeroDivisionError("in the package")
    cases = [elementwise("broken", broken, np.cos, X), elementwise("sin", np.sin, np.cos, X)]
    monkeypatch.setattr(run, "glue", lambda name: module(cases))
    assert [row["outcome"] for row in run.here("planted")["rows"]] == ["raised", "PASS"]


@pytest.mark.parametrize("f, df", [(np.exp, np.exp), (np.sin, np.cos), (np.log, lambda x: 1 / x)])
def test_plain_differences_are_right_within_their_gap(f, df):
    for x in (0.37, 1.9, 41.0):
        value, gap = witness.slope(lambda a: f(a[1]), np.array([5.0, x]), "x", (1,))
        assert abs(value - df(x)) <= 3 * gap + 1e-13 * abs(df(x))
        assert gap < 1e-9 * max(abs(df(x)), 1)


def test_the_readme_opens_with_the_table_that_is_committed():
    figures = (run.HERE.parent / "figures/wild.txt").read_text()
    rows = re.findall(r"^([a-zA-Z_]\S* \d\S*) +(\d+) ", figures, re.M)
    assert len(rows) >= 30 and sum(int(checks) for _, checks in rows) >= 2000
    readme = (run.HERE.parents[1] / "npadasoft/gradcheck/README.md").read_text()
    for name, checks in rows:
        assert f"| {name} | {int(checks):,} |" in readme
    listed = re.findall(r"findings/(\w+)\.sh", readme)
    assert len(listed) >= 20
    assert all((run.HERE.parents[1] / f"findings/{name}.sh").exists() for name in listed)


def test_the_readme_has_the_table_of_checkers_that_is_committed():
    """Every cell of `checkers.py`'s lines: 23 columns for the name, 14 for each of the twelve."""
    import checkers
    figures = (run.HERE.parent / "figures/checkers.txt").read_text().splitlines()
    readme = (run.HERE.parents[1] / "npadasoft/gradcheck/README.md").read_text()
    lines = {line[:23].strip(): line for line in figures
             if re.match("(ok|ACCEPTS|ACCUSES|no verdict|raises)( |$)", line[23:37].strip())}
    assert lines.keys() <= checkers.CHECKERS.keys() and len(lines) >= 10
    for name, line in lines.items():
        cells = [line[23 + 14 * k:37 + 14 * k].strip() for k in range(12)]
        assert f"| {name} | {' | '.join(cells)} |" in readme, name


def test_a_row_that_takes_too_long_says_so_in_the_cells_that_it_did_not_reach(monkeypatch):
    import checkers
    monkeypatch.setattr(checkers, "LIMIT", 0.01)
    assert checkers.row("npadasoft").split().count("late") == len(checkers.gradients(0))

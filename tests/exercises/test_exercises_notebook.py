"""The exercises in a notebook: made from the stubs, judged by the same checks, all solvable."""
import importlib.util
from pathlib import Path

import pytest
from solved_exercises import solve

from npadasoft.exercises import EXERCISES, notebook

nbformat = pytest.importorskip("nbformat")
pytest.importorskip("nbclient")
FOLDER = Path(__file__).parents[2] / "notebooks"
CELLS = nbformat.read(FOLDER / "exercises.ipynb", as_version=4).cells


def run(change=lambda source: source):
    """Execute the code cells in one namespace, as a notebook does."""
    namespace = {"__name__": "__main__"}
    for number, cell in enumerate(CELLS):
        if cell.cell_type == "code":
            exec(compile(change(cell.source), f"cell {number}", "exec"), namespace)
    return namespace


def test_the_notebook_is_made_from_the_stubs_and_has_no_outputs():
    spec = importlib.util.spec_from_file_location("build_of_exercises", FOLDER / "build.py")
    build = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build)
    assert nbformat.writes(build.exercises()) + "\n" == (FOLDER / "exercises.ipynb").read_text()
    assert not any(cell.get("outputs") for cell in CELLS)


def test_untouched_nothing_is_begun(capsys):
    run()
    said = [f"{n} {exercise.name[4:]}: not begun" for n, exercise in enumerate(EXERCISES, start=1)]
    assert capsys.readouterr().out.splitlines() == said


def test_solved_all_are_right(capsys):
    run(solve)
    said = capsys.readouterr().out.splitlines()
    verdicts = [line for line in said if line[0].isdecimal()]
    assert verdicts == [f"{n} {exercise.name[4:]}: right"
                        for n, exercise in enumerate(EXERCISES, start=1)]
    rest = [line for line in said if line not in verdicts]
    assert len(rest) == 5 and all(line.startswith("gradcheck, against") and "FAIL" not in line
                                  for line in rest)


def test_a_mistake_is_named_and_the_notebooks_own_functions_are_used(capsys):
    spoilt = run(lambda source: solve(source) if "check(" not in source else "")
    exec("def log_softmax(z):\n    return z - np.log(np.exp(z).sum(-1, keepdims=True))", spoilt)
    notebook.check(spoilt["log_softmax"])
    out = capsys.readouterr().out
    assert out.startswith("4 log_softmax: wrong\nlog_softmax: log_p[") and "`no-shift`" in out
    assert out.endswith("hint(log_softmax)\n")
    exec("def log_softmax(z):\n    return -z", spoilt)
    notebook.check(spoilt["log_prob"])
    assert capsys.readouterr().out.startswith("11 log_prob: wrong\n")
    notebook.check(spoilt["log_prob"], with_ours=True)
    assert capsys.readouterr().out == "11 log_prob: right\n"


def test_what_else_goes_wrong_is_a_sentence(capsys):
    def pick(log_p, index):
        while True:
            pass

    def linear(x, weight, bias=None):
        return x
    notebook.check(pick, seconds=0.3)
    said = capsys.readouterr().out
    assert "no answer within 0.3 seconds of processor time: is there a loop without end" in said
    notebook.check(linear)
    assert capsys.readouterr().out == "3 linear: check(linear, linear_backward)\n"
    with pytest.raises(ValueError, match="no exercise asks for run; they ask for locate, "):
        notebook.check(run)


def test_hints_and_solutions_are_those_of_the_command(capsys):
    def pick(log_p, index):
        ...
    notebook.hint(pick, 2)
    notebook.solution(pick)
    out = capsys.readouterr().out
    assert out.startswith("1. One number of each row.\n2. ") and "# npadasoft.functional\n" in out

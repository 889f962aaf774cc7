"""Exercises in a folder: a process for each, within its time; hints, solutions, watching."""
import sys
import time
from pathlib import Path

import pytest
from solved_exercises import solve

import npadasoft
from npadasoft import cli
from npadasoft.exercises import EXERCISES, command, trial

NAMES = [exercise.name for exercise in EXERCISES]
BY_NAME = dict(zip(NAMES, EXERCISES))
README = (Path(npadasoft.__file__).parent / "exercises" / "README.md").read_text()
TEXTBOOK = """import numpy as np

def log_softmax(z):
    t = z - z.max(-1, keepdims=True)
    return t - np.log(np.exp(t).sum(-1, keepdims=True))
"""


@pytest.fixture
def folder(tmp_path, capsys):
    assert cli.main(["exercises", str(tmp_path)]) == 0
    capsys.readouterr()
    return tmp_path


@pytest.fixture
def here(folder, monkeypatch):
    """A folder whose files this process loads and judges, instead of a process of its own."""
    def run(folder, number, with_ours=False, seconds=trial.SECONDS):
        lines, notes = trial.within(seconds, lambda: trial.attempt(folder, number, with_ours))
        return {"lines": lines, "notes": notes}
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(trial, "run", run)
    yield folder
    for name in NAMES:
        sys.modules.pop(name, None)


def test_an_untouched_folder_is_not_begun(folder, capsys, monkeypatch):
    monkeypatch.setattr(trial, "run", None)             # and no process is started
    assert cli.main(["exercises", "check", str(folder)]) == 3
    out = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in out[:-1]] == [name[4:] for name in NAMES]
    assert all(line.endswith("not begun") for line in out[:-1])
    assert out[-1] == f"[{'.' * len(NAMES)}] 0 of {len(NAMES)}"


def test_what_is_there_stays_when_the_exercises_are_written_again(folder, capsys):
    (folder / "e05_pick.py").write_text("mine")
    (folder / "e04_log_softmax.py").unlink()
    assert cli.main(["exercises", str(folder)]) == 0
    assert f"wrote 1 exercise to {folder}, and kept {len(NAMES) - 1}" in capsys.readouterr().out
    assert (folder / "e05_pick.py").read_text() == "mine"


def test_the_report_of_the_page_is_the_one_that_is_printed(here, capsys):
    (here / "e04_log_softmax.py").write_text(TEXTBOOK)
    assert cli.main(["exercises", "check", str(here), "4"]) == 1
    report = capsys.readouterr().out.partition("\n\n")[2]
    assert "```text\n" + report + "```" in README


def test_ours_in_a_process_is_right_and_leaves_nothing_behind(folder):
    (folder / "e03_linear.py").write_text(
        "from npadasoft.functional import linear, linear_backward\nprint('hi')\n")
    verdict = trial.run(folder, 3)
    assert verdict == {"lines": [], "notes": [
        "gradcheck, against finite differences: x PASS, weight PASS", "it prints: 'hi'"]}
    assert sorted(path.stem for path in folder.iterdir()) == NAMES


def test_a_loop_without_end_is_stopped_and_told_where(folder):
    (folder / "e05_pick.py").write_text("def pick(log_p, index):\n    while True:\n        pass\n")
    line, = trial.run(folder, 5, seconds=0.5)["lines"]
    assert line.startswith("no answer within 0.5 seconds of processor time: is there a loop "
                           "without end at e05_pick.py, line ")
    assert line.endswith("(more time: --seconds 3, in a notebook seconds=3)")


def test_an_answer_that_had_to_wait_for_the_processor_is_not_called_late():
    began = time.monotonic()
    assert trial.within(0.2, lambda: (time.sleep(0.4), ([], []))[1]) == ([], [])
    assert time.monotonic() - began > 0.4


def test_one_that_waits_for_ever_is_stopped_by_the_clock_on_the_wall(monkeypatch):
    monkeypatch.setattr(trial, "WALL", 0.25)
    (line,), _ = trial.within(0.05, lambda: time.sleep(60))
    assert line.startswith("no answer within 0.3 seconds, in which it computed for less than 0.05: "
                           "does it wait for something at test_exercises_folder.py, line ")
    assert line.endswith("(more time: --seconds 0.3, in a notebook seconds=0.3)")


def test_a_loop_that_catches_everything_is_ended_by_the_system(folder):
    (folder / "e05_pick.py").write_text(
        "def pick(log_p, index):\n    while True:\n        try:\n            pick(log_p, index)\n"
        "        except BaseException:\n            pass\n")
    line, = trial.run(folder, 5, seconds=0.2)["lines"]
    assert line.startswith("no answer within 0.2 seconds of processor time: is there a loop "
                           "without end? (more time")


def test_one_that_waits_and_catches_everything_is_ended_from_outside(folder, monkeypatch):
    (folder / "e05_pick.py").write_text(
        "import time\nwhile True:\n    try:\n        time.sleep(60)\n"
        "    except BaseException:\n        pass\n")
    monkeypatch.setattr(trial, "WALL", 0.5)
    monkeypatch.setattr(trial, "GRACE", 0.5)
    line, = trial.run(folder, 5, seconds=0.1)["lines"]
    assert line.startswith("no answer within 0.6 seconds, in which it computed for less")


@pytest.mark.parametrize("text, words", [
    ("def pick(log_p, index)\n", "e05_pick.py cannot be loaded: SyntaxError: expected ':'"),
    ("x = 1\n", "e05_pick.py has no function pick"),
    ("x = {}['a']\n", "e05_pick.py cannot be loaded: KeyError: 'a' (e05_pick.py, line 1)"),
    ("raise SystemExit('bye')\n", "e05_pick.py cannot be loaded: SystemExit: bye")])
def test_a_file_that_cannot_be_loaded_is_told(here, text, words):
    (here / "e05_pick.py").write_text(text)
    (line,), notes = trial.attempt(here, 5, False)
    assert line.startswith(words) and notes == []


@pytest.mark.parametrize("text, error", [("def linear(x\n", "SyntaxError: '(' was never closed"),
                                         ("x = 1\ny = z\n", "NameError: name 'z'")])
def test_an_error_in_a_file_that_is_used_is_told_of_that_file(here, text, error):
    (here / "e03_linear.py").write_text(text)
    (line,), _ = trial.attempt(here, 9, False)
    assert line.startswith(f"e03_linear.py, which it uses, cannot be loaded: {error}")
    assert line.endswith(f"(e03_linear.py, line {text.count(chr(10))})")


def test_gradcheck_that_cannot_be_asked_says_why():
    ours = BY_NAME["e03_linear"].ours
    note, = trial.finite_differences(BY_NAME["e03_linear"], {
        **ours, "linear_backward": lambda dy, x, weight: (dy @ weight, x.T @ dy)})
    assert "GradcheckUsage" not in note and "(3, 4)" in note and "(4, 3)" in note


def test_a_process_that_ends_itself_is_told(folder):
    (folder / "e05_pick.py").write_text("import os\nos._exit(7)\n")
    assert trial.run(folder, 5)["lines"] == ["the process ended without an answer, with status 7"]


def test_the_exercises_can_be_solved_each_on_those_before_it(here):
    for number, exercise in enumerate(EXERCISES, start=1):
        (here / f"{exercise.name}.py").write_text(solve(command.stub(exercise)))
        tracer = sys.gettrace()         # of coverage: it rests while this is timed
        sys.settrace(None)
        begin = time.process_time()
        lines, notes = trial.attempt(here, number, False)
        seconds = time.process_time() - begin
        sys.settrace(tracer)
        assert lines == [] and len(notes) == (exercise.check is not None)
        assert all(part.endswith(" PASS") for note in notes for part in note.split(", ")[1:])
        assert seconds < 1.0            # of two; the rest is to start


def test_an_exercise_uses_the_readers_own_earlier_ones_or_ours(here, capsys):
    (here / "e13_predict.py").write_text(
        command.stub(BY_NAME["e13_predict"]).replace(
            "    ...", "    return log_prob(x, weights, cutoffs).argmax(-1)"))
    assert cli.main(["exercises", "check", str(here), "13"]) == 1
    assert "it uses e11_log_prob.py, which is not right yet" in capsys.readouterr().out
    assert cli.main(["exercises", "check", str(here), "13", "--with-ours"]) == 0
    assert capsys.readouterr().out == "13 predict               right\n"
    for words in (["--with-ours", str(here), "13"], [str(here), "--with-ours", "13"]):
        assert cli.main(["exercises", "check", *words]) == 0
        assert capsys.readouterr().out == "13 predict               right\n"
    assert cli.main(["exercises", "--with-ours", "check", str(here), "13"]) == 0


def test_the_usage_names_the_options():
    assert "[--with-ours] [--seconds S]" in command.parser().format_usage()


# ------------------------------------------------------------------ hints, solutions, watching

def test_hints_come_from_vague_to_plain(capsys):
    for many in (1, 2, 3):
        assert cli.main(["exercises", "hint", "4", str(many)]) == 0
        out = capsys.readouterr().out.splitlines()
        assert [line[:2] for line in out] == ["1.", "2.", "3."][:many]


@pytest.mark.parametrize("number", range(1, len(NAMES) + 1))
def test_a_solution_is_read_from_the_source_of_the_package(number, capsys):
    assert cli.main(["exercises", "solution", str(number)]) == 0
    out = capsys.readouterr().out
    shown = EXERCISES[number - 1].shown
    assert shown and all(f"def {function.__name__}(" in out for function in shown)


def test_a_save_is_judged_anew(folder, capsys):
    def sleep(seconds, saves=["x = 1"]):
        if not saves:
            raise KeyboardInterrupt
        (folder / "more.py").write_text(saves.pop())
    args = command.parser().parse_args(["watch"])
    assert command.watch(folder, None, args, sleep) == 0
    assert capsys.readouterr().out.count("waiting for a save") == 2


@pytest.mark.parametrize("words, said", [
    ("check nowhere", "no exercise in nowhere: npadasoft exercises nowhere writes them"),
    ("hint", "expected the number of an exercise, 1 to"),
    ("hint 99", "but found '99'"), ("hint 4 7", "there are 1 to 3 hints, but found '7'"),
    ("solution four", "but found 'four'"), ("one two", "expected one folder, but found one two"),
    ("check a b 3", "expected a folder and a number, but found a b")])
def test_a_wrong_call_is_a_sentence(words, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["exercises", *words.split()]) == 2
    out, err = capsys.readouterr()
    assert out == "" and said in err and err.count("\n") == 1

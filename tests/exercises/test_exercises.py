"""Exercises: ours is right, each planted mistake is named, what else goes wrong is told."""
import ast
import inspect
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from solved_exercises import solve

import npadasoft
from npadasoft import cli, reference
from npadasoft.exercises import EXERCISES, answers, command, layer, places, trial
from npadasoft.exercises.exercise import compare, leaves
from npadasoft.exercises.judge import judge

NAMES = [exercise.name for exercise in EXERCISES]
BY_NAME = dict(zip(NAMES, EXERCISES))
README = (Path(npadasoft.__file__).parent / "exercises" / "README.md").read_text()
TEXTBOOK = """import numpy as np

def log_softmax(z):
    t = z - z.max(-1, keepdims=True)
    return t - np.log(np.exp(t).sum(-1, keepdims=True))
"""


@pytest.mark.parametrize("name", NAMES)
def test_ours_is_right(name):
    assert judge(BY_NAME[name], BY_NAME[name].ours) == []


def best_first(x, k, weights, cutoffs):
    """topk as a reader may write it."""
    head = np.array(reference.log_softmax(list(weights["head.weight"] @ x)))
    s = cutoffs[0]
    found = [(-head[j], j) for j in range(s)]
    for i in np.argsort(-head[s:]):
        found = sorted(found)[:k]
        if len(found) == k and head[s + i] < -found[-1][0]:
            break
        tail = reference.log_softmax(reference.tail_logits(list(x), weights, i))
        found += [(-head[s + i] - b, cutoffs[i] + j) for j, b in enumerate(tail)]
    found = sorted(found)[:k]
    return [-value for value, _ in found], [j for _, j in found]


OTHERS = {
    "e01_locate": places._locate(),
    "e04_log_softmax": lambda z: [reference.log_softmax(list(row)) for row in z],
    "e08_route": places._route(),
    "e09_forward": layer._forward()["forward"],
    "e10_backward": layer._backward()["backward"],
    "e11_log_prob": layer._log_prob()["log_prob"],
    "e12_log_prob_backward": layer._transpose(pull=None)["log_prob_backward"],
    "e13_predict": lambda x, weights, cutoffs: [reference.predict(list(row), weights, cutoffs)
                                                for row in x],
    "e14_topk": best_first,
    "e15_step": answers._blocks()["step"]}


@pytest.mark.parametrize("name", OTHERS)
def test_another_right_answer_is_right_too(name):
    (function,) = BY_NAME[name].ours
    assert judge(BY_NAME[name], {function: OTHERS[name]}) == []


@pytest.mark.parametrize("name, mistake", [(exercise.name, mistake) for exercise in EXERCISES
                                           for mistake in exercise.mistakes])
def test_a_planted_mistake_is_named_in_the_first_hint_line(name, mistake):
    exercise = BY_NAME[name]
    hint, functions = exercise.mistakes[mistake]
    begin = time.process_time()
    lines = judge(exercise, {**exercise.ours, **functions})
    assert time.process_time() - begin < 1.0            # of two seconds; the rest is to start
    assert lines[1] == f"that is what `{mistake}` gives: {hint}"


@pytest.mark.parametrize("name", NAMES)
def test_an_exercise_has_four_mistakes_or_more_and_three_hints(name):
    assert len(BY_NAME[name].mistakes) >= 4 and len(BY_NAME[name].hints) == 3


@pytest.mark.parametrize("name", NAMES)
def test_a_part_in_ten_thousand_millions_is_too_much_for_every_answer_that_is_rounded(name):
    for case in BY_NAME[name].cases():
        parts = list(leaves(case.want, ""))
        if all(np.asarray(leaf).dtype.kind == "f" for _, leaf in parts if leaf is not None):
            moved = _scaled(case.want, 1 + 1e-10)
            assert compare(case, case.want) is None
            assert compare(case, moved) is not None or not any(np.any(leaf) for _, leaf in parts)


def _scaled(tree, factor):
    if isinstance(tree, dict):
        return {key: _scaled(part, factor) for key, part in tree.items()}
    if isinstance(tree, (tuple, list)):
        return type(tree)(_scaled(part, factor) for part in tree)
    return tree * factor


@pytest.mark.parametrize("name", [n for n in NAMES if BY_NAME[n].check])
def test_gradcheck_fails_the_double_of_our_backward(name):
    exercise = BY_NAME[name]
    double = {key: (lambda *args, f=f: _scaled(f(*args), 2)) for key, f in exercise.ours.items()}
    assert exercise.check(double).verdict == "FAIL"


# ------------------------------------------------------------------ the stubs

def test_every_stub_is_an_exercise():
    assert sorted(path.stem for path in command.STUBS.iterdir()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_stub_has_empty_functions_that_take_what_ours_do(name):
    functions = {node.name: node for node in ast.parse(command.stub(BY_NAME[name])).body
                 if isinstance(node, ast.FunctionDef)}
    assert functions.keys() == BY_NAME[name].ours.keys()
    for key, node in functions.items():
        ours = inspect.signature(BY_NAME[name].ours[key]).parameters
        taken = [arg.arg for arg in node.args.args]
        assert taken == [*ours][:len(taken)]
        assert all(ours[more].default is None for more in [*ours][len(taken):])
        assert len(node.body) == 2 and ast.unparse(node.body[1]) == "..."
    assert max(map(len, command.stub(BY_NAME[name]).splitlines())) <= 100


@pytest.mark.parametrize("name", NAMES)
def test_a_stub_imports_the_exercises_that_it_uses_and_nothing_else_but_numpy(name):
    nodes = ast.walk(ast.parse(command.stub(BY_NAME[name])))
    uses = [node.module for node in nodes if isinstance(node, ast.ImportFrom)]
    assert all(alias.name in BY_NAME[node.module].ours for node in ast.walk(
        ast.parse(command.stub(BY_NAME[name]))) if isinstance(node, ast.ImportFrom)
        for alias in node.names)
    assert tuple(uses) == BY_NAME[name].uses
    assert all(NAMES.index(other) < NAMES.index(name) for other in uses)


# ------------------------------------------------------------------ what else is told

def told(*functions):
    """What is said of `pick`, in one line."""
    loads = iter(functions[1:])
    lines = judge(BY_NAME["e05_pick"], {"pick": functions[0]}, lambda: {"pick": next(loads)})
    return lines[0] if lines else ""


def pick(log_p, index):
    return log_p[np.arange(len(index)), index]


def test_an_argument_that_is_written_to_is_told():
    def writes(log_p, index):
        index += 1
        return log_p[np.arange(len(index)), index - 1]
    assert told(writes) == "pick: writes to its argument index: work on a copy"


def test_a_wrong_shape_a_wrong_type_and_no_answer_are_told():
    assert told(lambda log_p, index: pick(log_p, index)[:, None]) == (
        "pick: picked should have shape (3,), but has (3, 1)")
    assert told(lambda log_p, index: "five") == "pick: picked should hold numbers, but is a str"
    assert told(lambda log_p, index: [[1], [1, 2]]).startswith("pick: picked should hold numbers")
    assert told(lambda log_p, index: None) == "pick: answers None: does it end in return?"


def test_an_exception_is_told_with_its_line():
    def fails(log_p, index):
        return 1 / (index.size - index.size)
    line = fails.__code__.co_firstlineno + 1
    assert told(fails) == (
        f"pick: raises ZeroDivisionError: division by zero (test_exercises.py, line {line})")


def test_a_state_that_is_kept_between_calls_is_told():
    calls = []

    def counts(log_p, index):
        calls.append(1)
        return pick(log_p, index) + len(calls)
    assert told(counts).startswith("pick: answers otherwise when it is called again")

    def remembers():
        memory = {}
        return lambda log_p, index: memory.setdefault("first", pick(log_p, index))
    assert told(remembers(), remembers()).startswith("pick: is right in a first call, and wrong")


def test_memory_beyond_what_is_allowed_is_told():
    exercise = BY_NAME["e15_step"]
    line = judge(exercise, exercise.mistakes["all-at-once"].functions)[0]
    assert line.startswith("step: raises MemoryError: took ") and "256 kB are allowed" in line


def test_a_tail_that_need_not_be_opened_is_told():
    exercise = BY_NAME["e14_topk"]
    line = judge(exercise, exercise.mistakes["opens-all"].functions)[0]
    assert line.startswith("topk: raises npadasoft.exercises.answers.TailOpened: ")


# ------------------------------------------------------------------ in a folder

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
    assert line.startswith("no answer within 0.5 seconds: is there a loop without end at e05_pick")


def test_a_loop_that_catches_everything_is_ended_from_outside(folder, monkeypatch):
    (folder / "e05_pick.py").write_text(
        "def pick(log_p, index):\n    while True:\n        try:\n            pick(log_p, index)\n"
        "        except BaseException:\n            pass\n")
    monkeypatch.setattr(trial, "GRACE", 0.5)
    line, = trial.run(folder, 5, seconds=1.0)["lines"]
    assert line == "no answer within 1 seconds: is there a loop without end?"


@pytest.mark.parametrize("text, words", [
    ("def pick(log_p, index)\n", "e05_pick.py cannot be loaded: SyntaxError: expected ':'"),
    ("x = 1\n", "e05_pick.py has no function pick"),
    ("raise SystemExit('bye')\n", "e05_pick.py cannot be loaded: SystemExit: bye")])
def test_a_file_that_cannot_be_loaded_is_told(here, text, words):
    (here / "e05_pick.py").write_text(text)
    (line,), notes = trial.attempt(here, 5, False)
    assert line.startswith(words) and notes == []


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

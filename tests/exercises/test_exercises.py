"""Exercises: ours is right, each planted mistake is named, what else goes wrong is told."""
import ast
import inspect
import time

import numpy as np
import pytest

from npadasoft import reference
from npadasoft.exercises import EXERCISES, answers, command, layer, places
from npadasoft.exercises.exercise import compare, leaves
from npadasoft.exercises.judge import judge

NAMES = [exercise.name for exercise in EXERCISES]
BY_NAME = dict(zip(NAMES, EXERCISES))


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


def test_a_sum_without_a_shift_is_shown_where_it_overflows():
    exercise = BY_NAME["e04_log_softmax"]
    lines = judge(exercise, exercise.mistakes["no-shift"].functions)
    assert "got -inf" in lines[0] and "1.07374182e+09" in lines[2]


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
    lines = judge(exercise, exercise.mistakes["block-too-large"].functions)
    assert lines[0].startswith("step: raises MemoryError: took ")
    assert "256 kB are allowed" in lines[0]
    assert any(line.startswith("    hidden (250, 3) = [[") for line in lines)


def test_a_tail_that_need_not_be_opened_is_told():
    exercise = BY_NAME["e14_topk"]
    line = judge(exercise, exercise.mistakes["opens-all"].functions)[0]
    assert line.startswith("topk: raises npadasoft.exercises.answers.TailOpened: ")

"""The exercises in a notebook: the same checks on functions of its cells, in the notebook itself.

    from npadasoft.exercises.notebook import check, hint, solution

    check(log_softmax)                  judge it
    check(forward, with_ours=True)      judge it where it uses our earlier ones
    hint(log_softmax, 2)                two hints
    solution(log_softmax)               ours
"""
from types import FunctionType

from npadasoft.exercises import EXERCISES, command, trial
from npadasoft.exercises.judge import judge


def _empty():
    """A function that is not begun."""
    ...


def check(*functions, with_ours=False, seconds=trial.SECONDS):
    """Print what the judge says of the functions of one exercise.

    Parameters
    ----------
    functions : callable
        All that the exercise asks for, under the names that it gives them.
    with_ours : bool, default False
        They use ours of the earlier exercises instead of what the notebook has under those names.
    seconds : float
        Time limit, in the main thread of a system with alarms.
    """
    number, exercise = _exercise(functions[0])
    given = {function.__name__: function for function in functions}
    missing = [name for name in exercise.ours if name not in given]
    if missing:
        print(f"{number} {exercise.name[4:]}: check({', '.join(exercise.ours)})")
        return
    if any(function.__code__.co_code == _empty.__code__.co_code for function in given.values()):
        print(f"{number} {exercise.name[4:]}: not begun")
        return
    if with_ours:
        given = _on_ours(given, exercise)
    lines, notes = trial.within(seconds, lambda: (
        judge(exercise, given), trial.finite_differences(exercise, given)))
    print(f"{number} {exercise.name[4:]}: {'wrong' if lines else 'right'}", *lines, *notes,
          *[f"hint({functions[0].__name__})"][:len(lines)], sep="\n")


def hint(function, many=1):
    """Print one to three hints, from vague to plain."""
    print("\n".join(command.hints(_exercise(function)[1], str(many))))


def solution(function):
    """Print ours, as it stands in the package."""
    print(command.solution(_exercise(function)[1]))


def _exercise(function):
    """(number, exercise) that asks for a function of this name."""
    for number, exercise in enumerate(EXERCISES, start=1):
        if function.__name__ in exercise.ours:
            return number, exercise
    names = ", ".join(name for exercise in EXERCISES for name in exercise.ours)
    raise ValueError(f"no exercise asks for {function.__name__}; they ask for {names}")


def _on_ours(given, exercise):
    """The same functions, which find ours where they look for earlier ones."""
    ours = {name: function for other in EXERCISES if other is not exercise
            for name, function in other.ours.items()}
    return {name: FunctionType(f.__code__, {**f.__globals__, **ours, **given}, name,
                               f.__defaults__, f.__closure__) for name, f in given.items()}

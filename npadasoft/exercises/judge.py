"""The reader's functions on the cases of an exercise: what is wrong, in words, and which mistake.

Each case is called twice with copies of its arguments: nothing may be written to them, and the
second answer is the first.
"""
import copy
import traceback
import tracemalloc
from pathlib import Path
from typing import NamedTuple

import numpy as np

from npadasoft.exercises.exercise import Wrong, compare, leaves, same


class TimeUp(BaseException):
    """The time of a trial is over."""


class Raised(NamedTuple):
    """What a function raised instead of an answer."""

    error: BaseException


def judge(exercise, functions, anew=None):
    """What is wrong with `functions` (name -> function), in lines; [] if nothing is.

    `anew` gives them as freshly loaded.
    """
    cases = exercise.cases()
    found = [answer(functions[case.function], case) for case in cases]
    for case, (got, fault) in zip(cases, found):
        wrong = fault or _wrong(case, got)
        if wrong:
            break
    else:
        return []
    if anew and not fault and case is not cases[0]:
        again, _ = answer(anew()[case.function], case)
        if not _wrong(case, again):
            fault = wrong = Wrong("is right in a first call, and wrong after other calls: "
                                  "something is kept between calls, a global or a default")
    lines = [f"{case.function}: {wrong.text}"]
    name = None if fault else diagnose(exercise, cases, [got for got, _ in found])
    if name:
        lines.append(f"that is what `{name}` gives: {exercise.mistakes[name].hint}")
    return [*lines, *shown(case)]


def answer(function, case):
    """(the answer or what was `Raised`, a `Wrong` for a fault of the call or None)."""
    arguments = copy.deepcopy(case.arguments)
    try:
        with np.errstate(all="ignore"):
            first = copy.deepcopy(_measured(function, arguments, case.memory))
            changed = _changed(case.arguments, arguments)
            if changed:
                return first, Wrong(f"writes to its argument {changed}: work on a copy")
            second = function(**copy.deepcopy(case.arguments))
    except TimeUp:
        raise
    except BaseException as error:
        return Raised(error), None
    if not _identical(first, second):
        return first, Wrong("answers otherwise when it is called again with the same arguments: "
                            "something is kept between calls, or random")
    return first, None


def _measured(function, arguments, memory):
    """What a function answers; a MemoryError if it takes more than `memory` beside that."""
    if memory is None:
        return function(**arguments)
    tracemalloc.start()
    try:
        found = function(**arguments)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    peak -= sum(np.asarray(leaf).nbytes for _, leaf in leaves(found, ""))
    if peak > memory:
        raise MemoryError(f"took {peak // 1024} kB beside its answer, where {memory // 1024} kB "
                          "are allowed")
    return found


def _changed(before, after):
    """The first argument that is no longer what it was."""
    return next((name for name in before if not _identical(before[name], after[name])), None)


def _identical(one, other):
    ones, others = list(leaves(one, "")), list(leaves(other, ""))
    return ([name for name, _ in ones] == [name for name, _ in others]
            and all(np.array_equal(a, b, equal_nan=np.asarray(a).dtype.kind == "f")
                    for (_, a), (_, b) in zip(ones, others)))


def _wrong(case, got):
    if isinstance(got, Raised):
        return Wrong(f"raises {raised(got.error)}")
    if got is None and case.want is not None:
        return Wrong("answers None: does it end in return?")
    return compare(case, got)


def raised(error):
    """An exception in words, with the last line of the reader's that it went through."""
    text, at = traceback.format_exception_only(error)[-1].strip(), place(error)
    if at and isinstance(error, SyntaxError):
        text = f"{type(error).__name__}: {error.msg}"
    return text + (f" ({at[0]}, line {at[1]})" if at else "")


def place(error):
    """(file, line) of the reader's that an exception came from, or None."""
    if isinstance(error, SyntaxError) and error.filename:
        return Path(error.filename).name, error.lineno
    ours = str(Path(__file__).parent.parent)
    lines = [frame for frame in traceback.extract_tb(error.__traceback__)
             if not frame.filename.startswith((ours, "<frozen"))
             and "site-packages" not in frame.filename]
    return (Path(lines[-1].filename).name, lines[-1].lineno) if lines else None


def diagnose(exercise, cases, found):
    """Name of the known mistake that gives all these answers, or the first wrong one; else None."""
    wrong = next(n for n, case in enumerate(cases) if _wrong(case, found[n]))
    named = []
    for name, mistake in exercise.mistakes.items():
        fits = [_fits(mistake, exercise, case, got) for case, got in zip(cases, found)]
        if all(fits):
            return name
        if fits[wrong]:
            named.append(name)
    return named[0] if named else None


def _fits(mistake, exercise, case, got):
    function = mistake.functions.get(case.function, exercise.ours[case.function])
    other, _ = answer(function, case)
    if isinstance(got, Raised) or isinstance(other, Raised):
        return (isinstance(got, Raised) and isinstance(other, Raised)
                and type(got.error) is type(other.error))
    return same(case, got, other)


def shown(case):
    """The arguments of a case, for the reader to try."""
    lines = []
    for name, value in case.arguments.items():
        if np.size(value) > 40:                         # too long to be shown in full
            name = f"{name} {np.shape(value)}"
        text = np.array2string(value, separator=", ", threshold=40) if isinstance(
            value, np.ndarray) else repr(value) if not isinstance(value, dict) else ", ".join(
                f"{key} {np.shape(part)}" for key, part in value.items())
        lines.append(f"    {name} = " + text.replace("\n", "\n" + " " * (len(name) + 7)))
    return lines

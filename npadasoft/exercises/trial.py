"""One exercise in a process of its own: `python -m npadasoft.exercises.trial FOLDER NUMBER OURS`.

It prints one line of JSON.  What the reader's code prints is counted and kept apart; a loop without
end is stopped where it is by an alarm, or by whoever started the process.
"""
import contextlib
import importlib
import io
import json
import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path
from types import ModuleType

from npadasoft.exercises import EXERCISES
from npadasoft.exercises.judge import TimeUp, judge, raised

SECONDS = 10.0          # for one exercise; ours take a few hundredths
GRACE = 5.0             # to start and to stop in


def run(folder, number, with_ours=False, seconds=SECONDS):
    """What a process says of exercise `number`: a dict with `lines` ([] if right), `notes`."""
    command = [sys.executable, "-m", "npadasoft.exercises.trial", str(folder), str(number),
               str(int(with_ours)), str(seconds)]
    root = str(Path(__file__).parents[2])
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, timeout=seconds + GRACE, text=True,
                              env={**os.environ, "PYTHONPATH": path})
    except subprocess.TimeoutExpired:
        return {"lines": [_late(seconds)], "notes": []}
    if not done.stdout:
        return {"lines": [f"the process ended without an answer, with status {done.returncode}"],
                "notes": []}
    return json.loads(done.stdout)


def _late(seconds, where=""):
    return f"no answer within {seconds:g} seconds: is there a loop without end{where}?"


class Kept(io.TextIOBase):
    """A file that keeps the first characters written to it and forgets the rest."""

    def __init__(self):
        self.text = ""

    def write(self, text):
        """Keep what still fits."""
        self.text += text[:max(0, 60 - len(self.text))]
        return len(text)


def load(folder, number, with_ours):
    """The functions of the reader's file; the files before it come from the folder, or are ours."""
    exercise = EXERCISES[number - 1]
    for other in EXERCISES:
        sys.modules.pop(other.name, None)
        if with_ours and other is not exercise:
            module = ModuleType(other.name)
            vars(module).update(other.ours)
            sys.modules[other.name] = module
    importlib.invalidate_caches()
    module = importlib.import_module(exercise.name)
    missing = [name for name in exercise.ours if not callable(getattr(module, name, None))]
    if missing:
        raise LookupError(f"{exercise.name}.py has no function {missing[0]}")
    return {name: getattr(module, name) for name in exercise.ours}


def attempt(folder, number, with_ours):
    """Judge the reader's file: (lines, notes)."""
    exercise = EXERCISES[number - 1]
    try:
        functions = load(folder, number, with_ours)
    except LookupError as error:
        return [str(error.args[0])], []
    except TimeUp:
        raise
    except BaseException as error:
        return [f"{exercise.name}.py cannot be loaded: {raised(error)}"], []
    lines = judge(exercise, functions, lambda: load(folder, number, with_ours))
    return lines, finite_differences(exercise, functions)


def finite_differences(exercise, functions):
    """A line on the finite differences of an exercise with a gradient."""
    if exercise.check is None:
        return []
    try:
        report = exercise.check(functions)
    except TimeUp:
        raise
    except BaseException as error:
        return [f"gradcheck, against finite differences: {type(error).__name__}"]
    words = []
    for tensor in report.tensors:
        hint = f" ({tensor.hint['text']})" if tensor.hint else ""
        words.append(f"{tensor.path} {tensor.verdict}{hint}")
    return ["gradcheck, against finite differences: " + ", ".join(words)]


def within(seconds, attempt):
    """(lines, notes) of attempt(), stopped by an alarm; a note says what was printed meanwhile."""
    def late(number, frame):
        raise TimeUp(f" at {Path(frame.f_code.co_filename).name}, line {frame.f_lineno}")
    before, kept = signal.signal(signal.SIGALRM, late), Kept()
    signal.setitimer(signal.ITIMER_REAL, seconds)
    with contextlib.redirect_stdout(kept), contextlib.redirect_stderr(kept):
        try:
            lines, notes = attempt()
        except TimeUp as where:
            lines, notes = [_late(seconds, str(where))], []
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
    return lines, notes + ([f"it prints: {kept.text.strip()!r}"] if kept.text else [])


def main(folder, number, with_ours, seconds):
    """Judge, and print the verdict."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.path.insert(0, folder)
    sys.dont_write_bytecode = True
    warnings.simplefilter("ignore")

    lines, notes = within(float(seconds), lambda: attempt(folder, int(number), with_ours == "1"))
    out.write(json.dumps({"lines": lines, "notes": notes}))
    out.flush()
    os._exit(0)                         # whatever threads the reader's code has left


if __name__ == "__main__":
    main(*sys.argv[1:])

"""One exercise in a process of its own: `python -m npadasoft.exercises.trial FOLDER NUMBER OURS`.

It prints one line of JSON.  What the reader's code prints is counted and kept apart.  The limit is
of processor time, so that a busy machine accuses nobody: a loop without end is stopped where it is
by an alarm, or the system ends its process; one that only waits is stopped by the clock on the
wall.
"""
import contextlib
import importlib
import io
import json
import math
import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path
from types import ModuleType

from npadasoft.exercises import EXERCISES
from npadasoft.exercises.judge import TimeUp, judge, place, raised
from npadasoft.gradcheck import GradcheckUsage

SECONDS = 10.0          # of processor time for one exercise; ours take a few hundredths
WALL = 60.0             # more of the clock on the wall: others may have the processor
GRACE = 60.0            # of that clock, to start and to stop in


def run(folder, number, with_ours=False, seconds=SECONDS):
    """What a process says of exercise `number`: a dict with `lines` ([] if right), `notes`."""
    command = [sys.executable, "-m", "npadasoft.exercises.trial", str(folder), str(number),
               str(int(with_ours)), str(seconds)]
    root = str(Path(__file__).parents[2])
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, timeout=seconds + WALL + GRACE,
                              text=True,
                              env={**os.environ, "PYTHONPATH": path})
    except subprocess.TimeoutExpired:
        return {"lines": [_waits(seconds)], "notes": []}
    if done.returncode == -signal.SIGXCPU:
        return {"lines": [_late(seconds)], "notes": []}
    if not done.stdout:
        return {"lines": [f"the process ended without an answer, with status {done.returncode}"],
                "notes": []}
    return json.loads(done.stdout)


def _late(seconds, where=""):
    return (f"no answer within {seconds:g} seconds of processor time: is there a loop without "
            f"end{where}? {_more(seconds)}")


def _waits(seconds, where=""):
    return (f"no answer within {seconds + WALL:g} seconds, in which it computed for less than "
            f"{seconds:g}: does it wait for something{where}? {_more(seconds)}")


def _more(seconds):
    return f"(more time: --seconds {6 * seconds:g}, in a notebook seconds={6 * seconds:g})"


class Missing(Exception):
    """A function that the exercise asks for is not in the file."""


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
        raise Missing(f"{exercise.name}.py has no function {missing[0]}")
    return {name: getattr(module, name) for name in exercise.ours}


def attempt(folder, number, with_ours):
    """Judge the reader's file: (lines, notes)."""
    exercise = EXERCISES[number - 1]
    try:
        functions = load(folder, number, with_ours)
    except Missing as error:
        return [str(error)], []
    except TimeUp:
        raise
    except BaseException as error:
        file = Path((place(error) or [exercise.name])[0]).stem
        other = any(file == other.name for other in EXERCISES) and file != exercise.name
        which = f"{file}.py, which it uses," if other else f"{exercise.name}.py"
        return [f"{which} cannot be loaded: {raised(error)}"], []
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
    except GradcheckUsage as error:
        return [f"gradcheck, against finite differences: {error}"]
    except BaseException as error:
        return [f"gradcheck, against finite differences: {raised(error)}"]
    words = []
    for tensor in report.tensors:
        hint = f" ({tensor.hint['text']})" if tensor.hint else ""
        words.append(f"{tensor.path} {tensor.verdict}{hint}")
    return ["gradcheck, against finite differences: " + ", ".join(words)]


def within(seconds, attempt):
    """(lines, notes) of attempt(), stopped by an alarm; a note says what was printed meanwhile."""
    def late(number, frame):
        say = _late if number == signal.SIGPROF else _waits
        raise TimeUp(say(seconds, f" at {Path(frame.f_code.co_filename).name}, "
                                  f"line {frame.f_lineno}"))
    kept, timers = Kept(), [(signal.ITIMER_PROF, signal.SIGPROF, seconds),
                            (signal.ITIMER_REAL, signal.SIGALRM, seconds + WALL)]
    before = [signal.signal(number, late) for _, number, _ in timers]
    for timer, _, limit in timers:
        signal.setitimer(timer, limit)
    with contextlib.redirect_stdout(kept), contextlib.redirect_stderr(kept):
        try:
            lines, notes = attempt()
        except TimeUp as over:
            lines, notes = [str(over)], []
        finally:
            for (timer, number, _), handler in zip(timers, before):
                signal.setitimer(timer, 0)
                signal.signal(number, handler)
    return lines, notes + ([f"it prints: {kept.text.strip()!r}"] if kept.text else [])


def _end_after(seconds):
    """The system ends the process that has computed this long from now, and a second more."""
    import resource
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    limit = math.ceil(time.process_time() + seconds) + 1
    if hard == resource.RLIM_INFINITY or limit < hard:
        resource.setrlimit(resource.RLIMIT_CPU, (limit, hard))


def main(folder, number, with_ours, seconds):
    """Judge, and print the verdict."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.path.insert(0, folder)
    sys.dont_write_bytecode = True
    warnings.simplefilter("ignore")
    _end_after(float(seconds))
    lines, notes = within(float(seconds), lambda: attempt(folder, int(number), with_ours == "1"))
    out.write(json.dumps({"lines": lines, "notes": notes}))
    out.flush()
    os._exit(0)                         # whatever threads the reader's code has left


if __name__ == "__main__":
    main(*sys.argv[1:])

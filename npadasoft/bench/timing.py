"""How it is timed: contestants take turns, medians over rounds.

Each timed call comes after a pause and a call that is not counted.  The pause lets the worker
threads of the previous contestant's library fall asleep: OpenMP's and OpenBLAS's spin on for a
while after a call and would steal the next contestant's core.
"""
import multiprocessing
import os
import statistics
import sys
import time
import tracemalloc

from npadasoft import fused, passes

PAUSE = 0.03        # seconds
_MAPPED = "MALLOC_MMAP_THRESHOLD_"


class Progress:
    """A bar on standard error, `[####    ] 12/40 what`; silent where that is no terminal."""

    def __init__(self, total, stream=None):
        self.total, self.done = max(total, 1), 0
        self.stream = sys.stderr if stream is None else stream
        self.shown = self.stream.isatty()

    def step(self, what):
        """One more of the total is about to run."""
        if self.shown:
            full = 24 * self.done // self.total
            bar = "#" * full + " " * (24 - full)
            self.stream.write(f"\r[{bar}] {self.done}/{self.total} {what:<48.48}")
            self.stream.flush()
        self.done += 1

    def close(self):
        """Wipe the bar."""
        if self.shown:
            self.stream.write("\r" + " " * 100 + "\r")
            self.stream.flush()


def medians(contestants, rounds, progress, what, pause=PAUSE):
    """Median seconds of a call of each contestant.

    Parameters
    ----------
    contestants : dict from str to callable without argument
        A callable must return only when its work is done.
    rounds : int
    progress : Progress

    Returns
    -------
    dict from str to float
    """
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, call in contestants.items():
            progress.step(f"{what}: {name}")
            time.sleep(pause)
            call()
            start = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def pass_seconds(step, rounds):
    """Median seconds that a training step spends in its passes over the logits, not in products."""
    spent: list[float] = []

    def timed(call, z):
        start = time.perf_counter()
        passes.over_rows(call, z)
        spent[-1] += time.perf_counter() - start
    before = fused.over_rows
    fused.over_rows = timed
    try:
        for _ in range(rounds + 1):
            spent.append(0.0)
            step()
    finally:
        fused.over_rows = before
    return statistics.median(spent[1:])


def numpy_peak(call):
    """Bytes that `call` holds at its peak beyond its result, and those of it (tracemalloc)."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        result = call()
        now, peak = tracemalloc.get_traced_memory()
        del result
    finally:
        tracemalloc.stop()
    return peak - now, now - before


def resident_peak(prepare, *arguments):
    """Bytes by which a fresh process grows at its peak during `prepare(*arguments)()`.

    In a process that has run before, memory that was given back to its heap would be used again and
    not be seen.  In the fresh one every block of some size is mapped on its own.

    Parameters
    ----------
    prepare : function of a module
        Answers what is to be called.
    *arguments : picklable

    Returns
    -------
    int
        None where the system does not tell.
    """
    before = os.environ.get(_MAPPED)
    os.environ[_MAPPED] = "65536"
    try:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            return pool.apply(_grown, (prepare, arguments))
    finally:
        del os.environ[_MAPPED]
        if before is not None:
            os.environ[_MAPPED] = before


def _grown(prepare, arguments):
    call = prepare(*arguments)
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")                             # the high-water mark starts again from here
        before = _resident("VmRSS")
        call()
        return _resident("VmHWM") - before
    except OSError:
        return None


def _resident(field):
    with open(f"/proc/{os.getpid()}/status") as file:
        for line in file:
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
    raise OSError(f"no {field}")

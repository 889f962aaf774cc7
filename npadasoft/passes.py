"""Passes over the rows of a matrix, on all cores: the one place that knows of threads.

A product is the BLAS's, and runs on all cores; exp, max and sum are NumPy's, and run on one.  Their
loops release the interpreter's lock, so `over_rows` hands chunks of rows to a few threads of its
own, on the host alone.  A chunk is two megabytes, whatever the number of threads, and what a row
turns into depends on no other row: the bits are those of one thread.

How many threads: as many as the BLAS may use, by OPENBLAS_NUM_THREADS, MKL_NUM_THREADS or
OMP_NUM_THREADS (the first that is set, read at every call), and no more than the CPUs that the
caller may run on.  A BLAS's own threads spin on for a tenth of a second after each product, one on
each CPU, and the scheduler takes them for work: it would rather put two of ours on one CPU.
So, where all CPUs are ours to use, there is one helper a CPU, bound to it, and the caller takes
chunks beside them; whoever is held up takes fewer.

The helpers are made when first needed, end before a fork and at exit, and serve one pass at a time:
a second one that comes meanwhile, of another thread, runs where it was called.
"""
import atexit
import os
import threading
from collections import deque
from functools import partial
from queue import SimpleQueue
from typing import Any

import numpy as np

from npadasoft.arrays import array_namespace, is_host

CHUNK = 2**21       # bytes: in a cache, and a millisecond of work or two
LEAST = 2**24       # bytes for which helpers are asked
PATIENCE = 5        # seconds that a fork waits for the end of a pass of another thread
VARIABLES = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")


def chunks(z):
    """Slices of rows of z of about CHUNK bytes: passes over one stay in a core's cache."""
    step = max(1, CHUNK // max(1, z.shape[1] * z.dtype.itemsize))
    for start in range(0, z.shape[0], step):
        yield slice(start, min(start + step, z.shape[0]))


def over_rows(call, z):
    """call(rows) for slices `rows` that cover the rows of z (N, K) once, in any order.

    Parameters
    ----------
    call : function of a slice
        Works on these rows alone, and calls no BLAS (two threads would wait for its lock).  On the
        host it may run in a thread that is not the caller's.
    z : (N, K) array
        What it works on: decides whether, and into what, the rows are cut.

    Raises
    ------
    Exception
        What `call` raised on the first of the slices that failed; the later ones may not have run.
    """
    slices = list(chunks(z))
    n = threads() if z.size * z.dtype.itemsize >= LEAST and is_host(array_namespace(z)) else 1
    if n == 1 or not _pass.acquire(blocking=False):
        for rows in slices:
            call(rows)
        return
    try:
        _share(call, slices, _helpers.ready(n)[:len(slices)])
    finally:
        _pass.release()


def threads():
    """Threads that a pass may use: what the BLAS was told, and at the most the CPUs there are."""
    told = next((os.environ[name] for name in VARIABLES if os.environ.get(name)), "")
    told, cpus = told.split(",")[0].strip(), len(_cpus())
    return min(int(told), cpus) if told.isdecimal() and int(told) else cpus


def _cpus():
    """The CPUs that this thread may run on; None each where the system does not say which."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return [None] * (os.cpu_count() or 1)


def _share(call, slices, helpers):
    """The slices, in turn to whoever is free: the helpers and the caller."""
    left, errors, begun = deque(slices), [], []
    settings: Any = {"call": np.geterrcall(), **np.geterr()}    # of the caller, for every thread

    def work(helper=None):
        begun.append(helper)                            # before it looks what is left: see below
        with np.errstate(**settings):
            while left:
                try:
                    rows = left.popleft()
                except IndexError:                      # another thread was faster
                    return
                try:
                    call(rows)
                except Exception as error:
                    left.clear()
                    errors.append((rows.start, error))

    try:
        for helper in helpers:
            helper.put(partial(work, helper))
        work()
    finally:                                            # Ctrl-C, too: nobody works on, unseen
        left.clear()
        for helper in helpers:
            if helper in begun:                         # the others will find nothing left
                _wait(helper)
    if errors:
        raise min(errors, key=lambda found: found[0])[1]


def _wait(helper):
    """Return when `helper` has done what it was given; a Ctrl-C meanwhile is raised after that."""
    idle, interrupt = threading.Event(), None
    while not idle.is_set():
        try:
            helper.put(idle.set)
            idle.wait()
        except KeyboardInterrupt as error:
            interrupt = error
    if interrupt:
        raise interrupt


class _Helpers:
    """The threads that wait for work, each at a queue of its own."""

    def __init__(self):
        self.made_for, self.queues, self.threads = None, [], []

    def ready(self, n):
        """The queues of the helpers of n threads on the CPUs of the caller."""
        cpus = _cpus()
        if self.made_for != (n, cpus):
            self.end()
            self.made_for = n, cpus
            bound = cpus if n == len(cpus) and None not in cpus else [None] * (n - 1)
            try:
                for cpu in bound:
                    self._start(cpu)
            except RuntimeError:                        # the system has no more: those there are
                pass
        return self.queues

    def _start(self, cpu):
        queue: SimpleQueue = SimpleQueue()
        thread = threading.Thread(target=_serve, args=(queue, cpu), daemon=True,
                                  name="npadasoft pass")
        thread.start()
        self.queues.append(queue)
        self.threads.append(thread)

    def end(self):
        """End all of them; the next pass makes new ones."""
        for queue in self.queues:
            queue.put(None)
        for thread in self.threads:
            thread.join()
        self.made_for, self.queues, self.threads = None, [], []


def _serve(queue, cpu):
    """A helper: call what comes, on one CPU if it is told which, until None comes."""
    if cpu is not None:
        try:
            os.sched_setaffinity(0, {cpu})              # of this thread alone
        except OSError:                                 # taken from us meanwhile: then unbound
            pass
    for work in iter(queue.get, None):
        work()
        del work                                        # and with it the arrays that it works on


_helpers, _pass = _Helpers(), threading.Lock()      # the lock is held while a pass has helpers
_held = False                                       # by a fork


def _end():
    """No pass, and no helper: before a fork, which would leave the child locks and no threads."""
    global _held
    _held = _pass.acquire(timeout=PATIENCE)
    if _held:
        _helpers.end()


def _go_on():
    if _held:
        _pass.release()


def _anew():
    """In the child."""
    global _helpers, _pass
    _helpers, _pass = _Helpers(), threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_end, after_in_parent=_go_on, after_in_child=_anew)
atexit.register(_end)

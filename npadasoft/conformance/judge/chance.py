"""Whether answers hang on chance: what one process was asked is asked of another, in this order.

A port that forgets all when it ends answers it the second time as it did the first, whatever it
keeps of one request for the next.  One that draws random numbers, reads memory that nobody has
written, or lets threads race does not.  A sum of threads whose order changes is none of these: two
answers are alike where each may be a rounding of what the other is.
"""
import time

import numpy as np

from npadasoft.conformance.judge.compare import blocks, bounds, terms, values
from npadasoft.conformance.judge.plan import requests_of
from npadasoft.conformance.wire.messages import is_integer
from npadasoft.conformance.wire.process import Fault


def by_chance(port, asked, echoes, end):
    """Whether a fresh process gives other answers to what another one was asked.

    Parameters
    ----------
    port : object
        As `Session` has it.
    asked : sequence of (Result, answers)
        All that a process was asked, from its start.
    echoes : sequence of Result
        Of the self-tests of numbers that came before these.
    end : float
        When, by `time.monotonic`, no more is asked.
    """
    port.restart()
    try:
        for echo in echoes:
            port.echo(echo.dtype, list(echo.sent))
    except Fault:
        return False
    for r, answers in asked:
        requests, _ = requests_of(r.case, r.dtype, port.info)
        try:
            found = {request.op: port.run(request) for request in requests}
        except Fault:                       # of how it ends `ends` has more to say
            return False
        if not alike(r.case, r.dtype, found, answers):
            return True
        if time.monotonic() > end:
            return False
    return False


def alike(case, dtype, answers, before):
    """Whether answers (operation -> Answer) are the same, but for rounding."""
    return answers.keys() == before.keys() and all(
        a.error == before[op].error and a.skipped == before[op].skipped
        and a.shapes == before[op].shapes and a.results.keys() == before[op].results.keys()
        and all(_near(case, dtype, name, x, before[op].results[name])
                for name, x in a.results.items()) for op, a in answers.items())


def _near(case, dtype, name, one, other):
    """Whether two arrays differ by rounding alone: each number by its bound, and by what the
    largest bound is in numbers of its size.
    """
    if np.array_equal(one, other, equal_nan=True):
        return True
    block: dict = next((b[name] for b in blocks(case) if name in b), {})
    if "data" not in block or is_integer(name) or np.shape(one) != np.shape(other):
        return False
    one, other = (a.ravel()[block["at"]] if "at" in block else a for a in (one, other))
    want, some = values(block), {k: v for k, v in block.items() if k != "exact_bits"}
    bound = bounds(some, want, dtype, terms(case))
    largest = np.abs(want[np.isfinite(want)]).max(initial=0.0)
    with np.errstate(invalid="ignore", over="ignore"):
        share = bound[np.isfinite(bound)].max(initial=0.0) / largest if largest else 0.0
        gap, size = np.abs(one - other), np.maximum(np.abs(one), np.abs(other))
        near = np.isfinite(size) & (gap <= 2 * (bound + share * size))
    return bool((near | (one == other) | (np.isnan(one) & np.isnan(other))).all())

"""Mistakes of state: the whole run is put to each of them again, in the order of the port's.

What an earlier request left depends on all that was asked before, so that no case tells it alone.
A mistake that answers a case wrongly which the port answered rightly is not the port's: most are
given up after a few cases.
"""
import numpy as np

from npadasoft.conformance.judge.plan import repeated
from npadasoft.conformance.mistakes.candidates import candidates_of, contents
from npadasoft.conformance.mistakes.diagnosis import given
from npadasoft.conformance.mistakes.known import MISTAKES
from npadasoft.conformance.mistakes.planted import Planted

SHARE = 1 / 3           # of the answers that a mistake changes it gives at least so many


def name_state(results, failing):
    """Names for what the state that an earlier request left explains.

    Parameters
    ----------
    results : sequence of Result
        Of the whole run, in the order in which the cases were asked.
    failing : sequence of Failing

    Returns
    -------
    dict
        (Failing, operation) -> names: of the mistake that explains most, and those that explain
        the same.
    """
    of = {id(f.result): f for f in failing}
    given_by: dict = {}                     # what the port gave, the same for each mistake
    found = {name: _explained(mistake, results, of, given_by)
             for name, mistake in MISTAKES.items() if mistake.state}
    most: set = max(found.values(), key=len, default=set())
    return dict.fromkeys(most, [n for n, units in found.items() if units == most])


def _explained(mistake, results, of, given_by):
    """The (Failing, operation) that a mistake explains; none where an answer contradicts it."""
    explained: set = set()
    changed = 0
    for r, op, mine in _in_turn(mistake, results):
        f = of.get(id(r))
        if id(r) not in given_by:
            given_by[id(r)] = f.found if f else given(r.case, r.dtype, {
                op: contents(answer) for op, answer in r.answers.items() if not answer.skipped})
        found = given_by[id(r)]
        if op not in found:
            continue
        agrees = found[op].agrees(mine)
        if f and op in f.wrong:
            differs = not _same(mine, f.there.right[op])
            changed += differs
            explained |= {(f, op)} if agrees and differs else set()
        elif agrees is False:
            return set()
    return explained if len(explained) >= SHARE * changed else set()


def _in_turn(mistake, results):
    """(Result, operation, name -> array) of all that was asked, in that order."""
    port = Planted(mistake.layer_class)
    for dtype in dict.fromkeys(r.dtype for r in results):
        mine = [r for r in results if r.dtype == dtype and r.answers]
        twice = {case["id"] for case in repeated([r.case for r in mine])}
        for r, again in [*((r, False) for r in mine), *((r, True) for r in mine if r.id in twice)]:
            for op, mine in _answers(port, r, mistake.layer_class):
                if r.again == again:
                    yield r, op, mine
            if r.verdict in ("crashed", "timeout"):
                port.restart()


def _answers(port, result, layer_class):
    announced = (result.info or port.info).ops
    there = candidates_of(result.case, result.dtype)
    for op, request in there.requests.items():
        if op in announced:
            asked = there.touches(layer_class, op)
            yield op, contents(port.run(request)) if asked else there.right[op]


def _same(mine, right):
    return mine is not None and right is not None and all(
        np.array_equal(mine[name], right[name], equal_nan=True) for name in mine)

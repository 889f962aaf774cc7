"""Which few cases, asked in a fresh process, show again what an earlier request left.

The line `reproduce:` names them.  Tried are the cases that are likely to have left it, each with
the one that failed, in its dtype and in all; then all that was asked before it, halved as long as
a half shows it, too.
"""
import time

from npadasoft.conformance.judge.plan import (in_order, repeated, representable, requests_of,
                                              wanted)
from npadasoft.conformance.judge.verdict import BAD, judge
from npadasoft.conformance.wire.process import Fault

AGAIN = 3               # first, and last, earlier cases that are tried
MANY = 6                # more than these are no shorter to ask than all
SIZES = ("in_features", "n_classes", "cutoffs", "div_value")    # of a configuration: no flags


def shown_by(port, cases, results, dtypes, result, end):
    """(ids, dtypes) of which a run in a fresh process shows a failure again; () if none was found.

    Parameters
    ----------
    port, cases, results, dtypes
        As `State` has them.
    result : Result
        One of `results`, which fails there and passes in a fresh process.
    end : float
        When, by `time.monotonic`, no more is tried.
    """
    here = list(dict.fromkeys(r.id for r in results if r.dtype == result.dtype
                              and r.case["config"] and r.answers))
    before = here if result.again else here[:here.index(result.id)]
    one = (result.dtype,)

    def shows(ids, these=one):
        chosen = [case for case in cases if case["id"] in {*ids, result.id}]
        if not _fails(port, chosen, these, result):
            return ()
        return tuple(case["id"] for case in chosen), tuple(these)

    def shortest(ids, these=one):
        found = shows(ids, these)
        return _halved(ids, shows, end, these) if found and len(ids) > 1 else found

    likely = [(id,) for id in _likely(before, cases, result.case)]
    flagged = _flagged(before, cases, result.case)
    tries = [(ids, one) for ids in [*likely[:2], (), *flagged[:1]]]
    if result.dtype != dtypes[0]:
        every = [r.id for r in results if r.case["config"] and r.answers]
        tries += [(ids, tuple(dtypes)) for ids in [(), *_flagged(every, cases, result.case)]]
    tries += [(ids, one) for ids in [*flagged[1:], *likely[2:]]]
    for n, (ids, these) in enumerate(dict.fromkeys(tries)):
        if n and time.monotonic() > end:
            return ()
        if found := shortest(ids, these):
            return found
    return _halved(before, shows, end, one)


def _likely(before, cases, case):
    """Ids of earlier cases: the last and the first, those of like weights and of the same kind."""
    of = {c["id"]: c for c in cases}
    mine = _tensors(case)
    alike = sorted(before, key=lambda id: -len(mine & _tensors(of[id])))
    kin = [next((id for id in before if op in wanted(of[id])), None) for op in wanted(case)]
    found = [*before[-1:], *before[:1], *alike[:AGAIN], *kin,
             *before[-AGAIN:][::-1], *before[:AGAIN]]
    return [id for id in dict.fromkeys(found) if id not in (None, case["id"])]


def _flagged(before, cases, case):
    """The last cases that have a flag otherwise than `case`, or lack it: all, then each alone."""
    of, mine = {c["id"]: c["config"] for c in cases}, case["config"]
    flags = dict.fromkeys(key for id in before for key in of[id] if key not in SIZES)
    last = {(key, key in of[id]): id for key in flags for id in before
            if of[id].get(key) != mine.get(key)}
    ids = tuple(dict.fromkeys(last.values()))
    return [ids, *((id,) for id in ids)]


def _tensors(case):
    """(name, shape) of all that a request on a case holds."""
    return {(name, *tensor["shape"]) for group in ("params", "inputs", "cotangents")
            for name, tensor in case.get(group, {}).items()}


def _halved(ids, shows, end, dtypes):
    """The shortest list found by halving one that shows it; () if it is not short."""
    best = ()
    while ids and time.monotonic() < end:
        half = len(ids) // 2
        for part in (ids[half:], ids[:half]):
            if part and (found := shows(part, dtypes)):
                best, ids = found, part
                break
        else:
            break
        if len(ids) == 1:
            break
    return best if best and len(best[0]) <= MANY else ()


def _fails(port, cases, dtypes, result):
    """Whether a run of few cases, in a process of its own, fails one of them in its dtype."""
    port.restart()
    for dtype in dtypes:
        fitting = [case for case in in_order(cases) if representable(case, dtype)]
        for case in fitting + repeated(fitting):
            verdict = _verdict(port, case, dtype)
            if (case["id"], dtype) == (result.id, result.dtype) and verdict in BAD:
                return True
    return False


def _verdict(port, case, dtype):
    requests, lacking = requests_of(case, dtype, port.info)
    try:
        answers = {request.op: port.run(request) for request in requests}
    except Fault as fault:
        port.restart()
        return fault.verdict
    return judge(case, dtype, answers, lacking).verdict

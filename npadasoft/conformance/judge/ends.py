"""A process that ended after many requests: after how many, where a fresh one goes on.

A port may leave after fifty requests, or be killed when all that it keeps no longer fits into
memory: the case that is asked then is not the one that is wrong.
"""
from npadasoft.conformance.judge.causes import TEXT
from npadasoft.conformance.judge.general import general
from npadasoft.conformance.wire.process import LONG

ALL_ALIKE = 3           # processes that end after as many requests each, which is no chance


def judge_ends(results):
    """Write into results whose process ended after how many requests it did."""
    if any(r.state and not r.chance and r.verdict != "crashed" for r in results):   # one cause
        for r in results:
            if r.state and r.verdict == "crashed":
                r.message, r.ended_after = f"{TEXT} ({r.message})", None
        return
    for group in _groups(results):
        counts = {r.ended_after for r in group}
        fresh = any(r.state for r in group)
        if not fresh and (len(group) < ALL_ALIKE or len(counts) > 1):
            continue
        times = f"{min(counts)} to {max(counts)}" if len(counts) > 1 else f"{min(counts)}"
        text = (f"{', each time' * (len(counts) == 1 < len(group))} after {times} "
                f"request{'s' * (max(counts) > 1)} in one process")
        for r in group:
            how = r.message.partition(LONG)[0] if r.state else r.message    # it reads long lines
            r.message = how + text + ": the case passes in a fresh one" * r.state


def ends_by_number(result, results):
    """Whether processes end after about as many requests each, so that no few show it again."""
    group = next((g for g in _groups(results) if any(r is result for r in g)), ())
    counts = [r.ended_after for r in group]
    return len(counts) > 1 and 2 * min(counts) > max(counts)


def _groups(results):
    """Results whose process ended in the same way after some requests."""
    found: dict = {}
    for r in results:
        if r.verdict == "crashed" and r.ended_after:
            how = r.message.partition(LONG)[0].partition(": ")[2]
            found.setdefault((r.state, general(how)), []).append(r)
    return list(found.values())

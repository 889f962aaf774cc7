"""What a run comes to: how many of each verdict, what was not asked or expected, and the status."""
from collections import Counter

from npadasoft.conformance.judge.compare import blocks
from npadasoft.conformance.judge.verdict import (BAD, NO_ANSWER, NOT_ASKED, VERDICTS,
                                                 deciding, exit_status, worst_ratio)
from npadasoft.conformance.wire.messages import matches

TIERS = ("required", "quality", "excellence", "extensions", "linear")
LINKS = 6               # of expected failures that are shown
_STATUS = {0: "every required case passed", 1: "NOT conformant",
           3: "the required cases that ran passed, but some did not run in full"}


def summary(results):
    """{tier: {dtype: {verdict: number of cases}}}."""
    table: dict[str, dict] = {tier: {} for tier in TIERS}
    for result in results:
        table[result.tier].setdefault(result.dtype, Counter())[result.verdict] += 1
    return {tier: {dtype: {v: counts[v] for v in VERDICTS if counts[v]}
                   for dtype, counts in row.items()}
            for tier, row in table.items()}


def conclusion(results, trace=()):
    """The last lines: how many of each verdict, and what follows.

    Parameters
    ----------
    results : list of Result
    trace : sequence of str
        Patterns of the intermediate tensors that the port announced.

    Returns
    -------
    str
    """
    lines = []
    for tier, row in summary(results).items():
        for dtype, counts in row.items():
            shown = ", ".join(f"{n} {verdict}" for verdict, n in counts.items())
            lines.append(f"{tier:<11} {dtype:<9} {shown}")
    ratio = worst_ratio(results)
    if ratio is not None:
        lines.append(f"largest error among what passed: {ratio:.3g} of its bound")
    lacking = Counter(op for op, _ in dict.fromkeys(
        (op, r.id) for r in results for op in r.lacking))
    lines += [f"not announced by the port: {op}, {n} times skipped" for op, n in lacking.items()]
    skipped = Counter(reason for reason, _ in dict.fromkeys(
        (r.skipped, r.id) for r in results if r.skipped and not r.lacking
        and r.skipped != NO_ANSWER))            # that is a cause of the summary
    lines += [f"{'' if reason.startswith(NOT_ASKED) else 'skipped by the port: '}"
              f"{n} case{'s' * (n > 1)}, {reason}" for reason, n in skipped.items()]
    lines += _unseen_trace(results, trace) if not given_up(results) else []
    notes = sum(len(r.notes) for r in results)
    lines += [f"{notes} note{'s' * (notes > 1)} (--all lists them)"] if notes else []
    lines += _expected(results)
    begin = Counter(name for r in results for name in r.origins)
    if begin:
        first = ", ".join(f"{name} ({n})" for name, n in begin.most_common(6))
        lines.append(f"divergences begin at: {first}{', ...' * (len(begin) > 6)}")
    return "\n".join([*lines, *_beside(results), last_line(results)])


def _expected(results):
    """What was expected to fail: as it did, by the link of its line; and what did not."""
    known: dict = {}
    for r in results:
        if r.expected_fail and not r.counts:
            known.setdefault(r.expected_why, []).append(r.id)
    for why, ids in list(known.items())[:LINKS]:
        yield f"failed as expected{_listed(list(dict.fromkeys(ids)))}{f' ({why})' if why else ''}"
    if len(known) > LINKS:
        yield f"failed as expected, with {len(known) - LINKS} more links"
    surprises = sorted({r.id for r in results if r.expected_fail and r.counts})
    if surprises:
        yield f"expected to fail, but did not: {', '.join(surprises)}"


def given_up(results):
    """The cases that were not asked, because the port had failed too often."""
    return [r for r in results if (r.skipped or "").startswith(NOT_ASKED)]


def _unseen_trace(results, trace):
    """What was announced and never came: a name that is misspelt, or was forgotten."""
    stored = {name for r in results for block in _blocks(r.case) for name in block}
    came = {name for r in results for name in r.comparisons}
    for pattern in trace:
        due = {name for name in stored if matches(pattern, name)}
        if not due & came:
            yield f"announced, but never shown: {pattern}" + (
                "" if due else ", and no case that was put has such a tensor")


def _blocks(case):
    return blocks(case) if case["result"] == "valid" else []


def last_line(results):
    decide, status = deciding(results), exit_status(results)
    failed = _failed([r for r in results if r.verdict in BAD], decide)
    text = _STATUS[status]
    if status == 1 and not failed:
        failed = _failed(results, decide)
        text = "no required case fails, but some were expected to"
    number_of = f", {len(failed)} required cases" if len(failed) > 8 else ""
    return text + number_of + _listed(failed)


def _beside(results):
    decide = deciding(results)
    others = [f"{len(ids)} of tier {tier}" for tier in TIERS
              if tier not in decide and (ids := _failed(results, (tier,)))]
    return [f"not required, and failed: {', '.join(others)}"] if others else []


def _failed(results, tiers):
    return list(dict.fromkeys(r.id for r in results if r.counts and r.tier in tiers))


def _listed(ids):
    return f": {', '.join(ids[:8])}{', ...' * (len(ids) > 8)}" if ids else ""

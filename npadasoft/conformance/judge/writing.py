"""How a port writes its numbers: one that rounds right numbers is told so, whatever the case.

A double needs 17 significant digits, a float32 nine.  That fewer are written shows where every
number that is wrong is a right one, rounded or cut to n digits or n decimals, and no number of the
whole run has as many as are needed.
"""
from collections import Counter

import numpy as np

from npadasoft.conformance.judge.compare import blocks, judged_elements, stored, terms
from npadasoft.conformance.wire.messages import is_integer

NEEDED = {"float64": 17, "float32": 9}
LEAST = 3               # digits or decimals; with fewer of them much would be right


def judge_writing(results):
    """Write into each result that a rounding explains what is wrong with the port's numbers."""
    for dtype, needed in NEEDED.items():
        mine = [r for r in results if r.dtype == dtype and r.answers]
        failing = [r for r in mine if r.verdict == "fail" and not r.state and not any(
            c.message for c in r.comparisons.values())]
        if not failing:
            continue
        digits, decimals = longest(mine, needed)
        explained: list = []
        for form in _forms(digits, decimals, needed):
            found = [r for r in failing if _explains(form, r)]
            if len(found) > len(explained):
                what, n, how = form
                text = f"your numbers are {how} {n} {what}: {dtype} needs {needed} " \
                       "significant digits"
                explained = found
            if len(explained) == len(failing):
                break
        for r in explained:
            r.rounding = text


def longest(results, enough):
    """How often each number of significant digits, and of decimals, is answered: two Counters.

    Reading stops where both are `enough`, the decimals a few more.
    """
    digits: Counter = Counter({0: 0})
    decimals: Counter = Counter({0: 0})
    for r in results:
        for answer in r.answers.values():
            for name, array in answer.results.items():
                for v in () if is_integer(name) else array.ravel().tolist():
                    n, d = lengths(v)
                    digits[n] += 1
                    decimals[d] += 1
                    if n >= enough and max(decimals) > enough:
                        return digits, decimals
    return digits, decimals


def _forms(digits, decimals, needed):
    """(what, how many, how) of each way to write that no number denies, the likely ones first.

    As many as the longest number has; then cut to as many; then as many as most numbers have: some
    writers give more digits to large numbers, or more decimals to small ones.
    """
    counts = {what: c for what, c in (("decimals", decimals), ("digits", digits))
              if max(c) < needed or what == "decimals" and max(digits) < needed}
    longest = [(what, max(c)) for what, c in counts.items() if LEAST <= max(c) < needed]
    usual = [(what, n) for what, c in reversed(counts.items())
             if LEAST <= (n := c.most_common(1)[0][0]) < min(max(c), needed)]
    return [(*form, "written with") for form in longest] + [
        (*form, "cut to") for form in longest] + [(*form, "written with") for form in usual]


def lengths(value):
    """(significant digits, decimals) of the shortest text of a number.

    Examples
    --------
    >>> lengths(-0.386719), lengths(1200.0), lengths(2.5e-9), lengths(float("nan"))
    ((6, 6), (2, 0), (2, 10), (0, 0))
    """
    text, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = text.partition(".")
    if not whole.isdigit():
        return 0, 0
    fraction = fraction.rstrip("0")
    digits = len((whole + fraction).strip("0"))
    return digits, max(len(fraction) - int(exponent or 0), 0)


def _explains(form, result):
    """Whether all that is wrong is within its bound and what so many digits or decimals leave."""
    what, n, how = form
    part = 1.0 if how == "cut to" else 0.5
    return _all(result, lambda want: part * (np.full(want.shape, 10.0 ** -n) if what == "decimals"
                                             else _unit(want, n)))


def _unit(want, digits):
    """One in the last of so many digits."""
    with np.errstate(divide="ignore"):
        lead = np.floor(np.log10(np.abs(want) * (1 + 1e-15)))
    lead = np.where(np.isfinite(lead), lead, 0)
    return 10.0 ** (lead + 1 - digits)


def _all(result, lost):
    """Whether all that is wrong is within its bound and what is lost of what is right."""
    got = {n: a for answer in result.answers.values() for n, a in answer.results.items()}
    names = result.differing or [law.tensor for law in result.broken_laws] or [
        s.tensor for s in result.statistics if s.wrong]     # no number is wrong, all together are
    loose = "NonFinite" in result.case["flags"]
    for name in names:
        block: dict = next((b[name] for b in blocks(result.case) if name in b), {})
        if "data" not in block or is_integer(name):
            return False
        due = stored(block, result.dtype, terms(result.case))
        mine = got[name].ravel()[block["at"]] if "at" in block else got[name]
        with np.errstate(invalid="ignore"):
            size = np.abs(due.want)
            due = due.widened(1.01 * lost(due.want) + np.spacing(size) / 2 + (
                2.0 ** -24 * size * (result.dtype == "float32")))
        if judged_elements(mine, due, loose)[0].any():
            return False
    return bool(names)

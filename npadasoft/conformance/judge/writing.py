"""How a port writes its numbers: one that rounds right numbers is told so, whatever the case.

A double needs 17 significant digits, a float32 nine.  That fewer are written shows where every
number that is wrong is a right one, rounded or cut to n digits or n decimals, and no number of the
whole run has as many as are needed.  Whether float32 numbers out of a float64 port are written so
or computed so no result shows; the self-test of numbers does, where nothing is computed.
"""
from collections import Counter
from typing import NamedTuple

import numpy as np

from npadasoft.conformance.judge.compare import judged_anew, stored, terms
from npadasoft.conformance.judge.numbers import round_to, tiny, unit
from npadasoft.conformance.judge.verdict import tensors
from npadasoft.conformance.wire.messages import is_integer

NEEDED = {"float64": 17, "float32": 9}
READ = "read rightly"   # begins the message of a self-test whose bits are right
LEAST = 3               # digits or decimals; with fewer of them much would be right


class Form(NamedTuple):
    """A way to write numbers."""

    what: str           # decimals, digits, or float32
    n: int = 0
    how: str = "written with"       # or "cut to"

    def text(self, dtype):
        """What is said of it."""
        how = "written as float32" if self == SINGLE else f"{self.how} {self.n} {self.what}"
        return f"your numbers are {how}: {dtype} needs {NEEDED[dtype]} significant digits"

    def lost(self, want):
        """How far a number is from what is written of it, at most."""
        if self == SINGLE:
            return unit("float32") * np.abs(want) + tiny("float32") / 2
        part = 1.0 if self.how == "cut to" else 0.5
        return part * (np.full(np.shape(want), 10.0 ** -self.n) if self.what == "decimals"
                       else _unit(want, self.n))


SINGLE = Form("float32")


def form_of(want, got, dtype):
    """The `Form` in which a port wrote numbers that it had read rightly; None if in no known one.

    Examples
    --------
    >>> form_of([0.30000000000000004, 2e20 / 3], [0.3, 6.66666666666667e19], "float64")
    Form(what='digits', n=15, how='written with')
    >>> form_of([0.1], [0.10000000149011612], "float64")
    Form(what='float32', n=0, how='written with')
    """
    want, got = np.array(want, float), np.array(got, float)
    if dtype == "float64" and np.array_equal(round_to(want, "float32"), got, equal_nan=True):
        return SINGLE
    finite = np.isfinite(want)
    if not np.array_equal(want[~finite], got[~finite], equal_nan=True):
        return None
    want, got = want[finite], got[finite]
    counted = Counter({0: 0}), Counter({0: 0})
    for counts, found in zip(counted, zip(*map(lengths, got.tolist()))):
        counts.update(found)
    near = (form for form in _forms(*counted, NEEDED[dtype]) if _within(got, want, form))
    return next(near, None)


def _within(got, want, form):
    """Whether numbers differ by no more than is lost of them; the largest may be rounded to inf."""
    with np.errstate(over="ignore", invalid="ignore"):
        due = 1.01 * form.lost(want) + np.spacing(np.abs(want)) / 2
        return bool(((np.abs(got - want) <= due) | ~np.isfinite(np.abs(want) + due)).all())


def judge_writing(results, echoes=()):
    """Write into each result that a rounding explains what is wrong with the port's numbers.

    `echoes` are the verdicts on how it reads and writes numbers, one a dtype, where it was asked.
    """
    told = {echo.dtype: echo.rounding for echo in echoes}
    for dtype, needed in NEEDED.items():
        mine = [r for r in results if r.dtype == dtype and r.answers]
        failing = [r for r in mine if r.verdict == "fail" and not r.state and not any(
            c.message for c in r.comparisons.values())]
        if not failing:
            continue
        digits, decimals = longest(mine, needed)
        explained: list = []
        single = [SINGLE] * (told.get(dtype) == SINGLE.text(dtype))
        for form in single + _forms(digits, decimals, needed):
            found = [r for r in failing if _all(r, form.lost)]
            if len(found) > len(explained) and _cut_short(found, form, needed):
                text, explained = form.text(dtype), found
            if len(explained) == len(failing):
                break
        for r in explained:
            r.rounding = text
    for echo in echoes:         # of numbers that came back only, results say which way spoilt them
        if echo.rounding and not (echo.message or "").startswith(READ) and not any(
                r.rounding == echo.rounding for r in results):
            echo.rounding = None


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
    """The `Form` of each way to write that no number denies, the likely ones first.

    As many as the longest number has; then cut to as many; then as many as most numbers have; then
    all others: some writers give more digits to large numbers, or more decimals to small ones, and
    R's `format` as many decimals to a whole vector as one of its numbers needs.
    """
    counts = {what: c for what, c in (("decimals", decimals), ("digits", digits))
              if max(c) < needed or what == "decimals" and max(digits) < needed}
    longest = [(what, max(c)) for what, c in counts.items() if LEAST <= max(c) < needed]
    usual = [(what, n) for what, c in reversed(counts.items())
             if LEAST <= (n := c.most_common(1)[0][0]) < min(max(c), needed)]
    others = [(what, n) for what, c in reversed(counts.items())
              for n in range(min(max(c), needed) - 1, LEAST - 1, -1) if (what, n) not in usual]
    return [Form(*form, how) for how in ("written with", "cut to") for form in longest] + [
        Form(*form) for form in usual + others]


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


def _unit(want, digits):
    """One in the last of so many digits."""
    with np.errstate(divide="ignore"):
        lead = np.floor(np.log10(np.abs(want) * (1 + 1e-15)))
    lead = np.where(np.isfinite(lead), lead, 0)
    return 10.0 ** (lead + 1 - digits)


def _cut_short(results, form, needed):
    """Whether most numbers that are wrong are shorter than nearly all that are written in full."""
    if form == SINGLE or form.n >= needed - 1:
        return True
    wrong = [lengths(v)[0] for r in results for name, a in tensors(r.answers).items()
             if name in r.differing for v in a.ravel().tolist()]
    return sum(n < needed - 1 for n in wrong) >= len(wrong) / 2


def _all(result, lost):
    """Whether all that is wrong is within its bound and what is lost of what is right."""
    def due_of(block):
        due = stored(block, result.dtype, terms(result.case))
        with np.errstate(invalid="ignore"):
            size = np.abs(due.want)
            return due.widened(1.01 * lost(due.want) + np.spacing(size) / 2 + (
                2.0 ** -24 * size * (result.dtype == "float32")))
    got = tensors(result.answers)
    names = result.differing or [law.tensor for law in result.broken_laws] or [
        s.tensor for s in result.statistics if s.wrong]     # no number is wrong, all together are
    for name in names:
        judged = judged_anew(result.case, name, got[name], due_of)
        if judged is None or is_integer(name) or judged[0].any():
            return False
    return bool(names)

"""How a port writes its numbers: one that rounds right numbers is told so, whatever the case.

A double needs 17 significant digits, a float32 nine.  That fewer are written shows where every
number that is wrong is a right one, rounded to n digits or n decimals, and no number of the whole
run has more.
"""
import numpy as np

from npadasoft.conformance.judge.compare import blocks, stored, terms
from npadasoft.conformance.judge.verdict import BAD
from npadasoft.conformance.wire.messages import is_integer

NEEDED = {"float64": 17, "float32": 9}


def judge_writing(results):
    """Write into each result that a rounding explains what is wrong with the port's numbers."""
    for dtype, needed in NEEDED.items():
        mine = [r for r in results if r.dtype == dtype and r.answers]
        if not any(r.verdict in BAD for r in mine):
            continue
        digits, decimals = longest(mine, needed)
        for r in mine:
            if r.verdict == "fail" and not r.state:
                form = _form(r, digits, decimals, needed)
                r.rounding = form and (f"your numbers are written with {form}: {dtype} needs "
                                       f"{needed} significant digits")


def longest(results, enough):
    """The most significant digits, and the most decimals, of any number that was answered.

    Reading stops where both are `enough`, the decimals a few more.
    """
    digits = decimals = 0
    for r in results:
        for answer in r.answers.values():
            for name, array in answer.results.items():
                for v in () if is_integer(name) else array.ravel().tolist():
                    n, d = lengths(v)
                    digits, decimals = max(digits, n), max(decimals, d)
                    if digits >= enough and decimals > enough:
                        return digits, decimals
    return digits, decimals


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


def _form(result, digits, decimals, needed):
    """How the numbers of a result are rounded, in words; None if that does not explain it."""
    if any(c.message for c in result.comparisons.values()):
        return None
    place = 0.5 * 10.0 ** -decimals
    if decimals < needed and _all(result, lambda want: np.full(want.shape, place)):
        return f"{decimals} decimals"
    if digits < needed and _all(result, lambda want: _half(want, digits)):
        return f"{digits} digits"
    return None


def _half(want, digits):
    """Half a unit in the last of so many digits."""
    with np.errstate(divide="ignore"):
        lead = np.floor(np.log10(np.abs(want) * (1 + 1e-15)))
    lead = np.where(np.isfinite(lead), lead, 0)
    return 0.5 * 10.0 ** (lead + 1 - digits)


def _all(result, half):
    """Whether all that is wrong is within its bound and half a unit of what is right."""
    got = {n: a for answer in result.answers.values() for n, a in answer.results.items()}
    names = result.differing or [law.tensor for law in result.broken_laws]
    for name in names:
        block: dict = next((b[name] for b in blocks(result.case) if name in b), {})
        if "data" not in block or is_integer(name):
            return False
        want, bound = stored(block, result.dtype, terms(result.case))
        mine = got[name].ravel()[block["at"]] if "at" in block else got[name]
        with np.errstate(invalid="ignore"):
            gap = np.abs(mine - want)
            near = gap <= bound + 1.01 * half(want) + np.spacing(np.abs(want)) / 2 + (
                2.0 ** -24 * np.abs(want) * (result.dtype == "float32"))
        if not (near | (mine == want) | (np.isnan(mine) & np.isnan(want))).all():
            return False
    return bool(names)

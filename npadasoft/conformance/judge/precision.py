"""Numbers that are wrong in the announced precision, and right in a lower one: one cause.

What is computed in float32 on its way to a float64 differs nearly everywhere, and begins to differ
wherever it is computed.  Each of its numbers is within the bound that a layer in float32 has.
"""
import numpy as np

from npadasoft.conformance.judge.compare import blocks, judged_elements, stored, terms
from npadasoft.conformance.judge.laws import check_laws
from npadasoft.conformance.judge.verdict import tensors

LOWER = {"float64": ("float32", "float16", "bfloat16"), "float32": ("float16", "bfloat16")}
AS_COARSE = {"float16": " (or TF32, which is as coarse)"}
SHARE = 1 / 2           # of the failures without another cause that it must explain


def judge_precision(results):
    """Write into each result that is right to a lower precision which one that is.

    Parameters
    ----------
    results : sequence of Result
        Of one run, named already.  A mistake's name says more, but for one that explains a few of
        them alone: what is rounded so looks here and there like another mistake.
    """
    for dtype, lower in LOWER.items():
        failing = [r for r in results if r.dtype == dtype and r.verdict == "fail"
                   and r.comparisons and not (r.rounding or r.state or r.constant)]
        for coarse in lower:
            right = {id(r) for r in failing if _right_in(coarse, r)}
            without = [r for r in failing if not r.mistakes]
            found = [r for r in without if id(r) in right]
            if found and len(found) >= SHARE * len(without):
                for name in {name for r in failing for name in r.mistakes}:
                    mine = [r for r in failing if name in r.mistakes]
                    if len(mine) < len(found) and {id(r) for r in mine} <= right:
                        found += [r for r in mine if r not in found]
                for r in found:
                    r.rounding, r.mistakes, r.named = text(coarse), [], {}
                break


def text(coarse):
    """What is said of it."""
    return (f"your numbers are right to the precision of {coarse}{AS_COARSE.get(coarse, '')} "
            "alone: something is computed or kept in that, or approximated")


def _right_in(dtype, result):
    """Whether all that is wrong is within the bound that a lower precision has."""
    case, got = result.case, tensors(result.answers)
    loose = "NonFinite" in case["flags"]
    for name in result.differing:
        block: dict = next((b[name] for b in blocks(case) if name in b), {})
        if result.comparisons[name].message or "data" not in block:
            return False
        mine = got[name].ravel()[block["at"]] if "at" in block else got[name]
        if judged_elements(mine, stored(block, dtype, terms(case)), loose)[0].any():
            return False
    with np.errstate(all="ignore"):
        return bool(result.differing or result.broken_laws) and not check_laws(case, dtype, got)

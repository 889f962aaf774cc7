"""Numbers that are wrong in float64 and right in float32: one cause.

What is computed in float32 on its way to a float64 differs nearly everywhere, and begins to differ
wherever it is computed.  Each of its numbers is within the bound that a layer in float32 has, and
the farthest is not far below it.  (Of coarser precisions this says nothing: another formula may be
as near.)
"""
import numpy as np

from npadasoft.conformance.judge.compare import judged_anew, stored, terms
from npadasoft.conformance.judge.laws import check_laws
from npadasoft.conformance.judge.verdict import tensors

SINGLE = ("your numbers are right to the precision of float32 alone: something is computed or "
          "kept in that, or approximated")
SHARE = 1 / 2           # of all failures in float64 that it must explain
LEAST = 3               # cases: in one or two of them what is right may be as near
FARTHEST = 1 / 100      # of a bound in float32: one rounding alone reaches it, bounds hold dozens


def judge_precision(results):
    """Write into each result in float64 that is right to float32's precision that it is.

    Parameters
    ----------
    results : sequence of Result
        Of one run, named already.  A mistake's name says more, but for one that explains a few of
        them alone: what is rounded so looks here and there like another mistake.
    """
    failing = [r for r in results if r.dtype == "float64" and r.verdict == "fail"
               and r.comparisons and not (r.rounding or r.state or r.constant)]
    far = {id(r): _farthest(r) for r in failing}
    found = [r for r in failing if not r.mistakes and far[id(r)] <= 1]
    if len(found) < max(SHARE * len(failing), LEAST) or max(far[id(r)] for r in found) < FARTHEST:
        return
    for name in {name for r in failing for name in r.mistakes}:
        mine = [r for r in failing if name in r.mistakes]
        if len(mine) < len(found) and all(far[id(r)] <= 1 for r in mine):
            found += [r for r in mine if r not in found]
    for r in found:
        r.rounding, r.mistakes, r.named = SINGLE, [], {}


def _farthest(result):
    """How far what is wrong is from what is right, in float32's bounds; inf where in none."""
    case, got, farthest = result.case, tensors(result.answers), 0.0
    for name in result.differing:
        judged = judged_anew(case, name, got[name], lambda b: stored(b, "float32", terms(case)))
        if judged is None or judged[0].any():
            return np.inf
        farthest = max(farthest, judged[1].max(initial=0.0))
    with np.errstate(all="ignore"):
        lawful = not check_laws(case, "float32", got)
    return farthest if lawful and (result.differing or result.broken_laws) else np.inf

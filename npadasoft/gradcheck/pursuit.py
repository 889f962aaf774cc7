"""From a probe that fails to the element that is wrong, or why none can be named."""
from dataclasses import replace

from npadasoft.gradcheck.bisection import bisect, name_element, one_element
from npadasoft.gradcheck.elements import FAIL_RATIO, judge, unravel

PURSUED = 8     # failing probes that are looked at, at most


def kink(report, numeric, p=None):
    """Call it a KINK if there is one along the probe `p`."""
    real = p and (p.real or numeric.along(p.u))
    if real and real.kink:
        report.verdict, report.left, report.right = "KINK", real.left, real.right
        report.reason = "f has two slopes along this probe"


def pursue(report, strata, found):
    """Probes failed: name a wrong element, or at least the smallest block that fails."""
    failing = sorted((p for p in found if p.ratio > FAIL_RATIO), key=lambda p: -p.ratio)
    first = None
    for p in failing[:PURSUED]:
        before = replace(report)
        _follow(report, strata, p)
        if report.verdict == "FAIL":
            return
        first = first or replace(report)
        report.__dict__.update(before.__dict__)
    report.__dict__.update(first.__dict__)


def _follow(report, strata, p):
    """Judge a failing probe; where it cannot be confirmed, the element to which it leads."""
    numeric, analytic = strata.numeric, strata.analytic
    real = p.real or numeric.along(p.u)
    if real.kink and not p.finer:
        finer = strata.finer(p)
        along = finer.real or numeric.along(finer.u)
        if finer.ratio > FAIL_RATIO and not along.kink:
            p, real = finer, along
    again = numeric.along(p.u, second=True) if p.real and not real.kink else real
    report.curve = {"of": "along a probe", "levels": real.levels, "analytic": p.analytic,
                    "numeric": p.value}
    report.verdict, report.reason = judge(numeric, again, p.value, p.error, p.analytic, p.noise,
                                          p.u)
    kink(report, numeric, p)
    block = bisect(numeric, analytic, p)
    report.worst_index = unravel(block[0], report.shape)
    if report.verdict != "FAIL" and len(block) == 1:
        _alone(report, numeric, analytic, block[0])
    if report.verdict == "FAIL" and len(block) == 1:
        name_element(report, numeric, analytic, block[0])
    elif report.verdict != "KINK":
        report.reason += f"; the smallest failing block is {len(block)} elements from there"


def _alone(report, numeric, analytic, i):
    """FAIL or KINK, if the element is one by itself."""
    real = numeric.at(i, second=numeric.method == "richardson")
    side = one_element(numeric, analytic, i)
    if real.kink:
        report.verdict, report.left, report.right = "KINK", real.left, real.right
        report.reason = "f has two slopes at this element"
        return
    found, reason = judge(numeric, real, float(side.value[0]), float(side.error[0]),
                          float(analytic.gradient.flat[i]), float(analytic.error.flat[i]),
                          numeric.only(i))
    if found == "FAIL":
        report.verdict, report.reason, report.left, report.right = found, reason, None, None

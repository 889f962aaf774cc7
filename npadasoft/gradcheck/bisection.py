"""The element to which a failing probe leads: half a block at a time, and what is around it."""
import math

import numpy as np

from npadasoft.gradcheck.analytic import SAFETY
from npadasoft.gradcheck.elements import FAIL_RATIO
from npadasoft.gradcheck.numeric import complex_slope, moved
from npadasoft.gradcheck.sides import Side, complex_error
from npadasoft.gradcheck.sizes import norm

LINE = 64               # elements of its row and column looked at around a wrong element
LINE_RICHARDSON = 16


def bisect(numeric, analytic, top, to_the_end=False):
    """Indices of the smallest block found whose difference exceeds its tolerance; often one.

    `to_the_end`: the one element that is reached, whatever its tolerance.

    Evaluates one half, gets the other by subtraction, and goes to the larger: the difference never
    falls below half of what it was.
    """
    slope = _block_slope(numeric, top)
    products = (top.u * analytic.gradient).ravel()
    spread = (top.u * analytic.along).ravel()
    low, high = 0, products.size
    difference = top.difference
    if top.real is not None:
        difference = slope(low, high) - top.analytic
    smallest = (low, high)

    def error_of(start, stop):
        if top.real is not None:
            return numeric.eps_f / top.real.step
        return 4 * numeric.eps * norm(products[start:stop])

    while high - low > 1:
        middle = (low + high) // 2
        first = slope(low, middle) - float(np.sum(products[low:middle]))
        second = difference - first
        if abs(first) >= abs(second):
            high, difference = middle, first
        else:
            low, difference = middle, second
        if abs(difference) > FAIL_RATIO * (SAFETY * norm(spread[low:high])
                                           + error_of(low, high)):
            smallest = (low, high)
    if to_the_end:
        return [low]
    return range(*smallest) if smallest[1] - smallest[0] > 1 else [smallest[0]]


def _block_slope(numeric, top):
    """The derivative along a block of the probe: one complex or two real evaluations."""
    problem, path = numeric.problem, numeric.path

    def block(low, high):
        part = np.zeros(top.u.size)
        part[low:high] = top.u.ravel()[low:high]
        return {path: part.reshape(top.u.shape)}

    if top.real is None:
        return lambda low, high: complex_slope(problem, block(low, high), numeric.h)
    h = top.real.step

    def central(low, high):
        directions = block(low, high)
        return (moved(problem, directions, h) - moved(problem, directions, -h)) / (2 * h)
    return central


def name_element(report, numeric, analytic, index):
    """The element at the end of the bisection, checked as one; its row and column."""
    side = one_element(numeric, analytic, index)
    g = float(analytic.gradient.ravel()[index])
    tolerance = float(side.error[0] + analytic.error.ravel()[index])
    difference = abs(g - float(side.value[0]))
    if difference <= tolerance:
        report.reason += "; the element named is within tolerance: its neighbourhood is not"
        return
    report.analytic, report.numeric = g, float(side.value[0])
    report.numeric_error = float(side.error[0])
    report.analytic_noise = float(analytic.error.ravel()[index])
    report.tolerance, report.ratio = tolerance, difference / tolerance if tolerance else math.inf
    report.reason += _spread(numeric, analytic, index)


def one_element(numeric, analytic, index):
    if numeric.method == "richardson":
        real = numeric.at(index)
        return Side(np.array([real.value]), np.array([real.error]), np.array([real.kink]), {},
                    np.array([False]))
    value = numeric.complex_at(index)
    return Side(np.array([value]), complex_error(np.array([value]), numeric.eps),
                np.array([False]), {}, np.array([False]))


def _spread(numeric, analytic, index):
    """How far the error reaches along the row and the column of a matrix."""
    shape = numeric.leaf.point.shape
    if len(shape) != 2:
        return ""
    row, column = np.unravel_index(index, shape)
    limit = LINE if numeric.method == "complex" else LINE_RICHARDSON
    texts = []
    for name, length, flat in (("row", shape[1], lambda k: row * shape[1] + k),
                               ("column", shape[0], lambda k: k * shape[1] + column)):
        start = int(column if name == "row" else row)
        looked = [(start + k) % length for k in range(min(limit, length))]
        wrong = sum(_wrong(numeric, analytic, int(flat(k))) for k in looked)
        texts.append(f"{wrong} of {len(looked)} in its {name}")
    return f"; wrong: {', '.join(texts)}"


def _wrong(numeric, analytic, index):
    side = one_element(numeric, analytic, index)
    tolerance = side.error[0] + analytic.error.ravel()[index]
    return bool(abs(side.value[0] - analytic.gradient.ravel()[index]) > tolerance)

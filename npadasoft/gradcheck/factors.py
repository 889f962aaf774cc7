"""What a factor between two gradients may be called: the sign, 1/N, degrees for radians."""
import math
from fractions import Fraction

import numpy as np

LARGEST_DENOMINATOR = 64
NAMED = 1e-2        # a factor known no better than this has no name
SIMPLE = {-1.0: "the sign", 2.0: "a factor 2", 0.5: "a factor 1/2",
          180 / math.pi: "degrees for radians", math.pi / 180: "radians for degrees"}


def lengths(problem):
    """(path, axis, length) of all axes in the parameter tree that are longer than 1, rows first;
    then (path, None, size)."""
    found = [(path, axis, n) for path, node in problem.ends.items()
             if isinstance(node, np.ndarray)
             for axis, n in enumerate(node.shape) if n > 1]
    sizes = [(path, None, node.size) for path, node in problem.ends.items()
             if isinstance(node, np.ndarray) and node.ndim > 1]
    return sorted(found, key=lambda one: one[1]) + sizes


def text(c, axes, precision):
    """A sentence on a factor `c` that is known to `precision`."""
    shown = f"1 {'+' if c > 1 else '-'} {abs(c - 1):.1e}" if 0 < abs(c - 1) < 1e-3 else f"{c:.9g}"
    called = name(c, axes, precision)
    then = " Divided" if called.endswith("?") else "; divided"
    return f"yours is the derivative times {shown}{called}{then} by it the tensor PASSes"


def name(c, axes, precision):
    """What `c` is, if it is something; else nothing."""
    if 16 * precision > NAMED:
        return ""               # everything is near

    def near(value):
        return abs(c - value) <= 16 * precision * abs(c)

    simple = next((f" ({called})" for value, called in SIMPLE.items() if near(value)), "")
    return simple or _of_lengths(near, axes) or _fraction(c, near)


def _of_lengths(near, axes):
    """A sum for a mean, a mean along another axis, a mean over a group of rows."""
    for path, axis, n in axes:
        of = f"as many as the {_axis(axis)} of {path}"
        if near(n):
            return f" = N, {of}: sum instead of mean?"
        if near(1 / n):
            return f" = 1/{n}, {of}: mean instead of sum, or twice averaged?"
    sides = [one for one in axes if one[1] is not None]
    for path, axis, n in sides:
        for other, along, m in sides:
            if m != n and near(n / m):
                return (f" = {n}/{m} for the {n} {_axis(axis)} of {path} and the {m} {_axis(along)}"
                        f" of {other}: the mean over another axis?")
    tables = {path for path, axis, _ in axes if axis is None}
    for path, axis, n in sides:
        for part in range(1, n if axis == 0 and path in tables else 0):
            if near(n / part):
                return (f" = {n}/{part} for the {n} rows of {path}: averaged over {part} rows of a "
                        "group instead of over all?")
    return ""


def _axis(axis):
    if axis is None:
        return "elements"
    return ("rows", "columns")[axis] if axis < 2 else f"along axis {axis}"


def _fraction(c, near):
    fraction = Fraction(c).limit_denominator(LARGEST_DENOMINATOR)
    simple = 1 < fraction.denominator and abs(fraction) < LARGEST_DENOMINATOR
    return f" = {fraction}" if simple and near(float(fraction)) else ""

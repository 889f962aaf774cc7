"""Whether a zero is one, or a slope too small to be seen in f: told from where f is small, or far.

Where other elements make f large, what one adds to f is less than f's rounding.  The same element
shows where the others are smaller, or by and by where it is moved further.  A unit that is off, or
one that is not the largest, is different: it adds nothing at all, or else, once it is on, far more
than could have been hidden.
"""
import numpy as np

from npadasoft.gradcheck.derivative import richardson

SMALLER = (2.0 ** -4, 2.0 ** -8, 2.0 ** -16, 2.0 ** -32, 0.0)   # times the other elements
GONE = 2.0 ** -64       # what 0 counts as among these
FURTHER = tuple(2.0 ** k for k in range(1, 11))     # units
STEP = 2.0 ** -3        # of a unit, as Richardson's first
RESOLVED = 0.25         # of a slope: an error that leaves no doubt that there is one
ROUNDING = 8.0          # eps of f, at least: its noise where it was not measured
SIGNAL = 4.0            # times that
RISES = 1.5             # less than any power does from one step to twice as much
STEPS = 3               # in a row
BESIDE = 1 + 2.0 ** -16     # times a step: another rounding, the same change
ALIKE = 2.0 ** -4       # of a change, at most, it is off there


def hidden(numeric, zeros, error):
    """Which of the `zeros` (flat indices), known to `error` each, may be slopes that f hides."""
    problem, units = numeric.problem, numeric.units.ravel()
    undefined, found = problem.undefined, []
    if len(zeros) and _stirs(numeric, zeros):
        found = [i for i in zeros if _hides(numeric, i, error[i] * units[i])]
    problem.undefined = undefined       # so far away no f need be defined
    return found


def _stirs(numeric, zeros):
    """Whether f moves along all of them together, here or there: if not, none hides anything."""
    phis = [(_phi(numeric, zeros, part, paths), STEP)
            for paths in ((), _others(numeric)) for part in SMALLER]
    phis += [(_phi(numeric, zeros, 1.0, ()), t) for t in FURTHER]
    return any(phi(t) != phi(-t) for phi, t in phis)


def _others(numeric):
    return [path for path in numeric.problem.wrt if path != numeric.path]


def _phi(numeric, index, part, paths):
    """f along elements, in their units; the others, and all of `paths`, times `part`."""
    x, u, leaves = numeric.leaf.point, np.zeros(numeric.units.shape), numeric.problem.leaves
    u.flat[index] = numeric.units.flat[index]
    base = np.where(u != 0, x, part * x)
    moved = {path: (part * leaves[path].point).astype(leaves[path].point.dtype) for path in paths}
    return lambda t: numeric.problem.value({**moved, numeric.path: (base + t * u).astype(x.dtype)})


def _hides(numeric, index, room):
    """Whether a slope hides at an element, along which a change of f by `room` a unit is not seen.
    """
    noise = max(ROUNDING * numeric.own_eps, numeric.eps_f / (abs(numeric.center) or np.inf))

    def slope(part, paths, most):
        return _slope(_phi(numeric, index, part, paths), most, noise)
    for part in SMALLER:                # of a norm it shows more by as much as the others are less
        most = room / max(part, SMALLER[2])
        if 0 < slope(part, (), most) <= most:
            return True
    return _beside(slope, _others(numeric), room) or _rises(
        _phi(numeric, index, 1.0, ()), room, SIGNAL * noise)


def _beside(slope, others, room):
    """Whether a slope that is seen where other tensors are smaller is one that was hidden.

    They may be factors of it, as the weights are of a unit that comes on when they are small: what
    it is here is told from how it changes with them.
    """
    seen = [(part or GONE, slope(part, others, np.inf)) for part in SMALLER] if others else []
    seen = [(part, value) for part, value in seen if value]
    for (part, value), (less, other) in zip(seen, seen[1:]):
        power = np.log(value / other) / np.log(part / less)
        if value * part ** -max(power, 0.0) <= room:
            return True
    return False


def _slope(phi, most, noise):
    """The slope of φ, if it is seen and φ changes by no more than `most` in a step; or 0."""
    above, below = phi(STEP), phi(-STEP)
    if not 0 < abs(above - below) <= most:
        return 0.0
    found = richardson(phi, 1.0, noise * max(abs(above), abs(below)))
    return abs(found.value) if found.error <= RESOLVED * abs(found.value) else 0.0


def _rises(phi, room, noise):
    """Whether φ moves by and by, from a change on that would have been hidden."""
    last, row = 0.0, 0
    for t in FURTHER:
        above, below = phi(t), phi(-t)
        change = above - below
        if row:
            row = row + 1 if RISES <= change / last < np.inf else 0
        elif noise * max(abs(above), abs(below)) < abs(change) <= room * t:
            row = 1
        if row and abs(phi(t * BESIDE) - phi(-t * BESIDE) - change) > ALIKE * abs(change):
            row = 0             # rounding, of so large an element
        if row == STEPS:
            return True
        last = change
    return False

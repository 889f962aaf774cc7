"""Functions that go by stairs: jumps are found by halving, and told from thresholds and wraps.

Between two jumps such a function has the slope of its other terms, and lacks the trend that the
stairs stand for: what is rounded, quantised or of half precision.
"""
import math
from functools import cache

REACH = 0.7368 / 2      # of an element: how far from 0 stairs are looked for, on both sides
FARTHER = 4.0           # times, again and again, for stairs wider than that
NEAR = 2                # so many times; no more, for f may keep what it has seen far away
# Of what jumps add up to; places are known to 2^-20 of what lies between two jumps, and by chance
# the slope between them takes back as much in one of so many:
SAME = 2.0 ** -16
RECUR = 4               # jumps along one element: by cases there are two or three, as of a clip
HALVINGS = 26           # of an interval, down to one jump of φ
CUBE = 0.3              # what is of third order keeps less than this of itself, each time
# Over six halvings one jump keeps all, and two that part keep a half; a root's cusp keeps 2^-3, a
# kink 2^-6, and a pole grows by 2^6.  Midway, a factor of 2 from either:
FEW, KEPT = 6, 0.25
SLOPE = 2.0 ** -22      # of the interval: the step for a slope, on which hardly ever is a jump
WIDE_SLOPE = 2.0 ** -4    # where jumps may be as low as a few roundings of φ
ROOM = 4.0              # times its noise, or rounding, a change is one


def stairs(phi, scale=1.0, sigma=0.0):
    """How high the stairs are on which `phi` goes, if it jumps on both sides of 0; or 0.

    A jump on one side alone is a threshold.
    """
    heights = []
    for side in (scale, -scale):
        heights.append(abs(jump(phi, side * REACH, sigma)))
        if not heights[-1]:
            return 0.0
    return max(heights)


def recurring(phi):
    """How high the stairs are on which `phi` goes along one element, near or far; or 0.

    Stairs recur, on one side at least.  An angle that is wrapped, a remainder, a distance in a
    periodic box jump as often, but to where they came from: no slope is behind that.

    Examples
    --------
    >>> round(recurring(lambda t: t ** 2 + round(9 * t)), 6), recurring(lambda t: 9 * t % 1)
    (1.0, 0.0)
    >>> recurring(lambda t: (t > 0.1) - (t < -0.2))
    0.0
    """
    phi = cache(phi)
    for k in range(NEAR):
        a, b = _span(phi, k)
        found = sorted(_jumps(phi, a, b, RECUR))
        if len(found) == RECUR:
            heights = [height for _, height in found]
            beside = (b - a) * 2.0 ** -HALVINGS
            gone = phi(found[-1][0] + beside) - phi(found[0][0] + beside)
            one_way = min(heights) > 0 or max(heights) < 0
            back = one_way and abs(gone) < SAME * abs(sum(heights[1:]))
            return 0.0 if back else max(map(abs, heights))
    return 0.0


def _span(phi, k):
    """From where to where φ is looked at for the k-th time: not beyond its domain."""
    ends = []
    for end in (-REACH * FARTHER ** k, REACH * FARTHER ** k):
        while not math.isfinite(phi(end)) and abs(end) > REACH / FARTHER:
            end /= 2
        ends.append(end)
    return ends


def _jumps(phi, a, b, enough):
    """(place, height) of jumps between a and b, until there are enough."""
    place, height = _jump(lambda t: phi(a + t), b - a)
    if not height:
        return []
    found, beside = [(a + place, height)], (b - a) * 2.0 ** -HALVINGS
    for start, end in ((a, a + place - beside), (a + place + beside, b)):
        if len(found) < enough and start < end:
            found += _jumps(phi, start, end, enough - len(found))
    return found


def jump(phi, width, sigma=0.0, slope=SLOPE):
    """By how much `phi` jumps on its way from 0 to `width`; 0 if no jump was found."""
    return _jump(phi, width, sigma, slope)[1]


def _jump(phi, width, sigma=0.0, slope=SLOPE):
    """(where, by how much) `phi` jumps between 0 and `width`.

    By how much φ changes beyond its slope in the middle is a sum: of all jumps, and of what is of
    third order.  The half that has more of it is halved again, and a jump is never lost.
    """
    a, left, middle, right, found = 0.0, phi(0.0), phi(width / 2), phi(width), [math.inf]
    room = ROOM * max(sigma, 2.0 ** -52 * max(abs(left), abs(right))) / slope
    while len(found) <= HALVINGS:
        width /= 2
        halves = [(a, left, middle), (a + width, middle, right)]
        beyond = [_beyond(phi, width, *half, slope) for half in halves]
        k = 0 if abs(beyond[0][0]) >= abs(beyond[1][0]) else 1
        found.append(beyond[k][0])
        a, left, right = halves[k]
        middle = beyond[k][1]
        if not room < abs(found[-1]) < math.inf or _vanishes(found[-4:]):
            return a, 0.0
    settled = KEPT < abs(found[-1] / found[-1 - FEW]) < 1 / KEPT
    changed = abs(right - left) > abs(found[-1]) / 2        # and no noise of its slope
    return a + width / 2, found[-1] if settled and changed else 0.0


def _beyond(phi, width, a, left, right, slope):
    """(how much φ changes from a to a + width beyond its slope in the middle, φ there)."""
    middle = a + width / 2
    value = phi(middle)
    return right - left - (phi(middle + width * slope) - value) / slope, value


def _vanishes(last):
    """Whether it shrinks by 8 each time; where there are jumps a half of it is kept."""
    return len(last) == 4 and all(abs(two) < CUBE * abs(one) for one, two in zip(last, last[1:]))

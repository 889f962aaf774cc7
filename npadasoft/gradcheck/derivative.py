"""The derivative of a function of one number, with an error that can be believed.

Central differences D(h) = (φ(h) - φ(-h)) / 2h have an error that is a series in h².  Halving h
again and again and taking the series out (Richardson, in Neville's table) leaves the rounding of φ,
which is measured (`noise`).  Of all entries of the table the one with the smallest estimated error
is taken.
"""
import math
from dataclasses import dataclass

import numpy as np

from npadasoft.gradcheck.kinks import Kinks
from npadasoft.gradcheck.noise import check_scale, noise

EPS, SINGLE = 2.0 ** -52, 2.0 ** -23
LEVELS = 40         # 24 are too few when the tensor dwarfs the distance to a kink
COLUMNS = 12
AGREEMENT = 2.0     # and twice that for what is not noise: chance favours the smallest estimate
FINE = 2.0 ** -10   # of the scale: steps go down to here at least, or see nothing narrower
FINER = 2.0 ** -18  # and to here where φ has shown neither slope nor bend yet
SIGNAL = 4.0        # units of noise that a slope has to exceed to be one
HIGH = 4.0          # stairs: a change that is a slope's
ODD = 772591 / 2 ** 20   # no step is a period of φ by chance; few bits, so that x + h is exact
FAR = (-16.0, -1.0, 1.0, 16.0)      # scales away, a constant φ may move after all: it is swamped
OTHER = 619315 / 2 ** 20    # for a second look, which shares no step with the first


@dataclass(frozen=True)
class Derivative:
    """φ'(0) and what is known of it; `left` and `right` are the slopes of both sides."""

    value: float
    error: float
    noise: float            # of one value of φ
    left: float
    right: float
    evaluations: int
    verdict: str            # PASS, KINK, INCONCLUSIVE (error above 1e-3 of the value) or NONFINITE
    step: float = math.nan  # the finest step that went into the value
    constant: bool = False  # every value of φ was the same
    still: bool = False     # or nearly so: within its noise
    levels: tuple = ()      # (step, central difference) of all levels, coarsest first

    @property
    def kink(self):
        """Whether φ has two slopes at 0."""
        return self.verdict == "KINK"


def derivative(phi, scale=1.0):
    """Derivative of `phi` at 0, with its error.

    Parameters
    ----------
    phi : callable
        Takes a float, returns a float; nan or inf where it is undefined.
    scale : float
        A distance over which `phi` varies, more or less: steps start at an eighth of it.

    Returns
    -------
    Derivative
        `value`, `error` (a bound by experience), `noise` (of one value of phi), `left`, `right`,
        `evaluations`, `verdict`.

    Examples
    --------
    >>> import math
    >>> d = derivative(lambda t: math.exp(1 + t))
    >>> abs(d.value - math.e) <= d.error < 1e-12, d.verdict
    (True, 'PASS')
    >>> d = derivative(lambda t: 2 * max(t, 0.0))
    >>> d.verdict, round(d.left, 9), round(d.right, 9)
    ('KINK', 0.0, 2.0)
    """
    check_scale(scale)
    calls = 0

    def counted(t):
        nonlocal calls
        calls += 1
        return float(phi(t))

    center = counted(0.0)
    found = richardson(counted, scale, value_noise(noise(counted, scale).sigma, center))
    hides = found.constant and any(counted(t * scale) != center for t in FAR)
    return Derivative(**{**found.__dict__, "evaluations": calls,
                         "verdict": "INCONCLUSIVE" if hides else found.verdict})


def value_noise(sigma, value, eps=EPS):
    """Bound of the noise of one value: three standard deviations, but never below its rounding."""
    return max(3 * sigma, 2 * eps * abs(value)) if math.isfinite(value) else 0.0


class Neville:
    """The last row of the table, and the best entry so far."""

    def __init__(self, power=4.0):
        self.power = power
        self.clear()

    def clear(self):
        """Forget all levels: they saw another function (a kink, or φ undefined)."""
        self.row, self.bounds, self.column = [], [], 0
        self.error, self.value, self.step = math.inf, math.nan, math.nan

    def add(self, estimate, bound, step):
        """Add a level: its estimate, what noise does to it, and its step."""
        row, bounds = [estimate], [bound]
        best = (math.inf, math.nan, 0)
        for j, (upper, upper_bound) in enumerate(zip(self.row, self.bounds), 1):
            weight = self.power ** j
            left = row[-1]
            value = left + (left - upper) / (weight - 1)
            noise_bound = (weight * bounds[-1] + upper_bound) / (weight - 1)
            # the same column one level up: two coarse levels may agree by accident, three hardly
            same = self.row[j] if j < len(self.row) else upper if j > 1 else math.inf
            apart = max(abs(value - left), abs(value - upper), abs(value - same))
            error = AGREEMENT * (apart + max(0.0, apart - noise_bound)) + noise_bound
            best = min(best, (error, value, j))
            row.append(value)
            bounds.append(noise_bound)
        # a finer level that contradicts the best so far replaces it
        if best[0] < self.error or abs(best[1] - self.value) > best[0] + self.error:
            (self.error, self.value, self.column), self.step = best, step
        else:
            self.error = max(self.error, self.drift(row, bounds))
        self.row, self.bounds = row[:COLUMNS], bounds[:COLUMNS]

    def drift(self, row, bounds):
        """How far a finer level is off the best in the same column, but for noise."""
        if self.column >= len(row):
            return 0.0
        return abs(row[self.column] - self.value) - bounds[self.column]


class Sampler:
    """φ on both sides of 0, each point once; what a level needs of it."""

    def __init__(self, phi, eps_f, snap=None, eps=EPS):
        self.phi, self.eps_f, self.eps, self.seen = phi, eps_f, eps, {}
        self.levels, self.changes, self.narrow = [], [], False
        self.snap = snap or (lambda t: t)
        self.center = self.at(0.0)

    def at(self, t):
        if t not in self.seen:
            self.seen[t] = self.phi(t)
        return self.seen[t]

    def level(self, h):
        """(slope, bound of its noise, left slope, right slope), or None where φ is undefined."""
        plus, minus = self.snap(h), self.snap(-h)
        if plus <= 0 or minus >= 0:
            return None
        above, below = self.at(plus), self.at(minus)
        if not (math.isfinite(above) and math.isfinite(below)):
            return None
        noise_f = max(self.eps_f, 2 * self.eps * max(abs(above), abs(below)))
        slope = (above - below) / (plus - minus)
        left, right = (self.center - below) / -minus, (above - self.center) / plus
        self.levels.append((h, slope))
        self.changes.append((slope, abs(above - below), abs(right - left)))
        return slope, 2 * noise_f / (plus - minus), left, right

    def stair(self):
        """The height of the stair on which φ stands still after a slope on three levels; or 0.

        A slope, and no kink: to both sides, and as large from level to level.  At the edge of the
        domain there are too few levels to tell: any change counts.
        """
        height = min((abs(value - self.center) for value in self.seen.values()
                      if math.isfinite(value) and value != self.center), default=0.0)
        slopes = [slope for slope, change, bend in self.changes
                  if change >= HIGH * height and bend <= abs(slope) / 2][-3:]
        steady = len(slopes) == 3 and (0 < max(slopes) <= 2 * min(slopes)
                                       or 0 > min(slopes) >= 2 * max(slopes))
        return height if steady or self.narrow else 0.0

    def restart(self, eps_f):
        """Begin again with another noise; no point is asked for twice."""
        self.eps_f, self.levels, self.changes = eps_f, [], []


def richardson(phi, scale, eps_f, snap=None, eps=EPS, second=False):
    """φ'(0) for a known noise `eps_f` of φ; `snap(t)` is the displacement that t really makes.

    Steps go down from an eighth of `scale`, never up: where noise hides φ at its own scale, what
    it does beyond proves nothing.
    """
    return _descend(Sampler(phi, eps_f, snap, eps), scale, second)


def _descend(sampler, scale, second):
    """Level by level, until finer ones can tell nothing more."""
    if not math.isfinite(sampler.center):
        return _nonfinite(sampler.eps_f, len(sampler.seen))
    h = 2.0 ** round(math.log2(scale / 8)) * (OTHER if second else ODD)
    table, kinks, signal = Neville(), Kinks(), False
    for _ in range(LEVELS):
        level = sampler.level(h)
        if level is None:
            sampler.narrow = True
            table.clear()
            kinks.clear()
        else:
            if level[2] == level[3] == 0 and sampler.stair() > sampler.eps_f:
                sampler.restart(sampler.stair())
                return _descend(sampler, scale, second)
            seen = abs(level[0]) > SIGNAL * level[1]
            if kinks.see(level, h) or seen and not signal:
                table.clear()           # coarser levels saw another function, or nothing
            signal = signal or seen
            if kinks.lost:
                break
            table.add(level[0], level[1], h)
            if _done(table, kinks, level, h / scale, signal):
                break
        h /= 2
    if not math.isfinite(table.error) and not kinks.flat:
        return _one_sided(sampler, scale)
    return _result(sampler, table, kinks, scale, signal)


def _one_sided(sampler, scale):
    """The slope of the side on which φ is defined, at the edge of its domain: a series in h."""
    best = Neville(power=2.0)
    for sign in (1.0, -1.0):
        table = Neville(power=2.0)
        for level in range(LEVELS):
            h = sampler.snap(sign * 2.0 ** (round(math.log2(scale / 8)) - level) * ODD)
            value = sampler.at(h) if h else math.nan
            if not math.isfinite(value):
                table.clear()
                continue
            noise_f = max(sampler.eps_f, 2 * sampler.eps * abs(value))
            table.add((value - sampler.center) / h, 2 * noise_f / abs(h), abs(h))
            if 2 * noise_f / abs(h) > 8 * table.error:
                break
        best = min(best, table, key=lambda one: one.error)
    if not math.isfinite(best.error):
        return _nonfinite(sampler.eps_f, len(sampler.seen))
    return Derivative(best.value, best.error, sampler.eps_f, best.value, best.value,
                      len(sampler.seen), "INCONCLUSIVE" if best.error > 1e-3 * abs(best.value)
                      else "PASS", best.step)


def _done(table, kinks, level, relative, signal):
    """Whether finer steps can tell nothing more."""
    if not signal:
        return relative < FINER and not kinks.shown
    return relative < FINE and (level[1] > 8 * table.error or table.error == 0)


def _result(sampler, table, kinks, scale, signal):
    value, error, step = table.value, table.error, table.step
    values = [v for v in sampler.seen.values() if math.isfinite(v)]
    constant = min(values) == max(values)
    if not signal and math.isfinite(error):         # a slope may hide on any scale down to FINE
        reach = 1.0 if constant else FINE
        error = max(error, 8 * max(sampler.eps_f, _grain(sampler.center, constant))
                    / (reach * scale))
    left = right = value
    verdict = "PASS"
    if kinks.flat:
        left, right, bound, step = kinks.sides
        if not error < abs(right - left) / 2 + bound:
            value, error = (left + right) / 2, abs(right - left) / 2 + bound
        verdict = "KINK"
    elif not math.isfinite(error):
        return _nonfinite(sampler.eps_f, len(sampler.seen))
    elif error * scale > max(1e-3 * abs(value) * scale, 1e-9 * (max(values) - min(values)),
                             256 * EPS * abs(sampler.center) if constant else 0.0):
        verdict = "INCONCLUSIVE"
    return Derivative(value, error, sampler.eps_f, left, right, len(sampler.seen), verdict, step,
                      constant, max(values) - min(values) <= 4 * sampler.eps_f,
                      tuple(sampler.levels))


def _grain(center, constant):
    """The rounding of φ(0): of single precision if φ never moves and its value looks like one.

    That is, it has more digits than a number that people write, and no more than a float32.
    """
    with np.errstate(over="ignore"):
        single = float(np.float32(center)) == center != float(np.float16(center))
    return (SINGLE if constant and single else EPS) * abs(center)


def _nonfinite(eps_f, evaluations):
    nan = math.nan
    return Derivative(nan, math.inf, eps_f, nan, nan, evaluations, "NONFINITE")

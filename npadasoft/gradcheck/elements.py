"""One tensor, element by element: a tolerance for each, and the verdict."""
import math

import numpy as np

from npadasoft.gradcheck.cancelled import flat, lost, rounding
from npadasoft.gradcheck.circles import contradicted
from npadasoft.gradcheck.hidden import hidden
from npadasoft.gradcheck.sides import numeric_gradient
from npadasoft.gradcheck.sizes import norm

FAIL_RATIO = 4.0
CANDIDATES = 64         # elements looked at again, at most
WOULD_CATCH = 4.0       # tolerances
SHARP = 1e-2            # of an element: a larger tolerance is not worth a PASS
SWAMPED = "zero, but f moves further away: the tensor is swamped, and a slope would not show"


def check_elements(report, numeric, analytic, deterministic, proven=False):
    """Fill in `report` for one tensor; returns the numeric side (for the hints).

    `proven` is the formula, in float64: then rounding may blur an element as it likes.
    """
    side = numeric_gradient(numeric, analytic)
    judge = Judge(report, numeric, analytic, side, proven)
    report.checked, report.method = judge.g.size, numeric.method
    report.noise_source = analytic.source
    if not np.isfinite(side.value).all():
        judge.describe(int(np.flatnonzero(~np.isfinite(side.value))[0]))
        report.verdict, report.reason = "NONFINITE", "f is nan or inf at all displaced values"
        report.ratio = None
        return side
    report.nonzero = int(np.sum(np.abs(side.value) > (
        0 if numeric.method == "complex" else side.error)))
    report.verdict, report.reason, chosen = judge.verdict(deterministic)
    judge.describe(chosen)
    return side


def unravel(index, shape):
    """Flat index to a tuple of ints."""
    return tuple(int(i) for i in np.unravel_index(index, shape)) if shape else ()


class Judge:
    """Differences and tolerances of the elements of one tensor, and what follows."""

    def __init__(self, report, numeric, analytic, side, proven=False):
        self.proven = proven
        self.report, self.numeric, self.analytic, self.side = report, numeric, analytic, side
        self.g, self.noise = analytic.gradient.ravel(), analytic.error.ravel()
        self.difference = np.abs(self.g - side.value)
        self.levels: dict = {}      # of Richardson, at the elements it was asked for
        self.hidden = np.zeros(self.g.shape, bool)      # zeros that may be small slopes
        self.size = np.maximum(np.abs(self.g), np.abs(side.value))

    @property
    def tolerance(self):
        return self.side.error + self.noise

    @property
    def ratio(self):
        return np.divide(self.difference, self.tolerance, where=self.tolerance > 0,
                         out=np.where(self.difference > 0, np.inf, 0.0))

    def describe(self, i):
        """The numbers of one element, and of the bluntest."""
        report, tolerance = self.report, self.tolerance
        report.ratios = self.ratio.reshape(report.shape)
        report.curve = self._curve(i)
        report.worst_index = unravel(i, report.shape)
        report.analytic, report.numeric = float(self.g[i]), float(self.side.value[i])
        report.numeric_error, report.tolerance = float(self.side.error[i]), float(tolerance[i])
        report.analytic_noise, report.ratio = float(self.noise[i]), float(self.ratio[i])
        report.would_catch = WOULD_CATCH * float(tolerance.max())
        sharp = self.sharp()
        report.sharp = int(sharp.sum())
        relative = tolerance[sharp] / np.where(self.size[sharp] > 0, self.size[sharp], np.inf)
        report.would_catch_relative = WOULD_CATCH * float(relative.max(initial=0.0))

    def _curve(self, i):
        """Difference quotients by step, at the element or else along the tensor."""
        value, whole = self.side.value, self.numeric.whole
        if i in self.levels:
            return {"of": f"at {list(unravel(i, self.report.shape))}", "levels": self.levels[i],
                    "analytic": float(self.g[i]), "numeric": float(value[i])}
        if whole is None or self.numeric.method != "complex":
            return None
        u = self.numeric.draw("trust").ravel()
        return {"of": "along a direction through all elements", "levels": whole.levels,
                "analytic": float(u @ self.g), "numeric": float(u @ value)}

    def sharp(self):
        """Elements of which a gross error would not pass; zeros on both sides.

        The tolerance is a small part of the element.  Or the difference itself is, where the
        numeric side is known: a number of half precision may be right to all its digits, though
        its neighbours' rounding would excuse far more.
        """
        zero = (self.size == 0) & ((self.numeric.method == "complex") | self.side.constant)
        near = self.difference + 2 * self.side.error <= SHARP * np.abs(self.side.value)
        return (zero | near | (self.tolerance <= SHARP * self.size)) & ~(
            self.side.unseen | self.hidden)

    def vanished(self):
        """Elements that are nothing but the rounding of a sum that cancels.

        The gradient's own noise, as measured, is all there is of it; and it is a small part of
        what the tensor's other elements are.
        """
        units, error = self.numeric.units.ravel(), self.side.error
        by_step = self.numeric.method == "complex"
        size = self.size if by_step else np.abs(self.g)     # differences have the noise of f
        shown = ~lost(size * units, (self.noise + by_step * error) * units)
        shown |= not by_step and np.abs(self.side.value) > error
        if not shown.any():
            return np.full(len(shown), flat(self.numeric, norm(size * units)))
        small = SHARP * float((self.size * units)[shown].min())
        gone = ~shown if by_step else (np.abs(self.g) <= self.noise) & (self.noise > 0)
        return gone & ((self.noise + error) * units <= small)

    def verdict(self, deterministic):
        """(verdict, reason, index of the element that decided)."""
        found = self._failing()
        if found:
            return found
        if not self.size.any():
            return self._zero()
        ratio = self.ratio
        top = int(np.argmax(ratio))
        if ratio[top] > 1:
            return self._or_kink(top, between(ratio[top]))
        blunt = np.flatnonzero(~(self.sharp() | self.vanished()))
        if not (len(blunt) or self.proven):
            blunt = self._hiding()
        if len(blunt) and not self.proven:
            if self.side.unseen.all() and not self._moves_f():
                return self._zero()
            return self._blunt(blunt, deterministic)
        if not deterministic:
            return "NONDETERMINISTIC", "repeated calls of f or grads differ", top
        return "PASS", "", top

    def _hiding(self):
        """Zeros at which a slope would not show, by what f does elsewhere."""
        if self.numeric.method == "richardson":
            zeros = np.flatnonzero((self.g == 0) & (self.side.error > 0))
            self.hidden[hidden(self.numeric, zeros, self.side.error)] = True
        return np.flatnonzero(self.hidden)

    def _failing(self):
        """What the elements beyond their tolerance amount to, if anything."""
        kinks: list = []
        undecided: list = []
        by_step = self.numeric.method == "complex"
        for i in (int(i) for i in np.argsort(-self.ratio, kind="stable")):
            if self.ratio[i] <= 1 or len(kinks) + len(undecided) >= CANDIDATES:
                break
            self.side.error[i] += self._second_look(i)
            if self.ratio[i] > (1 if by_step else FAIL_RATIO):
                state, reason = self.confirm(i)
                if state == "FAIL" and self.proven and self.difference[i] <= SHARP * self.size[i]:
                    state, reason = "INCONCLUSIVE", (
                        f"right in float64; in {self.report.dtype} off by "
                        f"{self.difference[i] / self.size[i]:.1g} of the element, by rounding?")
                if state == "FAIL":
                    return state, reason, i
                kinks += [(state, reason, i)] * (state == "KINK")
                undecided += [(state, reason, i)] * (state == "INCONCLUSIVE")
        return (kinks + undecided + [None])[0]

    def _second_look(self, i):
        """By how much the numeric side changes where nothing but rounding does."""
        value = float(self.side.value[i])
        if self.numeric.method == "complex":
            return 2 * max(self.numeric.spread_at(i, value), rounding(self.numeric, i, value))
        if self.side.kink[i] or self.ratio[i] > FAIL_RATIO:     # a FAIL has one anyway
            return 0.0
        return shift(value, self.numeric.at(i, second=True))

    def confirm(self, i):
        """A second opinion on an element: (FAIL, KINK, INCONCLUSIVE or PASS, reason)."""
        side, numeric = self.side, self.numeric
        if side.kink[i]:
            return "KINK", self._slopes(i, *side.slopes[i])
        real = numeric.at(i, second=numeric.method == "richardson")
        self.levels[i] = real.levels
        if real.kink:
            return "KINK", self._slopes(i, real.left, real.right)
        state, reason = judge(numeric, real, side.value[i], side.error[i], self.g[i],
                              self.noise[i], numeric.only(i))
        if state == "PASS":
            side.error[i] += abs(real.value - side.value[i]) + real.error
        return state, reason

    def _slopes(self, i, left, right):
        self.report.left, self.report.right = left, right
        between = min(left, right) <= self.g[i] <= max(left, right)
        if not between:
            return "f has two slopes at this element; yours is neither, nor between"
        return ("f has two slopes at this element, yours is one of them, or between: no error, but "
                "no check of it; move it off the kink")

    def _moves_f(self):
        """Whether any element, by either side, changes f by as much as the rounding of f."""
        change = (self.size * self.numeric.units.ravel()).max(initial=0.0)
        return change > self.numeric.own_eps / 2 * abs(self.numeric.center)

    def _zero(self):
        """Both gradients are zero throughout: a point of rest, or is the tensor swamped?"""
        if self.numeric.swamped():
            return "INCONCLUSIVE", SWAMPED, 0
        return "VACUOUS", ("gradient and derivative are zero: nothing was tested"), 0

    def _blunt(self, blunt, deterministic):
        tolerance = self.tolerance
        i = int(blunt[np.argmax(tolerance[blunt] / np.where(
            self.size[blunt] > 0, self.size[blunt], 1e-300))])
        if not deterministic:
            return "NONDETERMINISTIC", "repeated calls differ: tolerance is their spread", i
        many = f"{len(blunt)} of {self.g.size} elements"
        if self.hidden[blunt].all():
            return self._or_kink(i, f"yours is 0 at {many}, whose slope may be too small to be "
                                    "seen here: elsewhere f moves with them")
        if self.side.unseen[blunt].all():
            return self._or_kink(i, f"{many} are swamped: f is too coarse to tell whether the "
                                    "complex step is right there; leave its constant part out?")
        return self._or_kink(i, f"blunt at {many}: tolerance {tolerance[i]:.1g} is above "
                                f"{SHARP:g} of an element {self.size[i]:.2g}")

    def _or_kink(self, i, reason):
        side = self.side
        if not side.kink[i] and self.numeric.method == "complex":
            found = self.numeric.at(i)
            side.kink[i], side.slopes[i] = found.kink, (found.left, found.right)
        if side.kink[i]:
            return "KINK", self._slopes(i, *side.slopes[i]), i
        return "INCONCLUSIVE", reason, i


def judge(numeric, real, value, error, g, noise, u):
    """What Richardson `real` says of an analytic `g` that the numeric `value` contradicts, along u.

    It has to contradict `g` itself: agreement with `value` proves nothing where its error holds
    both.  Where the two contradict each other neither wins, unless `g` is further off both by far.
    Only a complex step against which nothing speaks is believed beyond its reach.
    """
    text = f"differences of f (Richardson) give {real.value:.9g} +/- {_tiny(real.error)}"
    apart = abs(real.value - value)
    if not apart <= real.error + error and not (
            abs(real.value - g) > FAIL_RATIO * (real.error + noise + apart)):
        return "INCONCLUSIVE", f"not confirmed: numeric {value:.9g}, but {text}"
    sharp = real.error <= SHARP * max(abs(value), abs(g))
    if abs(real.value - g) > FAIL_RATIO * (real.error + noise):
        return "FAIL", f"confirmed: {text}"
    if (sharp or numeric.elsewhere) and numeric.exact and not numeric.blunt:
        if not contradicted(numeric, u, value, real):
            if abs(value - g) <= FAIL_RATIO * (error + noise):
                return "INCONCLUSIVE", between(abs(value - g) / (error + noise))
            return "FAIL", f"confirmed, as far as it sees: {text}"
        numeric.exact = False
    if sharp and numeric.method == "complex" and abs(real.value - g) <= real.error + noise:
        return "PASS", ""
    return "INCONCLUSIVE", f"not confirmed: {text}, and see nothing so small"


def shift(value, again):
    """How far a second Richardson is off the first, if it saw one slope."""
    return 0.0 if again.kink or not math.isfinite(again.error) else abs(again.value - value)


def between(ratio):
    """What is said of a difference of 1 to 4 tolerances."""
    return f"{ratio:.2g} tolerances: not a pass, not enough for a fail"


def _tiny(error):
    return f"{error:.1g}" if math.isfinite(error) else "?"

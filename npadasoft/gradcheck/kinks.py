"""Where a function of one number has two slopes, told from its central differences."""
import math

FLAT = 0.7          # φ(h) - 2φ(0) + φ(-h) over h has to halve with h; a kink keeps it


class Kinks:
    """Watches S = (φ(h) - 2φ(0) + φ(-h)) / h, which halves with h unless φ has two slopes."""

    def __init__(self):
        self.flat, self.lost, self.shown, self.sides = False, False, False, None
        self.last, self.change = (0.0, 0.0), math.inf
        self.clear()

    def clear(self):
        self.previous, self.before = 0.0, math.inf

    def _keep(self, left, right, bound, h):
        """The slopes where neither curvature nor noise is seen: where they change least."""
        change = bound
        if self.flat:
            change += abs(left - self.last[0]) + abs(right - self.last[1])
        if not self.flat or change < self.change:
            self.sides, self.change = (left, right, bound, h), change
        if not self.flat:
            self.change = math.inf
        self.flat, self.last = True, (left, right)

    def see(self, level, h):
        """Take in a level; whether a kink lies within its step."""
        _, bound, left, right = level
        bend = abs(right - left)
        self.shown = bend > 4 * bound
        kept = (self.previous > 0 and bend >= FLAT * self.previous
                and self.previous >= FLAT * self.before)
        if self.shown and kept:
            self._keep(left, right, bound, h)
        elif self.flat and 4 * bound >= FLAT * self.previous:
            self.lost = True        # a kink would no longer show: nothing finer can clear it
        else:
            self.flat = False
        self.before, self.previous = self.previous, bend
        return self.flat

"""The cheapest cutoffs, exactly, in O(J C log C).

    f_J(a) = w_J(a, C),    f_j(a) = min over b of w_j(a, b) + f_{j+1}(b),
    result: min over a of head(a + J) + f_1(a)

w_j(a, b) is the cost of tail [a, b) at place j.  Every cost of cost.py obeys the quadrangle
inequality w(a,c) + w(b,d) <= w(a,d) + w(b,c) for a <= b <= c <= d, so the best b never decreases in
a: the best b of the middle a splits the search for all a below it from the search for all above it.
The recursion is run one level at a time, all its intervals at once, so that NumPy does the loop.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from npadasoft.cutoffs import Cutoffs
from npadasoft.planning.cost import Cost
from npadasoft.planning.counts import descending


@dataclasses.dataclass(frozen=True)
class Plan:
    """Cutoffs and what they are predicted to cost."""

    cutoffs: tuple[int, ...]    # as AdaptiveLogSoftmaxWithLoss takes them: n_classes left out
    n_classes: int
    coverage: float             # probability that the head alone answers
    cost: float                 # classes
    full: float                 # classes, of the full softmax

    @property
    def ratio(self):
        """Modelled work of the full softmax over that of this plan."""
        return self.full / self.cost


def plan(counts, n_clusters, cost=Cost(), *, min_coverage=0.0, min_size=1):
    """The cutoffs of least cost.

    Parameters
    ----------
    counts : (C,) array_like
        How often each class occurs, in any order.
    n_clusters : int
        J >= 1 tails.
    cost : Cost
    min_coverage : float in [0, 1)
        Least probability that the head must cover.
    min_size : int, classes
        Least size of a tail.

    Returns
    -------
    Plan

    Raises
    ------
    ValueError
        If no cutoffs satisfy the conditions.

    Notes
    -----
    Exact up to the rounding of a float64 sum of J + 1 terms; of equal minima the smallest cutoffs.

    Examples
    --------
    >>> best = plan([50, 20, 10, 5, 5, 4, 3, 2, 1], n_clusters=1)
    >>> best.cutoffs, round(best.cost, 2), round(best.coverage, 2)
    ((2,), 5.1, 0.7)
    """
    return _plan(_Table(descending(counts), cost, min_size), n_clusters, min_coverage)


def plans(counts, n_clusters=(1, 2, 3, 4, 5), cost=Cost(), *, min_coverage=0.0, min_size=1):
    """A `Plan` for every J of `n_clusters`; the layers that they share are computed once."""
    table = _Table(descending(counts), cost, min_size)
    return [_plan(table, j, min_coverage) for j in n_clusters]


def priced(counts, cutoffs, cost=Cost()):
    """The `Plan` that has the given cutoffs.

    Examples
    --------
    >>> mine = priced([50, 20, 10, 5, 5, 4, 3, 2, 1], [3])
    >>> mine.cutoffs, round(mine.cost, 2), round(mine.coverage, 2)
    ((3,), 5.2, 0.8)
    """
    counts = descending(counts)
    *cutoffs, n = Cutoffs(cutoffs, len(counts)).values
    coverage = counts[:cutoffs[0]].sum() / counts.sum()
    return Plan(tuple(cutoffs), n, float(coverage), cost.of(counts, cutoffs), cost.full(n))


def _plan(table, n_clusters, min_coverage):
    n, cost, below = table.n_classes, table.cost, table.below
    if n_clusters < 1:
        raise ValueError(f"n_clusters should be at least 1, but found {n_clusters}")
    if not 0 <= min_coverage < 1:
        raise ValueError(f"min_coverage should be in [0, 1), but found {min_coverage}")
    least = max(1, int(np.searchsorted(below, min_coverage)))      # head sizes: least .. most
    most = n - n_clusters * table.min_size
    if least > most:
        raise ValueError(
            f"no cutoffs: a head of at least {least} classes and {n_clusters} tails of at least "
            f"{table.min_size} do not fit into {n} classes")
    heads = np.arange(least, most + 1)
    totals = cost.product(heads + n_clusters) + table.layer(0, n_clusters)[0][least:most + 1]
    cutoffs = [int(heads[np.argmin(totals)])]
    for j in range(n_clusters - 1):
        cutoffs.append(int(table.layer(j, n_clusters - j)[1][cutoffs[-1]]))
    return Plan(tuple(cutoffs), n, float(below[cutoffs[0]]), float(totals.min()), cost.full(n))


class _Table:
    """f and its minimisers, for `left` tails that begin with place j."""

    def __init__(self, counts, cost, min_size):
        if min_size < 1:
            raise ValueError(f"min_size should be at least 1, but found {min_size}")
        self.cost, self.min_size, self.n_classes = cost, min_size, len(counts)
        self.below = np.concatenate([[0.0], np.cumsum(counts)])
        self.below /= self.below[-1]            # (C + 1,) probability of the classes below an index
        self.known = {}

    def layer(self, j, left):
        """Least cost of [a, C) in `left` tails, and the end of the first of them.

        For every a = 0 .. C - left * min_size.
        """
        if self.cost.features is None:
            j = 0                       # without hidden sizes every place costs the same
        if (j, left) not in self.known:
            self.known[j, left] = self._last(j) if left == 1 else self._before(j, left)
        return self.known[j, left]

    def _last(self, j):
        a = np.arange(self.n_classes - self.min_size + 1)
        return self.cost.tail(j, self.below[-1] - self.below[a], self.n_classes - a), None

    def _before(self, j, left):
        later = self.layer(j + 1, left - 1)[0]
        n = self.n_classes - left * self.min_size + 1       # so many places where it may begin
        value, best = np.empty(n), np.empty(n, dtype=np.int64)
        lo, hi = np.array([0]), np.array([n - 1])           # the intervals of a, of one level
        first, last = np.array([0]), np.array([len(later) - 1])         # where their best b can be
        while lo.size:
            mid = (lo + hi) // 2
            value[mid], best[mid] = self._minima(
                j, later, mid, np.maximum(first, mid + self.min_size), last)
            lo, hi = _pairs(lo, mid + 1), _pairs(mid - 1, hi)
            first, last = _pairs(first, best[mid]), _pairs(best[mid], last)
            some = lo <= hi
            lo, hi, first, last = lo[some], hi[some], first[some], last[some]
        return value, best

    def _minima(self, j, later, a, first, last):
        """Least w(a, b) + later(b) over first <= b <= last, and its smallest b, for every a."""
        length = last - first + 1
        start = np.cumsum(length) - length                  # of each a in the flat list of pairs
        b = np.arange(length.sum()) + np.repeat(first - start, length)
        size, share = b - np.repeat(a, length), self.below[b] - np.repeat(self.below[a], length)
        total = self.cost.tail(j, share, size) + later[b]
        least = np.minimum.reduceat(total, start)
        hits = np.flatnonzero(total == np.repeat(least, length))
        return least, b[hits[np.searchsorted(hits, start)]]


def _pairs(left, right):
    return np.stack([left, right], 1).ravel()               # left[0], right[0], left[1], ...

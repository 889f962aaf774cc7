"""How large the errors of a correct port are, not at most but in the mean square.

`bounds.py` says what any single number may be off; on numbers of mixed signs real errors are far
smaller, and an accumulator that truncates or factors that are cut short stay within those bounds.
Here is the standard deviation that independent roundings give, in units of u.  The model: a
rounding multiplies by 1 + δ, |δ| <= u, all signs equally likely, so that its variance is u²/3 at
most; an error is the sum of what all roundings bring, to first order, and so is its variance.

    a sum of n terms of mixed signs     the k-th partial sum S_k has E S_k² = Σ_{j<=k} x_j², however
                                        the terms are ordered, as long as their signs do not decide
                                        it; each term is in n - 1 partial sums at most:
                                        (n - 1)/3 · Σ x²
    a product sum of n terms            n/3 · Σ (ab)², with the rounding of each product or without;
                                        + Σ v(a) b² + a² v(b) for factors that have errors
    a sum of n positive terms           every partial sum is S at most: (n - 1)/3 · S²
    exp, log                            a last place, 2 u, at most: result²
    ℓ = z - m - log Σ exp(z - m)        v(z) + t²/3 + ℓ²/3 + Σ p²(v(z) + t²/3 + 1) + (n - 1)/3
                                        + L² + (m + L)²/3,  t = z - m, L = log Σ exp t
    q (δ - p), the gradient at logits   q²p²(v(ℓ) + 1) + v², the product, the difference, and q

The third last term covers z - (m + L) as well as (z - m) - L.  A port whose mean square error is
what this gives, or less, sums in some order, with fma or without, one chain or pairwise; one that
truncates has 10 to 100 times as much.

Beside the standard deviation each number has a direction: that in which it moves when all product
sums it is made of come out a little too near to 0, as truncation makes them.  And errors of one
row have roundings in common, so that `group` consecutive numbers count as one.
"""
from __future__ import annotations

import math
from decimal import Decimal
from typing import Any, Sequence

from npadasoft.conformance.golden import bounds
from npadasoft.conformance.golden.expected_gradients import row_seeds
from npadasoft.conformance.golden.expected_values import EXACT_IN_FLOAT32, Expected, Softmax

FLAG = "Statistics"
MANY = 1000                     # numbers, below which nothing is said of an output
Rows = list[list[float]]


def floats(rows: Sequence[Sequence[Any]]) -> Rows:
    return [[float(v) for v in row] for row in rows]


def turned(rows: Rows) -> Rows:
    return [list(column) for column in zip(*rows)]


def squares(rows: Rows) -> Rows:
    return [[v * v for v in row] for row in rows]


def added(a: Rows, b: Rows) -> Rows:
    return [[v + w for v, w in zip(r, s)] for r, s in zip(a, b)]


def products(a: Rows, b: Rows) -> Rows:
    """a @ b.T"""
    return [[sum(v * w for v, w in zip(row, other)) for other in b] for row in a]


def product_variance(a: Rows, b: Rows, va: Rows | None = None, vb: Rows | None = None) -> Rows:
    """Of a @ b.T, whose factors have the variances va and vb."""
    n, a2, b2 = len(b[0]) if b else 0, squares(a), squares(b)
    found = [[n / 3 * v for v in row] for row in products(a2, b2)]
    if va:
        found = added(found, products(va, b2))
    return added(found, products(a2, vb)) if vb else found


def log_softmax_variance(s: Softmax, vz: Sequence[float]) -> list[float]:
    top, n = max(s.z), len(s.z)
    t, p = [float(v - top) for v in s.z], [float(v.exp()) for v in s.log_p]
    log_p, big = [float(v) for v in s.log_p], float(-max(s.log_p))
    common = sum(q * q * (v + a * a / 3 + 1) for q, v, a in zip(p, vz, t)) + (n - 1) / 3
    common += big ** 2 + (float(top) + big) ** 2 / 3
    return [v + a * a / 3 + b * b / 3 + common for v, a, b in zip(vz, t, log_p)]


class Spread:
    """Variances of everything that one case computes, all rows through all tails."""

    def __init__(self, case: Expected):
        self.case = case
        self.p = {name: floats(w) for name, w in case.parameters.items()}
        self.xs = floats(case.everyone.xs)
        softmaxes, tails = case.all_softmaxes()
        *_, bits = case._head_scores(case.everyone.xs)
        self.exact = bits <= EXACT_IN_FLOAT32
        vz = self._scores(product_variance(self.xs, self.p["head.weight"]))
        self.head = softmaxes
        self.v_head = [log_softmax_variance(s, v) for s, v in zip(softmaxes, vz)]
        self.tails = tails
        self.hidden = [floats(tail.hidden) for tail in tails]
        self.v_hidden = [self._scores(product_variance(self.xs, self.p[f"tail.{i}.0.weight"]))
                         for i in range(len(tails))]
        self.v_tail = [self._tail(i) for i in range(len(tails))]

    def _scores(self, variance: Rows) -> Rows:
        return [[0.0] * len(row) for row in variance] if self.exact else variance

    def _tail(self, i: int) -> Rows:
        vz = self._scores(product_variance(self.hidden[i], self.p[f"tail.{i}.1.weight"],
                                           self.v_hidden[i]))
        return [log_softmax_variance(s, v) for s, v in zip(self.tails[i].softmax, vz)]

    # ------------------------------------------------------------ values

    def log_prob(self) -> Rows:
        """(N, C)"""
        s = self.case.cutoffs[0]
        rows = [row[:s] for row in self.v_head]
        for i, tail in enumerate(self.tails):
            for n, row in enumerate(rows):
                column = self.head[n].log_p[s + i]
                row += [self.v_head[n][s + i] + v + float(column + b) ** 2 / 3
                        for v, b in zip(self.v_tail[i][n], tail.softmax[n].log_p)]
        return rows

    def at_targets(self, rows: Rows) -> Rows:
        """(N, 1): the entry of each row at its target."""
        return [[row[y]] for row, y in zip(rows, self.case.everyone.targets)]

    def pulled(self) -> Rows:
        """How log_prob moves as all product sums shrink: of ℓ, -(z - Σ p z), twice in a tail."""
        s, ends = self.case.cutoffs[0], self.case.cutoffs
        rows = []
        for n in range(len(self.xs)):
            head = _pulled(self.head[n])
            row = head[:s]
            for i, tail in enumerate(self.tails):
                row += [head[s + i] + 2 * v for v in _pulled(tail.softmax[n])]
            rows.append(row[:ends[-1]])
        return rows

    # ------------------------------------------------------------ gradients

    def gradients(self) -> dict[str, Rows]:
        """Name -> variances, of cotangents of output and loss."""
        seeds = [float(q) for q in row_seeds(self.case)[0]]
        columns = [place[1] for place in self.case.places]
        dz, vz = _logit_gradients(self.head, self.v_head, columns, seeds)
        W = self.p["head.weight"]
        found = {"grad.head.weight": product_variance(turned(dz), turned(self.xs), turned(vz))}
        into, variance = products(dz, turned(W)), product_variance(dz, turned(W), vz)
        for i, tail in enumerate(self.tails):
            mine = self.case.problem.rows_of(i)
            first, second = self.p[f"tail.{i}.0.weight"], self.p[f"tail.{i}.1.weight"]
            dt, vt = _logit_gradients(
                [tail.softmax[n] for n in mine], [self.v_tail[i][n] for n in mine],
                [self.case.places[n][2] for n in mine], [seeds[n] for n in mine])
            dh = products(dt, turned(second))
            vh = product_variance(dt, turned(second), vt)
            x, hidden = [self.xs[n] for n in mine], [self.hidden[i][n] for n in mine]
            found[f"grad.tail.{i}.0.weight"] = product_variance(turned(dh), turned(x), turned(vh))
            found[f"grad.tail.{i}.1.weight"] = product_variance(
                turned(dt), turned(hidden), turned(vt), turned([self.v_hidden[i][n] for n in mine]))
            more, v_more = products(dh, turned(first)), product_variance(dh, turned(first), vh)
            for k, n in enumerate(mine):
                into[n] = [a + b for a, b in zip(into[n], more[k])]
                variance[n] = [a + b + c * c / 3 for a, b, c in
                               zip(variance[n], v_more[k], into[n])]
        found["grad.input"] = variance
        return found


def _pulled(s: Softmax) -> list[float]:
    mean = sum((v.exp() * z for v, z in zip(s.log_p, s.z)), start=Decimal(0))
    return [float(mean - z) for z in s.z]


def _logit_gradients(softmaxes, variances, picked, seeds) -> tuple[Rows, Rows]:
    """q (δ - p) and its variance: (M, K) each."""
    values, found = [], []
    for s, v, k, q in zip(softmaxes, variances, picked, seeds):
        p = [float(a.exp()) for a in s.log_p]
        values.append([q * ((j == k) - a) for j, a in enumerate(p)])
        found.append([q * q * a * a * (w + 1) + d * d for a, w, d in zip(p, v, values[-1])])
    return values, found


def add(case: Expected) -> None:
    """Write `sd`, `toward` and `group` beside the numbers of a case of statistics."""
    found, spread = case.sheet.found, Spread(case)
    if "output" in found and len(spread.xs) >= MANY:
        _write(found["output"], spread.at_targets(spread.log_prob()))
    if "log_prob" in found:
        _write(found["log_prob"], spread.log_prob(), None if spread.exact else spread.pulled())
    if "grad.input" in found:
        for name, variance in spread.gradients().items():
            _write(found[name], variance)


def _write(block: dict[str, Any], variance: Rows, directions: Rows | None = None) -> None:
    """`directions`: which way truncation moves; towards 0 if absent."""
    flat = [v for row in variance for v in row]
    ways = [d for row in directions for d in row] if directions else None
    if "at" in block:
        flat = [flat[k] for k in block["at"]]
    block["sd"] = [bounds.round_up(Decimal(math.sqrt(v))) for v in flat]
    block["toward"] = "".join("+" if d > 0 else "-" for d in ways or [-v for v in block["data"]])
    block["group"] = len(variance[0])

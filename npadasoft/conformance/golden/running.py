"""Matrices that carry, for every number, how far any sane evaluation of it may be off.

The rules are those of `bounds.py`, in units of u.  What is computed here are bounds and the sizes
that they need; no value of a vector comes from it.
"""
from __future__ import annotations


from typing import NamedTuple

from npadasoft.conformance.golden import bounds
from npadasoft.conformance.golden.bounds import K, ZERO, Matrix, Vector, total


class Run(NamedTuple):
    """Rows of numbers, and the bound of each."""

    value: Matrix
    error: Matrix

    @property
    def T(self) -> Run:
        return Run(bounds.transposed(self.value), bounds.transposed(self.error))

    def __matmul__(self, other: Run) -> Run:
        return Run(bounds.matmul(self.value, other.value),
                   bounds.product(self.value, other.value, self.error, other.error))

    def __add__(self, other: Run) -> Run:                       # type: ignore[override]
        value = bounds.add(self.value, other.value)
        error = bounds.add(bounds.add(self.error, other.error), bounds.magnitudes(value))
        return Run(value, error)

    def rows(self, places: list[int]) -> Run:
        return Run([self.value[n] for n in places], [self.error[n] for n in places])

    def column_sums(self) -> Run:
        """One row: the sum of each column."""
        n = len(self.value)
        return Run([[total(c) for c in zip(*self.value)]],
                   [[total(e) + (n - 1) * total(map(abs, c))
                     for c, e in zip(zip(*self.value), zip(*self.error))]])


def exact(rows: Matrix) -> Run:
    """Numbers that are given."""
    return Run(rows, [[ZERO] * len(row) for row in rows])


def linear_along(x: Run, dx: Run, weight: Run, d_weight: Run, d_bias: Vector | None) -> Run:
    """dx · weightᵀ + x · d_weightᵀ + d_bias."""
    z = dx @ weight.T + x @ d_weight.T
    return z + exact([d_bias] * len(z.value)) if d_bias else z


def log_softmax_along(log_p: Run, dz: Run, sharp: bool) -> Run:
    """dz - Σ p dz; `sharp`: the largest entry as -expm1(log p) dz - Σ p dz over the others."""
    rows = [_along(*row, sharp) for row in zip(log_p.value, log_p.error, dz.value, dz.error)]
    return Run([value for value, _ in rows], [error for _, error in rows])


def _along(log_p: Vector, el: Vector, dz: Vector, ez: Vector, sharp: bool) -> tuple[Vector, Vector]:
    p, n = [v.exp() for v in log_p], len(log_p)
    terms = [q * d for q, d in zip(p, dz)]
    errors = [q * (e + abs(d) * (l + K + 1)) for q, d, e, l in zip(p, dz, ez, el)]
    value = [d - total(terms) for d in dz]
    common = total(errors) + (n - 1) * total(map(abs, terms))
    error = [e + common + abs(v) for e, v in zip(ez, value)]
    if sharp:
        j = log_p.index(max(log_p))
        others = [k for k in range(n) if k != j]
        lacks = total(p[k] for k in others)                     # 1 - p of the largest
        value[j] = lacks * dz[j] - total(terms[k] for k in others)
        error[j] = (lacks * ez[j] + abs(dz[j]) * (p[j] * el[j] + (K + 1) * lacks)
                    + total(errors[k] for k in others)
                    + (n - 1) * total(abs(terms[k]) for k in others) + abs(value[j]))
    return value, error


def curvature(q: Vector, eq: Vector, log_p: Run, along: Run) -> Run:
    """-q p d(log p), row by row: how the gradient at the scores moves."""
    value: Matrix = []
    error: Matrix = []
    for a, ea, row in zip(q, eq, zip(log_p.value, log_p.error, along.value, along.error)):
        p = [v.exp() for v in row[0]]
        value.append([-a * b * d for b, d in zip(p, row[2])])
        error.append([b * (ea * abs(d) + abs(a) * (abs(d) * (el + K + 2) + ed))
                      for b, el, d, ed in zip(p, row[1], row[2], row[3])])
    return Run(value, error)

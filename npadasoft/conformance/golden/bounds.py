"""How far a correct port may be off: a first-order error analysis carried beside the values.

Every number of this file is in units of the unit roundoff u: "any sane evaluation in precision u
lies within bound · u".  The rules are few:

    a sum of n terms           (n - 1) · Σ|x|                    + what the terms bring
    a dot product of n terms   n · Σ|a·b|                        + Σ e(a)·|b| + |a|·e(b)
    exp, log, log1p, expm1     K · |result|, K = 8               + what the argument brings
    a log-softmax              see `log_softmax`

and nothing is added where a result is exact.  A bound is not a value: that the formulas of the
backward pass stand here does not bring them into the expected gradients, which are differences (see
`oracle.py`).
"""
from __future__ import annotations

from decimal import Decimal, ROUND_CEILING, localcontext
from typing import Sequence

K = 8                           # ulps allowed to one call of exp, log, log1p, expm1
ZERO = Decimal(0)

Vector = list[Decimal]
Matrix = list[Vector]


def total(terms) -> Decimal:
    return sum(terms, start=ZERO)


def round_up(e: Decimal) -> float:
    """To three digits, upwards."""
    if not e.is_finite() or e == 0:
        return 0.0
    with localcontext() as context:
        context.prec = 3
        context.rounding = ROUND_CEILING
        return float(+e)


def integers(values: Sequence[Decimal]) -> tuple[list[int], int]:
    """(n, d) with values = n / d, d one power of 2 for all; what is not finite counts as 0."""
    ratios = [v.as_integer_ratio() if v.is_finite() else (0, 1) for v in values]
    grain = max((d for _, d in ratios), default=1)
    return [n * (grain // d) for n, d in ratios], grain


def exact_bits(xs: Matrix, *weights: Matrix, bias: Vector | None = None) -> int:
    """The precision at which x @ w.T @ w.T ... + bias is exact, in any order, with or without FMA.

    All factors of one tensor are integers over a common power of 2, hence so is every partial sum,
    and none is larger than the same product of absolute values: that integer has as many bits as
    can be needed.
    """
    grain, bits = 1, 1
    rows: list[list[int]] = []
    for w in [xs, *weights]:
        flat, d = integers([v for row in w for v in row])
        grain *= d
        bits = max([bits] + [n.bit_length() for n in flat])
        places = iter(flat)
        whole = [[abs(next(places)) for _ in row] for row in w]
        rows = whole if w is xs else [
            [sum(a * b for a, b in zip(row, v)) for v in whole] for row in rows]
    if bias:
        flat, d = integers(bias)
        common = max(grain, d)
        rows = [[v * (common // grain) + abs(b) * (common // d) for v, b in zip(row, flat)]
                for row in rows]
    return max([bits] + [v.bit_length() for row in rows for v in row])


def transposed(a: Matrix) -> Matrix:
    return [list(column) for column in zip(*a)]


def matmul(a: Matrix, b: Matrix) -> Matrix:
    columns = transposed(b)
    return [[total(v * w for v, w in zip(row, column) if v) for column in columns] for row in a]


def magnitudes(a: Matrix) -> Matrix:
    return [[abs(v) for v in row] for row in a]


def add(a: Matrix, b: Matrix) -> Matrix:
    return [[v + w for v, w in zip(r, s)] for r, s in zip(a, b)]


def product(a: Matrix, b: Matrix, ea: Matrix | None = None, eb: Matrix | None = None) -> Matrix:
    """Bound on a @ b, whose factors are off by ea and eb."""
    a, b = magnitudes(a), magnitudes(b)
    result = [[len(b) * v for v in row] for row in matmul(a, b)]
    if ea:
        result = add(result, matmul(ea, b))
    return add(result, matmul(a, eb)) if eb else result


def log_softmax(z: Vector, log_p: Vector, ez: Vector | None = None,
                concession: bool = True) -> Vector:
    """e_j = e(z_j) + |t_j| + |ℓ_j| + Σ_k p_k·(e(z_k) + |t_k| + K) + (n - 1) + K·L.

    `concession` adds |m| + |m + L|, so that z - (m + L) counts as correct too.
    [Blanchard, Higham, Higham 2021, arXiv 1909.03469, eq. 4.8, with Σ p|t| for z_max - z_min]
    """
    ez = ez or [ZERO] * len(z)
    top = max(z)
    t = [v - top for v in z]
    p = [v.exp() for v in log_p]
    L = -max(log_p)
    common = total(q * (e + abs(s) + K) for q, e, s in zip(p, ez, t) if q) + len(z) - 1 + K * L
    if concession:
        common += abs(top) + abs(top + L)
    return [e + abs(s) + abs(v) + common for e, s, v in zip(ez, t, log_p)]


def log_softmax_sharp(z: Vector, log_p: Vector) -> Vector:
    """The bound of t - log1p(s), logits being exact: relative for the largest entry.

        largest    |ℓ|·(1 + K + K + (n - 1) + E / L),    E = Σ p|t|
        another    |t| + |ℓ| + K·L + s/(1+s)·(K + n - 1) + E
    """
    n, top = len(z), max(z)
    t = [v - top for v in z]
    L = -max(log_p)
    E = total(v.exp() * abs(s) for v, s in zip(log_p, t) if s)
    others = 1 - (-L).exp() if L > Decimal("1e-9") else L           # s / (1 + s)
    rest = K * L + others * (K + n - 1) + E
    first = z.index(top)
    return [L * (2 * K + n) + E if j == first else abs(s) + abs(v) + rest
            for j, (s, v) in enumerate(zip(t, log_p))]


def logit_gradient(a: Vector, z: Vector, log_p: Vector, el: Vector, ea: Vector | None = None,
                   sharp: bool = False) -> tuple[Vector, Vector]:
    """Size of a - (Σa)·p, the gradient at logits, and its bound.

    e_k = e(a_k) + p_k·e(Σa) + |Σa|·p_k·(e(ℓ_k) + K + 1) + 2|v_k|, which a port that subtracts
    keeps.  `sharp`, for a cotangent with one entry g: |q|·p_k·(|ℓ_k| + K) elsewhere, and through
    expm1 at g.
    """
    ea = ea or [ZERO] * len(a)
    p = [v.exp() for v in log_p]
    rho = total(a)
    filled = sum(1 for v in a if v)
    e_rho = total(ea) + max(filled - 1, 0) * total(abs(v) for v in a)
    size, error = [], []
    for k, q in enumerate(p):
        if filled == 1 and a[k]:
            with localcontext() as context:             # 1 - p of a confident row, all its digits
                context.prec += max(0, -log_p[k].adjusted()) if log_p[k] else 0
                v = a[k] * (1 - log_p[k].exp())
            sharply = abs(a[k]) * q * el[k] + K * abs(v)
        else:
            v = a[k] - rho * q
            sharply = abs(rho) * q * (abs(log_p[k]) + K) if q else ZERO
        plainly = abs(rho) * q * (el[k] + K + 1) + q * e_rho + ea[k] if q else ea[k]
        size.append(v)
        if sharp:
            error.append(sharply + (total(ea) / abs(rho) * abs(v) if rho else ZERO) + 2 * abs(v))
        else:
            error.append(plainly + 2 * abs(v))
    return size, error


def pull_back(head: tuple[Matrix, Matrix], tails: Sequence[dict], xs: Matrix,
              weights: dict) -> dict:
    """Bounds on all gradients, given those on the gradients at the logits.

    head : sizes and bounds, (N, K) each, of grad.head_logits
    tails : for each its `rows`, `size` and `error` (M, O) of grad.tail.i.logits, and its `hidden`
        (M, H) with `hidden_error` (None where exact)
    """
    size, error = head
    found = {"grad.head.weight": product(transposed(size), xs, transposed(error)),
             "grad.head.bias": [_sum_bound(v, e) for v, e in zip(zip(*size), zip(*error))]}
    reached = product(size, weights["head.weight"], error)
    parts = matmul(size, weights["head.weight"])
    for i, tail in enumerate(tails):
        first, second = weights[f"tail.{i}.0.weight"], weights[f"tail.{i}.1.weight"]
        T, ET = tail["size"], tail["error"]
        found[f"grad.tail.{i}.1.bias"] = [_sum_bound(v, e) for v, e in zip(zip(*T), zip(*ET))]
        if not tail["rows"] or not first:
            found[f"grad.tail.{i}.hidden"] = [[] for _ in tail["rows"]]
            continue
        x = [xs[n] for n in tail["rows"]]
        S, ES = matmul(T, second), product(T, second, ET)
        found[f"grad.tail.{i}.hidden"] = ES
        found[f"grad.tail.{i}.0.weight"] = product(transposed(S), x, transposed(ES))
        found[f"grad.tail.{i}.1.weight"] = product(
            transposed(T), tail["hidden"], transposed(ET), tail["hidden_error"])
        for n, e, v in zip(tail["rows"], product(S, first, ES), matmul(S, first)):
            parts[n] = [a + b for a, b in zip(magnitudes([parts[n]])[0], magnitudes([v])[0])]
            reached[n] = [a + b + c for a, b, c in zip(reached[n], e, parts[n])]
    found["grad.input"] = reached
    return found


def _sum_bound(values: Sequence[Decimal], errors: Sequence[Decimal]) -> Decimal:
    return (len(values) - 1) * total(abs(v) for v in values) + total(errors)

"""What rounding may do to an answer of an exercise: bounds, in units of u = 2^-53.

    N rows   K entries of one softmax

All inputs are small multiples of 1/8 (`eighths`), so that products and sums of a linear map are
exact in any order, and so are logits.  What is left to rounding are exp, log1p and expm1 (4 units
each: what NumPy promises of its own) and the sums behind them:

    s = Σ exp(z[k] - z[j*]), k ≠ j*     K + 4 units, of positive numbers
    log p = t - log1p(s)                K + 10 units of |log p|: t <= 0, nothing cancels
    p = exp(log p)                      (K + 10) |log p| + 4 units of p
    1 - p = -expm1(log p)               K + 14 units of 1 - p

Everything is doubled: ours, which is held against the reader's, rounds as well.
"""
import numpy as np

U = 2.0**-53


def eighths(rng, *shape):
    """Multiples of 1/8 between -2 and 2."""
    return rng.integers(-16, 17, shape) / 8


def log_p(value, k):
    """Of a log-softmax over k entries, or of the sum of two over at most k."""
    return 2 * (k + 12) * U * abs(value)


def logits(log_p, index, q):
    """(size, bound) of dL/dz of the picked entries, both (N, K)."""
    n, k = log_p.shape
    rows = np.arange(n)
    size = np.exp(log_p) * abs(q)[:, None]
    size[rows, index] = -np.expm1(log_p[rows, index]) * abs(q)
    units = (k + 10) * abs(log_p) + 8
    units[rows, index] = k + 18
    return size, 2 * units * U * size


def logits_of_all(log_p, grad):
    """(size, bound) of dL/dz for the gradient of every log p, both (N, K)."""
    k, p = log_p.shape[1], np.exp(log_p)
    rows, top = np.arange(log_p.shape[0]), log_p.argmax(-1)
    size = abs(grad) + p * abs(grad).sum(-1)[:, None]
    others = abs(grad).sum(-1) - abs(grad)[rows, top]
    size[rows, top] = -np.expm1(log_p[rows, top]) * abs(grad)[rows, top] + p[rows, top] * others
    return size, 2 * ((k + 10) * abs(log_p) + 2 * k + 18) * U * size


def product(pair, other):
    """(size, bound) of a product of what has (size, bound) with an exact matrix."""
    size, bound = pair
    other = abs(other)
    return size @ other, (bound + 2 * size.shape[-1] * U * size) @ other


def total(*pairs):
    """(size, bound) of a sum."""
    size = sum(size for size, _ in pairs)
    return size, sum(bound for _, bound in pairs) + 2 * len(pairs) * U * size


def transposed(pair):
    """(size, bound) of the transpose."""
    return tuple(part.T for part in pair)

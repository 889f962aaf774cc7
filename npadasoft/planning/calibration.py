"""The cost constants of this machine, from a second of matrix products."""

from __future__ import annotations

import dataclasses
import time

import numpy as np

SIZES = tuple(2 ** n for n in range(15))        # classes per product


@dataclasses.dataclass(frozen=True)
class Constants:
    """g(k, B) = max(c + λ·k₀B₀, c + λ·k·B): the time of a (B, D) by (D, k) product."""

    constant: float     # c, seconds
    slope: float        # λ, seconds per class and example
    floor: float        # k₀B₀, classes times examples

    def in_classes(self, batch):
        """`floor` and `overhead` of a Cost, in classes, for a batch of `batch` examples."""
        return {"floor": self.floor / batch, "overhead": self.constant / (self.slope * batch)}


def fit(work, seconds):
    """The constants that explain measured times.

    Parameters
    ----------
    work : (n,) array, classes times examples, increasing
    seconds : (n,) array

    Returns
    -------
    Constants

    Raises
    ------
    ValueError
        If the largest products take no longer than the smallest.

    Notes
    -----
    The line is fitted to the largest quarter of the products, by least squares of the relative
    error.  c is held between 0 and the fastest product; k₀B₀ is where the line meets that.

    Examples
    --------
    >>> work = np.array([1e3, 1e4, 1e6, 2e6, 4e6, 8e6])
    >>> found = fit(work, 1e-3 + 1e-9 * np.maximum(5e5, work))
    >>> round(found.constant, 9), round(found.slope, 15), round(found.floor)
    (0.001, 1e-09, 500000)
    """
    work, seconds = np.asarray(work, dtype=np.float64), np.asarray(seconds, dtype=np.float64)
    large = slice(-max(2, len(work) // 4), None)
    x, t = work[large], seconds[large]
    (line, _), *_ = np.linalg.lstsq(np.stack([1 / t, x / t], 1), np.ones(len(t)), rcond=None)
    constant = min(max(0.0, line), seconds.min())
    slope = (x / t * (1 - constant / t)).sum() / (x / t * (x / t)).sum()     # given the constant
    if not slope > 0:
        raise ValueError("the times of the products do not grow with their size: measure again")
    floor = (seconds.min() - constant) / slope
    return Constants(float(constant), float(slope), float(floor))


def measure(features, batch, sizes=SIZES, repeats=7, clock=time.perf_counter):
    """Seconds of a float32 (batch, features) by (features, k) product, for every k of `sizes`.

    The best of `repeats`, after a round that is thrown away.
    """
    rng = np.random.default_rng(0)
    x = rng.standard_normal((batch, features), dtype=np.float32)
    weight = rng.standard_normal((max(sizes), features), dtype=np.float32)
    out = np.empty((batch, max(sizes)), dtype=np.float32)
    seconds = np.empty((repeats + 1, len(sizes)))
    for times in seconds:
        for i, k in enumerate(sizes):
            begin = clock()
            np.matmul(x, weight[:k].T, out=out[:, :k])
            times[i] = clock() - begin
    return seconds[1:].min(0)


def calibrate(features, batch, **how):
    """Measure and fit: the `Constants` of this machine.  Takes about a second."""
    sizes = how.pop("sizes", SIZES)
    return fit(np.array(sizes) * float(batch), measure(features, batch, sizes, **how))

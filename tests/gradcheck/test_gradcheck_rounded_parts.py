"""Smooth functions beside a part that is computed coarsely: 48 of them, 15 seeds each.

The right gradient, that of the part as it was meant, never FAILs; one without the part, which is
what f has between two stairs, never PASSes, if each number is at least eight stairs wide.
"""
from collections import Counter

import numpy as np
import pytest

from npadasoft import gradcheck

pytestmark = pytest.mark.once


def bfloat16(a):
    bits = np.asarray(a, np.float32).view(np.uint32)
    return ((bits + 0x7fff + ((bits >> 16) & 1)) & 0xffff0000).view(np.float32).astype(float)


ROUNDED = {"float16": lambda a: a.astype(np.float16).astype(float), "bfloat16": bfloat16,
           "float32": lambda a: a.astype(np.float32).astype(float),
           "1 decimal": lambda a: np.round(a, 1), "2 decimals": lambda a: np.round(a, 2),
           "4 decimals": lambda a: np.round(a, 4), "8ths": lambda a: np.floor(a * 8) / 8,
           "256ths": lambda a: np.rint(a * 256) / 256}


STEP = {"1 decimal": 0.1, "2 decimals": 0.01, "4 decimals": 1e-4, "8ths": 0.125, "256ths": 2 ** -8}
MANY = 8        # stairs in a number: of fewer the slope of the part cannot be told


def narrow(drawn, rounded):
    """Whether each number is many stairs wide: a relative rounding is always so.

    A stair of the part is as much wider along x as the part is flatter than x.
    """
    x, _, slope, *_ = drawn
    steep = np.minimum(1, np.abs(slope(x)))
    return bool((np.abs(x) * steep).min() >= MANY * STEP.get(rounded, 0.0))


# each: (x, the coarse part, its gradient, the smooth part, its gradient)

def one(rng):
    return (rng.normal(size=1), lambda x, r: r(np.tanh(x)).sum(), lambda x: 1 - np.tanh(x) ** 2,
            lambda x: 0.05 * (x ** 2).sum(), lambda x: 0.1 * x)


def few(rng):
    return (rng.normal(size=5), lambda x, r: r(np.exp(x)).sum() / 4, lambda x: np.exp(x) / 4,
            lambda x: (x ** 2).sum(), lambda x: 2 * x)


def inputs(rng):
    return (rng.normal(size=4), lambda x, r: (r(x) ** 2).sum(), lambda x: 2 * x,
            lambda x: np.sin(x).sum(), np.cos)


def network(rng):
    X, W = rng.normal(size=(8, 4)), rng.normal(size=(4, 3))
    return (W, lambda W, r: r(np.tanh(X @ r(W))).sum(), lambda W: X.T @ (1 - np.tanh(X @ W) ** 2),
            lambda W: 0.05 * (W ** 2).sum(), lambda W: 0.1 * W)


def normaliser(rng):
    w, x = rng.normal(size=6), rng.normal(size=6)
    return (x, lambda x, r: r(np.log(np.exp(x).sum())), lambda x: np.exp(x) / np.exp(x).sum(),
            lambda x: (w * x * x).sum() / 2, lambda x: w * x)


def waves(rng):
    A, x = rng.normal(size=(4, 4)), rng.normal(size=4)
    return (x, lambda x, r: r(np.sin(3 * x)).sum(), lambda x: 3 * np.cos(3 * x),
            lambda x: (x * (A @ x)).sum() / 2, lambda x: (A + A.T) @ x / 2)


PARTS = (one, few, inputs, network, normaliser, waves)


def entropy(rng):
    return (rng.uniform(0.1, 0.9, 4),
            lambda p, r: r(-p * np.log(p) - (1 - p) * np.log(1 - p)).sum(),
            lambda p: np.log((1 - p) / p), lambda p: (p ** 2).sum() / 2, lambda p: p)


NARROW = (entropy,)       # whose domain ends where stairs are looked for


def verdicts(draw, rounded, seed):
    """Of the right gradient, and of the one without the coarse part."""
    x, coarse, coarse_slope, smooth, smooth_slope = draw(np.random.default_rng(seed))

    def f(x):
        x = np.asarray(x, float)
        return float(coarse(x, ROUNDED[rounded]) + smooth(x))
    with np.errstate(all="ignore"):
        return [gradcheck.check(f, x, lambda x: part * coarse_slope(x) + smooth_slope(x),
                                seed=seed).verdict for part in (1, 0)]


@pytest.mark.parametrize("rounded", ROUNDED)
@pytest.mark.parametrize("draw", PARTS + NARROW)
def test_no_right_one_fails_and_none_without_the_coarse_part_passes(draw, rounded):
    for seed in range(3):
        if narrow(draw(np.random.default_rng(seed)), rounded):
            right, lost = verdicts(draw, rounded, seed)
            assert right != "FAIL" and lost != "PASS", (seed, right, lost)


@pytest.mark.figures
def test_figure_of_coarse_parts():
    total = {True: (Counter(), Counter()), False: (Counter(), Counter())}
    print("\n15 seeds of each: verdicts of the right gradient | of the one without the coarse part")
    for draw in PARTS:
        for rounded in ROUNDED:
            of = {True: (Counter(), Counter()), False: (Counter(), Counter())}
            for seed in range(15):
                many = narrow(draw(np.random.default_rng(seed)), rounded)
                for kind, verdict in zip(of[many], verdicts(draw, rounded, seed)):
                    kind[verdict] += 1
            for many, counts in of.items():
                if counts[0]:
                    print(f"{draw.__name__:10} {rounded:10} {'' if many else 'wide':4} "
                          + " | ".join(map(_counts, counts)), flush=True)
                for whole, part in zip(total[many], counts):
                    whole += part
    for many, name in ((True, "all, narrow stairs"), (False, "all, wide ones")):
        print(f"{name:26} " + " | ".join(map(_counts, total[many])))
    assert total[True][0]["FAIL"] == total[True][1]["PASS"] == 0


def _counts(counter):
    return ", ".join(f"{n} {verdict}" for verdict, n in sorted(counter.items()))

"""What no single number shows: errors that are too large in the mean, or lean to one side.

A bound holds for any order of summation, and on generic numbers real errors are far below it.  So
a sum that truncates, factors that are cut short, an exp that leans to one side pass everywhere.
They show in many numbers taken together.  Some cases therefore store, for each number, the
standard deviation `sd` that independent roundings give at most (derived in `golden/spread.py`) and
the direction `toward` in which it moves when sums come out too near to 0.  With the errors
z = (got - want) / (sd · u), signed along that direction,

    rms     the mean of z² is 1 at most.  Numbers of one group (a row) share roundings, at worst
            all of them, so that the mean of G groups of variance 2 each has a standard deviation
            of sqrt(2 / G): it may be 1 + 4 · sqrt(2 / G).
    lean    with T the sums of z over the groups, Σ T / sqrt(Σ T²).  Roundings of different rows are
            independent and as likely up as down, and then this is beyond ±t with a probability of
            2 exp(-t²/2) at most, whatever their size [Efron 1969; Hoeffding's bound, given |T|],
            and like a normal number's where there are many: it may be 4, after what exp and log
            may lean by was taken off Σ T.

What exp may lean by: a faithful function answers one of the two numbers beside the true value, so
that it errs by less than an ulp.  Rounding to nearest takes half of that, and leans to neither
side; the other half may lie on one side all the time.  In ℓ = z - m - log Σ e_k with
e_k = exp(z_k - m) this moves the sum by Σ ulp(e_k)/2, and ℓ by that over Σ e_k.  The largest term
is left out: exp(0) is 1, which a faithful function answers.  In the cases here that comes to 0.3 to
0.6 u for each log-softmax in a number, at most u.  An exp that is 0.6 ulp off everywhere, at that 1
too, moves ℓ by 0.8 to 1.2 u, which is beyond it by 6 to 14 sigma in a thousand numbers.  (One that
leans by a little more than half an ulp and has exp(0) = 1 is not told from a faithful one.)  The
log of a row has no allowance of its own: half an ulp of log Σ e_k, 0.5 to u, is as much as an exp
that is wrong.  Good libraries need none: onnxruntime's Log of doubles leans by 0.25 ulp on average,
the most that was seen (tests/figures/statistics.txt).

A stored number is itself rounded to a double, ulp²/12 beside the variance; in float64 that is part
of what is seen, and leans to neither side.  Numbers that share more than a row (gradients of
weights, which are sums over all rows) are not asked how they lean.  The idea of both is that of
TOSA's conformance test for dot products.
"""
from typing import NamedTuple

import numpy as np

from npadasoft.conformance.judge.compare import blocks, values
from npadasoft.conformance.judge.numbers import round_to, tiny, ulp64, unit

SIGMA = 4.0


class Statistic(NamedTuple):
    """The errors of one tensor, taken together."""

    tensor: str
    n: int                  # numbers
    rms: float              # root of the mean square of z
    most: float             # what it may be
    lean: float | None      # in sigma; None where rows are not independent
    drift: float = 0.0      # sigma of it that are allowed beside SIGMA

    @property
    def wrong(self):
        """Whether no correct port errs so."""
        return self.rms > self.most or abs(self.lean or 0.0) > SIGMA + self.drift

    @property
    def message(self):
        """What is wrong, for the author of the port."""
        if self.rms > self.most:
            return (f"{self.tensor}: the errors of {self.n} numbers, each within its bound, are "
                    f"{self.rms:.3g} times as large in the mean as independent roundings make them "
                    f"(at most {self.most:.3g} is due): are factors cut short, or sums truncated?")
        lean, allowed = self.lean or 0.0, SIGMA + self.drift
        return (f"{self.tensor}: the errors of {self.n} numbers, each within its bound, lean to "
                f"one side by {lean:+.3g} sigma ({allowed:.3g} are allowed; + is "
                "how truncated sums move them): does a sum truncate, or exp or log lean?")


def statistics(case, dtype, got):
    """The `Statistic` of each tensor that was answered and for which one is stored.

    Parameters
    ----------
    case : mapping
    dtype : str
    got : mapping
        Tensor name -> float64 array, of the right shape.
    """
    stored = [(name, b) for name, b in blocks(case)[0].items() if "sd" in b and name in got]
    found = (statistic(name, got[name], block, dtype, leans(name, case))
             for name, block in stored)
    return [s for s in found if s is not None]


def leans(name, case):
    """What a faithful exp may move each number of a tensor by, in u, flat; 0 for a gradient."""
    if name not in ("output", "log_prob"):
        return 0.0
    p, x = ({n: values(t) for n, t in case[group].items()} for group in ("params", "inputs"))
    edges = [*case["config"]["cutoffs"], case["config"]["n_classes"]]
    rows = x["input"].reshape(-1, x["input"].shape[-1])
    head = _lean(rows @ p["head.weight"].T + p.get("head.bias", 0.0))
    tails = [_lean(rows @ p[f"tail.{i}.0.weight"].T @ p[f"tail.{i}.1.weight"].T)
             for i in range(len(edges) - 1)]
    whole = np.stack([head, *(head + tail for tail in tails)], axis=1)
    if name == "output":
        where = np.searchsorted(edges[:-1], x["target"].ravel(), side="right")
        return np.take_along_axis(whole, where.astype(int)[:, None], 1).ravel()
    return np.repeat(whole, np.diff([0, *edges]), axis=1).ravel()


def _lean(z):
    """Σ ulp(e_k) / 2 over Σ e_k, in u, without the largest term: (N,)."""
    t = z - z.max(-1, keepdims=True)
    e = np.exp(t)
    return (np.spacing(e) * (t < 0)).sum(-1) / 2 / e.sum(-1) / unit("float64")


def statistic(name, got, block, dtype, lean_of_exp=0.0):
    """The errors of one tensor taken together; None where some number is not finite.

    lean_of_exp : see `leans`
    """
    want, places = values(block).ravel(), block.get("at")
    places = np.arange(want.size) if places is None else np.array(places)
    got = round_to(np.asarray(got, np.float64).ravel()[places], dtype)
    if not np.isfinite(got).all():
        return None
    sd = np.hypot(np.array(block["sd"]) * unit(dtype), ulp64(want) / 12 ** 0.5) + tiny(dtype)
    signs = np.array([1.0 if way == "+" else -1.0 for way in block["toward"]])
    z = signs * (got - want) / sd
    groups = places // block["group"]
    sums = np.bincount(groups, z)
    size = np.sqrt((sums ** 2).sum())
    n_groups = len(np.unique(groups))
    lean = None if name.endswith("weight") else float(sums.sum() / size) if size else 0.0
    drift = (lean_of_exp * unit(dtype) / sd).sum() / size if size else 0.0
    return Statistic(name, z.size, float(np.sqrt(np.mean(z ** 2))),
                     float(np.sqrt(1 + SIGMA * np.sqrt(2 / n_groups))), lean, float(drift))

"""What the right answers are: the definition in `decimal`, and differences of it for the gradients.

Nothing here knows a derivative.  A gradient is a central difference of `reference.py` with h =
1e-25 and so many digits that its first forty or more are right; therefore no hand-derived formula
can be wrong in the oracle and in the code under test alike.  The differences are those of one row's
output at a time, because a row depends on no other; the gradient of a batch is their sum, weighted
with what arrives at each row.  What moves along a direction, and the Hessian's product with it, are
differences of these again.
"""
from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, getcontext, localcontext
from functools import lru_cache
from typing import Any, Callable, Iterable, Sequence

from npadasoft import reference

VERSION = 1                     # raised whenever stored values or bounds would come out differently
STEP = Decimal("1e-25")
DIGITS = 75
NOISE = Decimal("1e-30")        # below it a slope is looked at twice: the rest of an exact 0?
LN10 = Decimal("2.302585092994045684")

Vector = list[Decimal]
Slot = tuple[list, int]         # one number that can be moved: its list, and its place there


@lru_cache(maxsize=1024)
def _log1p(s: Decimal, precision: int) -> Decimal:
    with localcontext() as context:
        context.prec = precision + (max(0, -s.adjusted()) if s else 0)
        return (1 + s).ln()


def log1p(s: Decimal) -> Decimal:
    """ln(1 + s), with as many more digits as s has zeros after its point: `decimal` has no log1p.
    """
    return _log1p(s, getcontext().prec)


@dataclass
class Problem:
    """The layer and the rows that count, all numbers exact decimals."""

    cutoffs: tuple[int, ...]                # ends with n_classes
    parameters: dict[str, Any]              # torch's names -> nested lists
    xs: list[Vector]                        # (N, D)
    targets: list[int]                      # (N,), or empty where only log_prob is wanted

    @property
    def n_clusters(self) -> int:
        return len(self.cutoffs) - 1

    def rows_of(self, i: int) -> list[int]:
        """Rows whose target lives in tail i, in batch order."""
        tails = [reference.locate(y, self.cutoffs)[0] for y in self.targets]
        return [n for n, tail in enumerate(tails) if tail == i]


def log_softmax(z: Vector) -> Vector:
    return reference.log_softmax(z, Decimal.exp, log1p)


def output(problem: Problem, n: int) -> Decimal:
    return reference.output(problem.xs[n], problem.targets[n], problem.parameters, problem.cutoffs,
                            Decimal.exp, log1p)


def log_prob(problem: Problem, n: int) -> Vector:
    return reference.log_prob(problem.xs[n], problem.parameters, problem.cutoffs,
                              Decimal.exp, log1p)


def digits(problem: Problem) -> int:
    """75, and one more for each factor of 10 between the largest and the smallest probability."""
    spread = Decimal(0)
    with localcontext() as context:
        context.prec = 50
        for x in problem.xs:
            scores = [reference.head_logits(x, problem.parameters)]
            scores += [reference.tail_logits(x, problem.parameters, i)
                       for i in range(problem.n_clusters)]
            for z in scores:
                finite = [v for v in z if v.is_finite()]
                spread = max([spread, max(finite) - min(finite)])
    return DIGITS + int(spread / LN10) + 1


def slots(nested: list, only: Iterable[int] | None = None) -> list[Slot]:
    """Every number of a list of lists (or of a list) in C order, or those at the flat places
    `only`.
    """
    if nested and isinstance(nested[0], list):
        every: list[Slot] = [(row, j) for row in nested for j in range(len(row))]
    else:
        every = [(nested, j) for j in range(len(nested))]
    return every if only is None else [every[k] for k in only]


def _slope(f: Callable[[], Decimal], slot: Slot, step: Decimal) -> Decimal:
    numbers, j = slot
    middle = numbers[j]
    numbers[j] = middle + step
    above = f()
    numbers[j] = middle - step
    below = f()
    numbers[j] = middle
    return (above - below) / (2 * step)


def slope(f: Callable[[], Decimal], slot: Slot, step: Decimal = STEP) -> Decimal:
    """df/d(the number in `slot`): the central difference, and 0 where that is an exact 0's
    remainder.

    A remainder is what is left of terms that cancel: it moves with h and the digits, a true slope
    does not.
    """
    first = _slope(f, slot, step)
    if first == 0 or abs(first) > NOISE:
        return first
    with localcontext() as context:
        context.prec += 30
        second = _slope(f, slot, step / 100000)
    return first if abs(second - first) < abs(first) * Decimal("1e-15") else Decimal(0)


def slopes(f: Callable[[], Decimal], places: Sequence[Slot], step: Decimal = STEP) -> Vector:
    return [slope(f, slot, step) for slot in places]


def weighted_sum(weights: Vector, terms: Sequence[Vector], size: int) -> Vector:
    """Σ_n weights[n] · terms[n], with what remains of a sum that cancels put to 0."""
    result = []
    for j in range(size):
        parts = [w * t[j] for w, t in zip(weights, terms)]
        total = sum(parts, start=Decimal(0))
        mass = sum((abs(p) for p in parts), start=Decimal(0))
        result.append(total if abs(total) > mass * Decimal("1e-35") else Decimal(0))
    return result


def function_of(problem: Problem, n: int, seed: Any) -> tuple[Decimal, Callable[[], Decimal]]:
    """What is differentiated in row n, and the weight of the result.

    `seed` is a number where the row's `output` receives it, a list where all of its `log_prob` do.
    """
    if not isinstance(seed, list):
        return seed, lambda: output(problem, n)
    return Decimal(1), lambda: sum(
        (a * b for a, b in zip(seed, log_prob(problem, n)) if a), start=Decimal(0))


def parameter_gradient(problem: Problem, name: str, seeds: Sequence[Any],
                       only: Iterable[int] | None = None, step: Decimal = STEP) -> Vector:
    """d Σ_n seeds[n] · output[n] / d parameters[name], flat.  `only`: these flat places alone."""
    places = slots(problem.parameters[name], only)
    tail = int(name.split(".")[1]) if name.startswith("tail") else None
    weights, terms = [], []
    for n, seed in enumerate(seeds):
        weight, f = function_of(problem, n, seed)
        elsewhere = tail is not None and not isinstance(seed, list) and (
            reference.locate(problem.targets[n], problem.cutoffs)[0] != tail)
        if weight and not elsewhere:                # the definition does not look at other tails
            weights.append(weight)
            terms.append(slopes(f, places, step))
    return weighted_sum(weights, terms, len(places))


def input_gradient(problem: Problem, seeds: Sequence[Any], step: Decimal = STEP) -> list[Vector]:
    """d Σ_n seeds[n] · output[n] / d xs: (N, D)."""
    rows = []
    for n, (x, seed) in enumerate(zip(problem.xs, seeds)):
        weight, f = function_of(problem, n, seed)
        rows.append([weight * d for d in slopes(f, slots(x), step)] if weight
                    else [Decimal(0)] * len(x))
    return rows


# ------------------------------------------------------------------ along a direction

def moved(problem: Problem, tangents: dict[str, Any], h: Decimal) -> Problem:
    """The problem at h times the tangents from where it is; what has none stays."""
    def step(numbers, along):
        if numbers and isinstance(numbers[0], list):
            return [step(*rows) for rows in zip(numbers, along)]
        return [v + h * d for v, d in zip(numbers, along)]
    parameters = {name: step(w, tangents[name]) if name in tangents else w
                  for name, w in problem.parameters.items()}
    xs = step(problem.xs, tangents["input"]) if "input" in tangents else problem.xs
    return Problem(problem.cutoffs, parameters, [list(x) for x in xs], problem.targets)


def along(problem: Problem, tangents: dict[str, Any],
          f: Callable[[Problem, Decimal], Vector], step: Decimal = STEP) -> Vector:
    """How f(problem, h), a vector that may be differences with the step h itself, moves along the
    tangents; 0 where what is found is an exact 0's remainder, as in `slope`.
    """
    def estimate(h):
        above, below = f(moved(problem, tangents, h), h), f(moved(problem, tangents, -h), h)
        return [(a - b) / (2 * h) for a, b in zip(above, below)]

    first = estimate(step)
    if all(v == 0 or abs(v) > NOISE for v in first):
        return first
    with localcontext() as context:
        context.prec += 60
        second = estimate(step / 100000)
    return [a if abs(a) > NOISE or abs(b - a) < abs(a) * Decimal("1e-15") else Decimal(0)
            for a, b in zip(first, second)]


def gradients_along(problem: Problem, tangents: dict[str, Any], n: int, names: Sequence[str],
                    step: Decimal = STEP) -> Vector:
    """How d output[n] / d(xs[n], then each parameter in `names`) moves along the tangents, flat."""
    def gradients(there, h):
        places = slots(there.xs[n])
        for name in names:
            places = places + slots(there.parameters[name])
        return [_slope(lambda: output(there, n), place, h) for place in places]
    return along(problem, tangents, gradients, step)


# ------------------------------------------------------------------ parts of the layer

def logit_gradient(z: Vector, picked: int, seed: Decimal, step: Decimal = STEP) -> Vector:
    """seed · d log_softmax(z)[picked] / dz."""
    z = list(z)
    return [seed * d for d in slopes(lambda: log_softmax(z)[picked], slots(z), step)]


def hidden_gradient(hidden: Vector, weight: list, picked: int, seed: Decimal,
                    step: Decimal = STEP, bias: Vector | None = None) -> Vector:
    """seed · d log_softmax(weight · hidden + bias)[picked] / d hidden."""
    h = list(hidden)
    return [seed * d for d in slopes(
        lambda: log_softmax(reference.linear(h, weight, bias))[picked], slots(h), step)]

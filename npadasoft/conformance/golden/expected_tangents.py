"""What moves along a direction, and the Hessian's product with it: differences, and their bounds.

Every value comes from `oracle.py`; `running.py` says how far a right port may be off.
"""
from __future__ import annotations

from decimal import Decimal
from math import prod
from typing import Any

from npadasoft.conformance.golden import oracle
from npadasoft.conformance.golden.expected_gradients import picked, row_seeds
from npadasoft.conformance.golden.expected_values import Expected, Softmax, nested
from npadasoft.conformance.golden.recipe import parameter_shapes
from npadasoft.conformance.golden.running import (Run, curvature, exact, linear_along,
                                                  log_softmax_along)
from npadasoft.conformance.golden.sheet import ZERO, Vector

AFTER = ["input", "target"]
MORE_DIGITS = 60                # of a difference of differences


class Tangents:
    """A case with a direction: its numbers, exact, as `Run`s."""

    def __init__(self, case: Expected):
        self.case, self.sharp, problem = case, case.sheet.sharp, case.problem
        self.given = {name: nested(t) for name, t in case.recipe.tangents.items()}
        if "input" in self.given:
            D = len(problem.xs[0])
            flat = [Decimal(v) for v in case.recipe.tangents["input"]["data"]]
            self.given["input"] = [flat[n * D:(n + 1) * D] for n in case.sheet.finite]
        self.along = {name: self.given.get(name, _zeros(w)) for name, w in
                      {"input": problem.xs, **problem.parameters}.items()}
        self.xs, self.dxs = exact(problem.xs), exact(self.along["input"])

    def weight(self, name: str) -> tuple[Run, Run]:
        """A weight, and how it moves."""
        return exact(self.case.parameters[name]), exact(self.along[name])

    def log_probs(self, softmaxes: list[Softmax], x: Run, dx: Run, name: str) -> tuple[Run, Run]:
        """Of a softmax over `name` · x: the log-probabilities, and how they move."""
        log_p = Run([s.log_p for s in softmaxes], [s.error for s in softmaxes])
        bias = self.along.get(name.replace("weight", "bias"))
        dz = linear_along(x, dx, *self.weight(name), bias)
        return log_p, log_softmax_along(log_p, dz, self.sharp)

    def tail(self, i: int, rows: list[int], softmaxes: list[Softmax]) -> dict[str, Run]:
        """All that the bounds of tail i need."""
        x, dx = self.xs.rows(rows), self.dxs.rows(rows)
        first, d_first = self.weight(f"tail.{i}.0.weight")
        hidden, d_hidden = x @ first.T, linear_along(x, dx, first, d_first, None)
        log_p, d_log_p = self.log_probs(softmaxes, hidden, d_hidden, f"tail.{i}.1.weight")
        return {"x": x, "dx": dx, "hidden": hidden, "d_hidden": d_hidden, "log_p": log_p,
                "d_log_p": d_log_p}


def _zeros(numbers: list) -> list:
    return [_zeros(v) if isinstance(v, list) else ZERO for v in numbers]


def of_output(case: Expected) -> None:
    """jvp.output and jvp.loss."""
    there = Tangents(case)
    values = [oracle.along(case.problem, there.given, lambda moved, h: [oracle.output(moved, n)],
                           case.step)[0] for n in range(len(case.problem.xs))]
    heads, tails = case.own_softmaxes()
    _, d_head = there.log_probs(heads, there.xs, there.dxs, "head.weight")
    errors = [d_head.error[n][place[1]] for n, place in enumerate(case.places)]
    for i, tail in enumerate(tails):
        if tail.rows:
            error = there.tail(i, tail.rows, tail.softmax)["d_log_p"].error
            for n, row in zip(tail.rows, error):
                errors[n] += row[case.places[n][2]] + abs(values[n])
    case.sheet.put_batch("jvp.output", [[v] for v in values], [[e] for e in errors], AFTER)
    case.loss("jvp.loss", values, errors, ["jvp.output"])


def of_log_prob(case: Expected) -> None:
    """jvp.log_prob: of every class of every row."""
    there, s = Tangents(case), case.cutoffs[0]
    values = [oracle.along(case.everyone, there.given, lambda moved, h: oracle.log_prob(moved, n),
                           case.step) for n in range(len(case.everyone.xs))]
    heads, tails = case.all_softmaxes()
    _, d_head = there.log_probs(heads, there.xs, there.dxs, "head.weight")
    errors = [row[:s] for row in d_head.error]
    for i, tail in enumerate(tails):
        error = there.tail(i, tail.rows, tail.softmax)["d_log_p"].error
        for n, row in enumerate(error):
            errors[n] = errors[n] + [d_head.error[n][s + i] + e for e in row]
    errors = [[e + (abs(v) if k >= s else 0) for k, (e, v) in enumerate(zip(*row))]
              for row in zip(errors, values)]
    case.sheet.put_batch("jvp.log_prob", values, errors, ["input"], case.cutoffs[-1])


def of_gradients(case: Expected) -> None:
    """hvp.*: the Hessian of Σ cotangent · output + cotangent · loss, times the direction."""
    there, D = Tangents(case), len(case.problem.xs[0])
    seeds, e_seeds = row_seeds(case)
    rows = _products(case, there, seeds)
    limits = _limits(there, seeds, e_seeds)
    after = [*AFTER, *(f"cotangents.{name}" for name in case.recipe.cotangents)]
    case.sheet.put_batch("hvp.input", [row["input"] for row in rows], limits["input"], after, D)
    for name, shape in parameter_shapes(case.recipe.config).items():
        size = prod(shape)
        mine = [row[name] for row in rows if name in row]
        values = oracle.weighted_sum([Decimal(1)] * len(mine), mine, size)
        errors = [e for row in limits.get(name, []) for e in row] or [ZERO] * size
        case.sheet.put(f"hvp.{name}", shape, values, errors, after)


def _products(case: Expected, there: Tangents, seeds: Vector) -> list[dict[str, Vector]]:
    """Of each row: name -> what its output adds to the product, weighted with what arrives."""
    found = []
    for n, seed in enumerate(seeds):
        tail = case.places[n][0]
        names = [name for name in case.parameters
                 if name.startswith(("head", f"tail.{tail}."))]         # no other tail is seen
        flat = oracle.gradients_along(case.problem, there.given, n, names, case.step)
        row, at = {}, 0
        for name, numbers in [("input", case.problem.xs[n]),
                              *((name, case.parameters[name]) for name in names)]:
            size = len(oracle.slots(numbers))
            row[name], at = [seed * v for v in flat[at:at + size]], at + size
        found.append(row)
    return found


def _limits(there: Tangents, seeds: Vector, e_seeds: Vector) -> dict[str, Any]:
    """Name -> bounds: the product as Pearlmutter forms it, with the rounding of each step."""
    case, places = there.case, there.case.places
    heads, tails = case.own_softmaxes()
    weight, d_weight = there.weight("head.weight")
    log_p, d_log_p = there.log_probs(heads, there.xs, there.dxs, "head.weight")
    dz = _gradients(case, heads, [p[1] for p in places], seeds, e_seeds)
    rz = curvature(seeds, e_seeds, log_p, d_log_p)
    found: dict[str, Any] = {"head.weight": (rz.T @ there.xs + dz.T @ there.dxs).error,
                             "head.bias": rz.column_sums().error}
    moved = rz @ weight + dz @ d_weight
    for i, tail in enumerate(tails):
        if not tail.rows:
            continue
        rows, t = tail.rows, there.tail(i, tail.rows, tail.softmax)
        q, eq = [seeds[n] for n in rows], [e_seeds[n] for n in rows]
        (first, d_first), (second, d_second) = (there.weight(f"tail.{i}.{k}.weight")
                                                for k in (0, 1))
        dt = _gradients(case, tail.softmax, [places[n][2] for n in rows], q, eq)
        rt = curvature(q, eq, t["log_p"], t["d_log_p"])
        ds, rs = dt @ second, rt @ second + dt @ d_second
        found |= {f"tail.{i}.1.weight": (rt.T @ t["hidden"] + dt.T @ t["d_hidden"]).error,
                  f"tail.{i}.0.weight": (rs.T @ t["x"] + ds.T @ t["dx"]).error,
                  f"tail.{i}.1.bias": rt.column_sums().error}
        part = rs @ first + ds @ d_first
        for n, value, error in zip(rows, *part):
            sums = [a + b for a, b in zip(moved.value[n], value)]
            moved.error[n] = [a + b + abs(v) for a, b, v in zip(moved.error[n], error, sums)]
            moved.value[n] = sums
    return found | {"input": moved.error}


def _gradients(case: Expected, softmaxes: list[Softmax], picks: list, q: Vector,
               eq: Vector) -> Run:
    """Sizes and bounds of the gradient at the scores."""
    rows = [picked(case, *row) for row in zip(softmaxes, picks, q, eq)]
    return Run([value for value, _ in rows], [error for _, error in rows])

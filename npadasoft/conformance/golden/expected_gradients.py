"""The expected gradients of a case: values are differences of the definition, bounds are not.

Every value comes from `oracle.py`; `bounds.py` says how far a right port may be off.
"""
from __future__ import annotations

from decimal import Decimal
from math import prod
from typing import Any, Sequence

from npadasoft.conformance.golden import bounds, oracle
from npadasoft.conformance.golden.expected_values import Expected, Softmax
from npadasoft.conformance.golden.recipe import parameter_shapes
from npadasoft.conformance.golden.sheet import NAN, ZERO, Vector


def of_output_and_loss(case: Expected) -> None:
    """Cotangents of `output` and `loss`, through the target's own softmaxes alone."""
    seeds, e_seeds = row_seeds(case)
    arriving = [f"cotangents.{name}" for name in case.recipe.cotangents]
    head = [picked(case, s, place[1], q, e) for s, place, q, e in
            zip(case.head, case.places, seeds, e_seeds)]
    values = [oracle.logit_gradient(s.z, place[1], q, case.step) for s, place, q in
              zip(case.head, case.places, seeds)]
    case.sheet.put_trace("grad.head_logits", values, [e for _, e in head],
                         ["head_log_prob", "head_column", *arriving],
                         len(case.parameters["head.weight"]))
    tails = [_tail_logits(case, i, seeds, e_seeds, arriving) for i in range(len(case.tails))]
    limits = bounds.pull_back(([v for v, _ in head], [e for _, e in head]), tails,
                              case.problem.xs, case.parameters)
    _tail_hidden(case, limits, seeds)
    hidden = [f"grad.tail.{i}.hidden" for i, tail in enumerate(case.tails) if tail.rows]
    pulled_back(case, case.problem, seeds, limits, ["grad.head_logits", *hidden], _origin)


def of_log_prob(case: Expected) -> None:
    """Cotangents of all log-probabilities: every row goes through every tail."""
    ends, everyone = case.cutoffs, case.everyone
    flat = [Decimal(v) for v in case.recipe.cotangents["log_prob"]["data"]]
    seeds = [flat[n * ends[-1]:(n + 1) * ends[-1]] for n in range(len(everyone.xs))]
    softmaxes, all_tails = case.all_softmaxes()
    head = []
    for row, s in zip(seeds, softmaxes):
        parts = [row[a:b] for a, b in zip(ends, ends[1:])]
        a = row[:ends[0]] + [bounds.total(part) for part in parts]
        ea = [ZERO] * ends[0] + [(len(part) - 1) * bounds.total(map(abs, part)) for part in parts]
        head.append(bounds.logit_gradient(a, s.z, s.log_p, s.error, ea, case.sheet.sharp))
    tails = []
    for i, tail in enumerate(all_tails):
        found = [bounds.logit_gradient(row[ends[i]:ends[i + 1]], s.z, s.log_p, s.error,
                                       sharp=case.sheet.sharp)
                 for row, s in zip(seeds, tail.softmax)]
        tails.append(_tail_bounds(tail, found))
    limits = bounds.pull_back(([v for v, _ in head], [e for _, e in head]), tails, everyone.xs,
                              case.parameters)
    after = ["log_prob", "cotangents.log_prob"]
    pulled_back(case, everyone, seeds, limits, after, lambda name: after)


def row_seeds(case: Expected) -> tuple[Vector, Vector]:
    """What arrives at each row's output, directly and through the loss, and its bound."""
    kind, M = case.recipe.config.get("reduction", "mean"), len(case.sheet.kept)
    seeds, errors = [], []
    for n in case.sheet.finite:
        direct, through = _cotangent(case, "output", n), -_cotangent(case, "loss", n)
        error = ZERO
        if kind == "mean" and M > 1:
            through /= M
            error = abs(through)
        seeds.append(direct + through)
        errors.append(error + (abs(seeds[-1]) if direct and through else 0))
    return seeds, errors


def _cotangent(case: Expected, name: str, n: int) -> Decimal:
    t = case.recipe.cotangents.get(name)
    return Decimal(t["data"][n if t["shape"] else 0]) if t else ZERO


def picked(case: Expected, s: Softmax, place: int, q: Decimal,
           e: Decimal) -> tuple[Vector, Vector]:
    """Size and bound of the gradient at scores of which one log-probability was taken."""
    a, ea = [ZERO] * len(s.z), [ZERO] * len(s.z)
    a[place], ea[place] = q, e
    return bounds.logit_gradient(a, s.z, s.log_p, s.error, ea, case.sheet.sharp)


def _tail_bounds(tail, found: Sequence[tuple[Vector, Vector]]) -> dict[str, Any]:
    return {"rows": tail.rows, "hidden": tail.hidden, "hidden_error": tail.hidden_error,
            "size": [v for v, _ in found], "error": [e for _, e in found]}


def _tail_logits(case: Expected, i: int, seeds: Vector, e_seeds: Vector,
                 arriving: list[str]) -> dict[str, Any]:
    tail = case.tails[i]
    picks = [case.places[n][2] for n in tail.rows]
    found = [picked(case, s, k, seeds[n], e_seeds[n])
             for n, k, s in zip(tail.rows, picks, tail.softmax)]
    values = [oracle.logit_gradient(s.z, k, seeds[n], case.step)
              for n, k, s in zip(tail.rows, picks, tail.softmax)]
    case.sheet.put_trace(f"grad.tail.{i}.logits", values, [e for _, e in found],
                         [f"tail.{i}.log_prob", f"tail.{i}.relative_target", *arriving],
                         case.cutoffs[i + 1] - case.cutoffs[i],
                         [case.sheet.finite[n] for n in tail.rows])
    return _tail_bounds(tail, found)


def _tail_hidden(case: Expected, limits: dict[str, Any], seeds: Vector) -> None:
    for i, tail in enumerate(case.tails):
        first, second = (case.parameters[f"tail.{i}.{k}.weight"] for k in (0, 1))
        bias = case.parameters.get(f"tail.{i}.1.bias")
        values = [oracle.hidden_gradient(h, second, case.places[n][2], seeds[n], case.step, bias)
                  for n, h in zip(tail.rows, tail.hidden)]
        case.sheet.put_trace(f"grad.tail.{i}.hidden", values, limits[f"grad.tail.{i}.hidden"],
                             [f"grad.tail.{i}.logits"], len(first),
                             [case.sheet.finite[n] for n in tail.rows])


def _origin(name: str) -> list[str]:
    """What the gradient of a parameter is computed from."""
    if name.startswith("head"):
        return ["grad.head_logits", "input"] if name == "head.weight" else ["grad.head_logits"]
    _, i, k, kind = name.split(".")
    if kind == "bias":
        return [f"grad.tail.{i}.logits"]
    return ([f"grad.tail.{i}.hidden", "input"] if k == "0"
            else [f"grad.tail.{i}.logits", f"tail.{i}.hidden"])


def pulled_back(case: Expected, problem: oracle.Problem, seeds: Sequence[Any],
                limits: dict[str, Any], after: list[str], origin) -> None:
    """grad.input and the gradients of all parameters."""
    case.sheet.put_batch("grad.input", oracle.input_gradient(problem, seeds, case.step),
                         limits["grad.input"], after, case.recipe.config["in_features"])
    for name, shape in parameter_shapes(case.recipe.config).items():
        rows = limits.get(f"grad.{name}", [])
        errors = [e for row in rows for e in (row if isinstance(row, list) else [row])]
        case.sheet.put(f"grad.{name}", shape,
                       _parameter(case, problem, name, seeds, prod(shape)),
                       errors or [ZERO] * prod(shape), origin(name))


def _parameter(case: Expected, problem: oracle.Problem, name: str, seeds: Sequence[Any],
               size: int) -> Vector:
    """nan everywhere if a row that is not finite reaches this parameter."""
    everywhere = name.startswith("head")
    if any(everywhere or case.sheet.tail(n) == int(name.split(".")[1]) for n in case.sheet.broken):
        return [NAN] * size
    return oracle.parameter_gradient(problem, name, seeds, case.recipe.at.get(f"grad.{name}"),
                                     case.step)

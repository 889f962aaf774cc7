"""The expected numbers of the head alone: cross-entropy of a linear map, in values and gradients.

Each row's score is Σ_k w[k] ℓ[k], w = (1 - ε) at the target and ε/C everywhere, ε the smoothing of
labels; the loss is the negated mean, sum, or row.
"""
from __future__ import annotations

from decimal import Decimal

from npadasoft.conformance.golden import bounds, oracle
from npadasoft.conformance.golden.expected_gradients import pulled_back, row_seeds
from npadasoft.conformance.golden.expected_values import Expected
from npadasoft.conformance.golden.recipe import Recipe
from npadasoft.conformance.golden.sheet import Vector


def is_linear(recipe: Recipe) -> bool:
    """Whether a recipe asks for the head alone."""
    return not recipe.config["cutoffs"] and bool(recipe.inputs)


def forward(case: Expected) -> None:
    """head_logits, head_log_prob, loss."""
    C = case.recipe.config["n_classes"]
    z, errors, bits = case._head_scores(case.problem.xs)
    case.head = case._head(case.problem.xs)
    case.sheet.put_trace("head_logits", z, errors, ["input"], C, bits=bits)
    case.sheet.put_trace("head_log_prob", [s.log_p for s in case.head],
                         [s.error for s in case.head], ["head_logits"], C)
    values, limits = [], []
    for s, w in zip(case.head, weights(case)):
        parts = [a * b for a, b in zip(w, s.log_p) if a]
        value = bounds.total(parts)
        error = bounds.total(a * b for a, b in zip(w, s.error))
        values.append(value)
        limits.append(error + (len(parts) + 1) * bounds.total(map(abs, parts)) * (len(parts) > 1))
    case.loss("loss", values, limits, ["head_log_prob", "target"])


def weights(case: Expected) -> list[Vector]:
    """What each log-probability of each row counts."""
    C, e = case.recipe.config["n_classes"], _smoothing(case)
    return [[e / C + (1 - e) * (k == y) for k in range(C)] for y in case.problem.targets]


def _smoothing(case: Expected) -> Decimal:
    return Decimal(case.recipe.config.get("label_smoothing", 0))


def backward(case: Expected) -> None:
    """Gradients of the loss: differences, as everywhere."""
    seeds, e_seeds = row_seeds(case)
    whole, values, found = [], [], []
    for s, w, q, e in zip(case.head, weights(case), seeds, e_seeds):
        a, z = [q * v for v in w], list(s.z)
        ea = [e * v + 2 * abs(q * v) * bool(_smoothing(case)) for v in w]
        found.append(bounds.logit_gradient(a, s.z, s.log_p, s.error, ea, case.sheet.sharp))

        def score() -> Decimal:
            return bounds.total(v * b for v, b in zip(w, oracle.log_softmax(z)) if v)
        values.append([q * d for d in oracle.slopes(score, oracle.slots(z), case.step)])
        whole.append(a)
    case.sheet.put_trace("grad.head_logits", values, [e for _, e in found],
                         ["head_log_prob", "target", "cotangents.loss"],
                         case.recipe.config["n_classes"])
    limits = bounds.pull_back(([v for v, _ in found], [e for _, e in found]), [],
                              case.problem.xs, case.parameters)
    pulled_back(case, case.problem, whole if _smoothing(case) else seeds, limits,
                ["grad.head_logits"], lambda name: ["grad.head_logits", "input"][:1 + (
                    name == "head.weight")])

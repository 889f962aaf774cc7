"""From a recipe to a case: its numbers, then its gradients, each with bound and origin."""
from __future__ import annotations

from decimal import localcontext
from typing import Any

from npadasoft.conformance.golden import (expected_gradients, expected_input, expected_linear,
                                          expected_tangents, oracle, spread)
from npadasoft.conformance.golden.expected_values import Expected
from npadasoft.conformance.golden.recipe import Recipe


def case_of(recipe: Recipe, more: int = 0) -> dict[str, Any]:
    """The case as it stands in a file.  `more` digits, and a smaller step, change nothing in it."""
    case = {"id": recipe.id, "since": recipe.since, "tier": recipe.tier, "result": recipe.result,
            "flags": list(recipe.flags), "comment": recipe.comment, "config": recipe.config}
    if recipe.inputs:
        case |= {"params": recipe.params, "inputs": recipe.inputs}
    if recipe.cotangents:
        case["cotangents"] = recipe.cotangents
    if recipe.tangents:
        case["tangents"] = recipe.tangents
    return case | {"expected": recipe.given if recipe.given is not None
                   else tensors(recipe, more)}


def tensors(recipe: Recipe, more: int = 0) -> dict[str, Any]:
    """Name -> expected tensor with bound and origin, in the order of computation."""
    if "index" in recipe.inputs:
        return expected_input.tensors(recipe, more)
    case, ops, cotangents = Expected(recipe, more), recipe.ops, recipe.cotangents
    with localcontext() as context:
        context.prec = oracle.digits(case.everyone) + more
        if expected_linear.is_linear(recipe):
            expected_linear.forward(case)
            if "backward" in ops:
                expected_linear.backward(case)
            return case.sheet.found
        if "forward" in ops:
            case.forward()
        if {"log_prob", "predict", "topk"} & set(ops):
            case.log_prob(ops)
        if "log_prob" in cotangents:
            expected_gradients.of_log_prob(case)
        elif "backward" in ops:
            expected_gradients.of_output_and_loss(case)
        if "jvp" in ops:
            expected_tangents.of_output(case)
        if "log_prob_jvp" in ops:
            expected_tangents.of_log_prob(case)
        if "hvp" in ops:
            context.prec += expected_tangents.MORE_DIGITS
            expected_tangents.of_gradients(case)
        if spread.FLAG in recipe.flags:
            spread.add(case)
    return case.sheet.found

"""Many generic numbers, for what no single one shows: errors that are too large in the mean, or
lean to one side.
"""
from typing import Any

from npadasoft.conformance.golden.recipe import FORWARD, build, config

NEW: dict[str, Any] = {"since": "1.1.0", "tier": "quality"}
FLAGS = ["Statistics", "Rounding"]
FEW = list(range(8))            # of what lies between: the file stays small


def recipes():
    return [*_exact(), *_generic()]


def _exact():
    """Exact scores: all that errs is exp, log and the sum between them."""
    layer = config(4, 12, [6, 9], 2.0)
    targets = [(5 * n + n // 12) % 12 for n in range(1024)]
    between = ["cluster", "head_column", "head_logits", "head_log_prob",
               *[f"tail.{i}.{part}" for i in range(2)
                 for part in ("relative_target", "hidden", "logits", "log_prob")]]
    return [
        build("R01", "1,024 rows of exact scores: the errors of their outputs, taken together",
              ["Statistics", "ExactGemm"], layer, targets, ops=FORWARD,
              at=dict.fromkeys(between, FEW), **NEW),
        build("R02", "2,048 log-probabilities of exact scores: the errors of exp and log, taken "
              "together", ["Statistics", "ExactGemm"], config(4, 16, [10], 2.0), [0] * 128,
              ops=("log_prob",), **NEW),
    ]


def _generic():
    def numbers(draw, shape):
        return draw.generic(shape)
    layer = config(24, 40, [28], 2.0)
    targets = [(5 * n) % 28 if n % 2 else 28 + (5 * n) % 12 for n in range(48)]
    between = ["cluster", "head_column", "head_logits", "head_log_prob", "tail.0.relative_target",
               "tail.0.hidden", "tail.0.logits", "tail.0.log_prob", "grad.head_logits",
               "grad.tail.0.hidden", "grad.tail.0.logits"]
    kept = {"grad.head.weight": list(range(5, 29 * 24, 11)),
            "grad.tail.0.0.weight": list(range(2, 12 * 24, 7)),
            "grad.tail.0.1.weight": list(range(1, 12 * 12, 4))}
    return [
        build("R03", "2,560 log-probabilities of generic numbers: how product sums of 64 terms "
              "are added up", FLAGS, config(64, 40, [24], 4.0), [0] * 64, ops=("log_prob",),
              numbers=numbers, **NEW),
        build("R04", "1,152 gradients at generic inputs, and some at the weights: how product "
              "sums are added up on the way back", FLAGS, layer, targets,
              cotangents=("output", "loss"), numbers=numbers,
              at=kept | dict.fromkeys(between, FEW), **NEW),
    ]
